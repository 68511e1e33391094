import { expect, test } from 'vitest';
import { readMessage } from './read-message.ts';

test.each([
  [
    { id: 1, method: 'x', params: {} },
    { id: 1, method: 'x', params: {} },
  ],
  [{ method: 'x', params: null, more: 1 }, { method: 'x' }],
  [
    { id: 'a', result: { a: 1 }, error: null },
    { id: 'a', result: { a: 1 } },
  ],
  [
    { id: 1, result: 'text' },
    { id: 1, result: 'text' },
  ],
  [{ id: 1 }, { id: 1 }],
  [
    { id: 1, error: { code: -1, message: 'no', data: 0, more: 1 } },
    { id: 1, error: { code: -1, message: 'no', data: 0 } },
  ],
  [
    { id: 1, error: { code: 'x' } },
    { id: 1, error: { code: -32603 } },
  ],
])('%j is read as %j', (written, message) => {
  expect(readMessage({ jsonrpc: '2.0', ...written })).toMatchObject(message);
});

test.each([
  null,
  'text',
  [],
  {},
  { jsonrpc: '1.0', id: 1, result: {} },
  { jsonrpc: '2.0', id: null, result: {} },
  { jsonrpc: '2.0', id: 1.5, result: {} },
  { jsonrpc: '2.0', id: {}, method: 'x' },
  { jsonrpc: '2.0', id: 1, method: 7 },
  { jsonrpc: '2.0', id: 1, method: 'x', params: [] },
])('%j is no message', (written) => {
  expect(readMessage(written)).toBeUndefined();
});
