import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPathBuilder } from '../../../src/express/build-path.ts';
import { parsePath } from '../../../src/express/parse-path.ts';
import { createTemplate } from '../../../src/express/route-path.ts';
import { type ExpressPackage, VERSIONS } from '../dispatch/packages.ts';

/** What Express itself makes of a path: the parameters of the route that it gives it to. */
function routeWith(express: ExpressPackage, template: string, mount: string | undefined) {
  const inner = (express.Router as (options: object) => ReturnType<typeof express.Router>)({
    mergeParams: true,
  });
  let params: Record<string, unknown> | undefined;
  inner.get(template, (request) => {
    params = { ...request.params };
  });
  const router = express.Router();
  router.use(mount ?? '/', inner);
  return (path: string) => {
    params = undefined;
    let error: unknown;
    const request = { method: 'GET', url: path };
    (router as unknown as (...args: readonly unknown[]) => void)(request, {}, (failure: unknown) => {
      error = failure;
    });
    return { params, error };
  };
}

/** Decoded values as text; a wildcard of Express 5 is a list. */
function toText(params: Record<string, unknown> | undefined): Record<string, string> {
  const entries = Object.entries(params ?? {}).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join('/') : String(value)]),
  );
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom(...'ab.-_~%/\\:;@=+&?#*(){}2DFx é\0\u{1F600}'),
    minLength: 1,
    maxLength: 12,
  }),
  fc.constantFrom(
    '.',
    '..',
    '...',
    '%2e%2e',
    '%',
    '%zz',
    '..%2f',
    ' ',
    '\t',
    '\r\n',
    '\ud800',
    'constructor',
    '-',
    '.json',
  ),
);

const EXPRESS4 = [
  '/users/:id',
  '/a/:b/c/:d',
  '/v:version/x',
  '/:file.json',
  '/:from-:to',
  '/:name.:ext',
  '/:name.:ext?',
  '/x.:ext',
  '/:a/:b?',
  '/:a?/:b?',
  '/files/*',
  '/files/*/end',
  '/n/:id(\\d+)',
  '/hex/:id([0-9a-f]{2,4})/x',
  '/:a-:b-:c',
  '/:a.:b?.:c?',
  '/:a-:b?',
  '/x-:b?/y',
];

const EXPRESS5 = [
  '/users/:id',
  '/a/:b/c/:d',
  '/v:version/x',
  '/:file.json',
  '/:from-:to',
  '/:name.:ext',
  '/:name{.:ext}',
  '/:a{/:b}',
  '{/:a}{/:b}',
  '/:a{-:b}{-:c}',
  '/files/*path',
  '/files{/*path}',
  '/files/*path/end',
  '/x/:"odd name"/y',
  '/:a-x-:b',
  '/:a{foo}',
  '/:"a"xx:b',
  '/:a{.:b{.:c}}',
  '/a-:b/c-:d.html',
];

describe.each(VERSIONS)('paths built for $version', ({ version, express }) => {
  const isExpress4 = version === 'Express 4';
  const dialect = isExpress4 ? 'express4' : 'express5';

  it.each(isExpress4 ? EXPRESS4 : EXPRESS5)(
    'reach %s and no other reading of it, or are refused',
    (template) => {
      const parsed = createTemplate(template, parsePath(template, dialect));
      const build = createPathBuilder(parsed);
      const route = routeWith(express, template, undefined);
      const values = fc.record(
        Object.fromEntries(parsed.captures.map(({ name }) => [name, fc.option(anyText, { nil: undefined })])),
      );
      let built = 0;
      fc.assert(
        fc.property(values, (given) => {
          const present = Object.entries(given).filter(
            (entry): entry is [string, string] => entry[1] !== undefined,
          );
          const result = build(new Map(present));
          if ('issues' in result) {
            expect(result.issues.length).toBeGreaterThan(0);
            return;
          }
          built++;
          expect(result.path).toMatch(/^\/[!-~]*$/);
          const { params, error } = route(result.path);
          expect(error).toBeUndefined();
          expect(toText(params)).toEqual(Object.fromEntries(present));
        }),
        { numRuns: 400 },
      );
      // A constraint leaves little of what chance makes.
      if (!template.includes('(')) expect(built).toBeGreaterThan(20);
    },
  );

  it('keep within a mount with parameters', () => {
    const template = createTemplate('/t/:tenant/x/:id', parsePath('/t/:tenant/x/:id', dialect));
    const build = createPathBuilder(template);
    const route = routeWith(express, '/x/:id', '/t/:tenant');
    fc.assert(
      fc.property(anyText, anyText, (tenant, id) => {
        const result = build(
          new Map([
            ['tenant', tenant],
            ['id', id],
          ]),
        );
        if ('issues' in result) return;
        expect(toText(route(result.path).params)).toEqual({ tenant, id });
      }),
      { numRuns: 400 },
    );
  });

  it('fit the constraint of their parameters', () => {
    const template = createTemplate('/n/:id(\\d+)', parsePath('/n/:id(\\d+)', 'express4'));
    const build = createPathBuilder(template);
    expect(build(new Map([['id', '42']]))).toMatchObject({ path: '/n/42' });
    expect(build(new Map([['id', '42x']]))).toMatchObject({ issues: [{ path: ['id'] }] });
  });
});
