import { expect, it } from 'vitest';
import { isUnknownMethod } from './unknown-method.ts';

const UNKNOWN = { jsonrpc: '2.0', id: 1, error: { code: -32601, message: 'Method not found' } } as const;

it.each([
  ['unknown/method', undefined, true],
  ['tools/list', {}, true],
  ['tools/call', { tools: {} }, false],
  ['tools/call', undefined, false],
  ['resources/read', { tools: {} }, true],
  ['completion/complete', { completions: {} }, false],
])('-32601 to %s of a server with %j: the method is unknown, %s', (method, capabilities, expected) => {
  expect(isUnknownMethod(UNKNOWN, method, capabilities)).toBe(expected);
});

it('no other answer says so', () => {
  expect(isUnknownMethod({ jsonrpc: '2.0', id: 1, result: {} }, 'unknown/method')).toBe(false);
  const other = { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'Invalid params' } } as const;
  expect(isUnknownMethod(other, 'unknown/method')).toBe(false);
});
