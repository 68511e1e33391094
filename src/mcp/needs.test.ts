import { describe, expect, it } from 'vitest';
import { needsAll, needsOf } from './needs.ts';
import type { JsonObject } from './server-product.ts';

const KINDS = ['tool', 'prompt', 'resource'] as const;
const needs = (method: string, params?: JsonObject) => needsOf({ jsonrpc: '2.0', id: 1, method, params });

describe('what a server needs that is built for one request', () => {
  it.each([
    ['tools/call', 'tool'],
    ['prompts/get', 'prompt'],
  ] as const)('is of %s what is called, of its kind alone', (method, called) => {
    const isNeeded = needs(method, { name: 'echo' });
    expect(KINDS.filter((kind) => isNeeded(kind, 'echo'))).toEqual([called]);
    for (const name of ['Echo', 'echo ', '', 'other']) expect(isNeeded(called, name)).toBe(false);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'is nothing but what is called, be that %s',
    (name) => {
      const isNeeded = needs('tools/call', { name });
      expect(KINDS.filter((kind) => isNeeded(kind, name))).toEqual(['tool']);
      expect(isNeeded('tool', 'echo')).toBe(false);
      // A method of that name calls nothing.
      expect(needs(name, { name: 'echo' })).toBe(needsAll);
    },
  );

  it.each([undefined, {}, { name: undefined }, { name: 1 }, { name: ['echo'] }, { uri: 'echo' }])(
    'is nothing when the call names nothing: %j',
    (params) => {
      const isNeeded = needs('tools/call', params);
      expect(['echo', '', 'undefined', '1'].filter((name) => isNeeded('tool', name))).toEqual([]);
    },
  );

  it.each(['tools/list', 'resources/read', 'completion/complete', 'initialize', 'com.example/own'])(
    'is everything for %s',
    (method) => {
      expect(needs(method, { name: 'echo', uri: 'echo' })).toBe(needsAll);
      expect(KINDS.every((kind) => needsAll(kind, 'whatever'))).toBe(true);
    },
  );
});
