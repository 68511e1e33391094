import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { readExpress4Mount } from './express4-mount.ts';

const require = createRequire(import.meta.url);
const { Router } = require('express4') as { Router: (options?: object) => Router4 };

interface Router4 {
  use(path: unknown, handler: () => void): void;
  readonly stack: readonly { readonly regexp: RegExp; readonly keys: readonly unknown[] }[];
}

function mounted(path: unknown, options?: object) {
  const router = Router(options);
  router.use(path, () => {});
  const [layer] = router.stack;
  return readExpress4Mount(layer?.regexp, layer?.keys);
}

describe('readExpress4Mount', () => {
  it.each([
    ['/', '/'],
    ['/api', '/api'],
    ['/api/', '/api'],
    ['/api/v1.2/x-y_z~', '/api/v1.2/x-y_z~'],
    ['/:tenant', '/:tenant'],
    ['/t/:tenant/x/:id/', '/t/:tenant/x/:id'],
    ['/a@b,c;d=e', '/a@b,c;d=e'],
  ])('reads %s as %s', (path, source) => {
    expect(mounted(path)?.source).toBe(source);
    expect(mounted(path, { caseSensitive: true })?.source).toBe(source);
  });

  it.each([
    ['*'],
    ['/a*'],
    ['/:id?'],
    ['/:id*'],
    ['/:id(\\d+)'],
    ['/:a-:b'],
    ['/:a.:b'],
    ['/ab?c'],
    ['/a+'],
    ['/(a|b)'],
    ['/[ab]'],
    ['/a$'],
    [['/a', '/b']],
    [/^\/a/],
    [/^\/a\/?(?=\/|$)/g],
    [/\/a\/?(?=\/|$)/],
  ])('does not read %s', (path) => {
    expect(mounted(path)).toBeUndefined();
  });

  it('reads what older versions of path-to-regexp made', () => {
    const keys = [{ name: 'id' }];
    const older = new RegExp(String.raw`^\/t\/(?:([^\/]+?))\/?(?=\/|$)`, 'i');
    expect(readExpress4Mount(older, keys)?.source).toBe('/t/:id');
    expect(readExpress4Mount(older, [])).toBeUndefined();
    expect(readExpress4Mount(/^\/t\/?(?=\/|$)/i, keys)).toBeUndefined();
  });
});
