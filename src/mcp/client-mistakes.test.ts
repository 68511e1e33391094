import { ProtocolError, SdkError, SdkErrorCode } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { startNotes } from '../../test/support/notes-gate.ts';
import { MODES, openPeer } from '../../test/support/peers.ts';
import { raw } from '../../test/support/wire.ts';
import { isClientMistake, withoutClientMistakes } from './client-mistakes.ts';

describe('isClientMistake', () => {
  it.each([
    ['a request that the SDK refused', new ProtocolError(-32602, 'Invalid params')],
    ['a client that is gone', new SdkError(SdkErrorCode.NotConnected, 'Not connected')],
    ['an answer to nothing', new Error('Received a response for an unknown message ID: 7')],
  ])('is true of %s', (_what, error) => {
    expect(isClientMistake(error)).toBe(true);
  });

  it.each([
    ['an internal error', new ProtocolError(-32603, 'Internal error')],
    ['an error of a factory', new Error('no database')],
    ['anything that is no error', 'Bad Request: no'],
  ])('is false of %s', (_what, error) => {
    expect(isClientMistake(error)).toBe(false);
  });
});

it('passes on the rest', () => {
  const seen: unknown[] = [];
  const report = withoutClientMistakes((error) => seen.push(error));
  const fault = new Error('no database');
  for (const error of [new Error('Era mismatch on inbound request'), fault]) report(error);
  expect(seen).toEqual([fault]);
});

describe.each(MODES)('a gate in the mode $mode', (mode) => {
  it('does not trouble its operator with what clients send wrong', async () => {
    const errors: unknown[] = [];
    const { url, token } = await startNotes({ mode, onError: (error) => void errors.push(error) });
    const peer = await openPeer({ url }, mode, await token());
    const headers = peer.headers({ method: 'tools/list' });
    const post = (body: unknown, more: readonly [string, string][] = []) =>
      raw(url, { method: 'POST', headers: [...headers, ...more], body: JSON.stringify(body) });
    const without = (name: string) => headers.filter(([key]) => key.toLowerCase() !== name);
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
    await post({ jsonrpc: '2.0', id: 99, result: {} });
    await post({ ...list, params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '1999-01-01' } } });
    await post({ ...list, method: 'no/such' });
    await post({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 7, progress: 1 },
    });
    for (const name of ['accept', 'mcp-protocol-version', 'mcp-method'])
      await raw(url, { method: 'POST', headers: without(name), body: JSON.stringify(list) });
    expect(errors.map(String)).toEqual([]);
  });
});
