import { describe, expect, test } from 'vitest';
import { takeSnapshot } from './snapshot.ts';

describe('takeSnapshot', () => {
  test('copies data, so that a later change does not reach it', () => {
    const input = { list: [{ a: 1 }] };
    const { value } = takeSnapshot(input);
    input.list.push({ a: 2 });
    expect(value).toEqual({ list: [{ a: 1 }] });
  });

  test('reads a property once', () => {
    let reads = 0;
    const input = {
      get secret() {
        reads += 1;
        return reads;
      },
    };
    expect(takeSnapshot(input).value).toEqual({ secret: 1 });
    expect(reads).toBe(1);
  });

  test('passes instances and functions on as they are', () => {
    class Provider {
      authenticate = () => undefined;
    }
    const instance = new Provider();
    const literal = { authenticate: () => undefined };
    const callback = () => undefined;
    const { value } = takeSnapshot([instance, literal, callback]);
    expect(value).toEqual([instance, literal, callback]);
    expect((value as unknown[])[0]).toBe(instance);
    expect((value as unknown[])[1]).toBe(literal);
  });

  test('refuses `__proto__` as a key', () => {
    const { value, problems } = takeSnapshot(JSON.parse('{"a":{"__proto__":{"polluted":true}}}'));
    expect(problems).toEqual([{ path: ['a'], message: '`__proto__` is not allowed as a key' }]);
    expect(value).toEqual({ a: {} });
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('refuses what refers to itself, nests without end or is huge', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(takeSnapshot(circle).problems).toEqual([{ path: ['self'], message: 'refers to itself' }]);

    let deep: unknown = 1;
    for (let level = 0; level < 100; level++) deep = [deep];
    expect(takeSnapshot(deep).problems[0]?.message).toContain('levels deep');

    // Each level holds the next one twice: 2^30 values when written out.
    let doubled: unknown = 1;
    for (let level = 0; level < 30; level++) doubled = [doubled, doubled];
    expect(takeSnapshot(doubled).problems.map(({ message }) => message)).toEqual([
      'The configuration has more than 50000 values',
    ]);
  });

  test('survives what throws when it is read', () => {
    const hostile = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('no');
        },
      },
    );
    expect(takeSnapshot({ hostile }).problems).toEqual([
      { path: [], message: 'The configuration cannot be read' },
    ]);
  });
});
