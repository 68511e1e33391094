import { describe, expect, it } from 'vitest';
import { type Call, ERAS, headersOf, INITIALIZE, messageOf, raw, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const LIST = { era: '2025-11-25', method: 'tools/list' } as const;

/** The code that a JSON-RPC error of ours carries in its data. */
const dataCode = (json: unknown): unknown =>
  (json as { readonly error?: { readonly data?: { readonly code?: unknown } } } | undefined)?.error?.data
    ?.code;

describe('[mcp-auth/endpoint.post] POST', () => {
  it.each(ERAS.flatMap((era) => ['', '/message'].map((alias) => ({ era, alias }))))(
    'serves era $era at {base}$alias',
    async ({ era, alias }) => {
      const { url } = await startWrapped();
      const token = await signToken('alice');
      const call: Call = { era, token, method: 'tools/call', params: { name: 'whoami' } };
      const answer = await rpc(`${url}${alias}`, call);
      expect(answer.status).toBe(200);
      expect(answer.json).toMatchObject({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text' }] } });
      expect(answer.text).toContain('alice');
    },
  );

  it.each(CLIENTS)('serves a %s client that was given the alias', async (kind) => {
    const { url } = await startWrapped();
    const client = await connect(kind, `${url}/message`, await signToken('alice'));
    expect((await client.call('work')).text).toBe('done');
  });

  it.each(['', '/message'])('serves nobody without a credential at {base}%s', async (alias) => {
    const { url, journal } = await startWrapped();
    const answer = await rpc(`${url}${alias}`, {
      era: '2025-11-25',
      method: 'initialize',
      params: INITIALIZE,
    });
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ error: 'A credential is required', code: 'MISSING_CREDENTIALS' });
    expect(journal.built).toEqual([]);
  });

  it('serves a batch of the 2025 era', async () => {
    const { url } = await startWrapped();
    const call = { ...LIST, token: await signToken('alice') };
    const body = JSON.stringify([messageOf({ ...call, id: 1 }), messageOf({ ...call, id: 2 })]);
    const headers = headersOf(call).map(([name, value]): [string, string] => [
      name,
      name === 'mcp-protocol-version' ? '2025-03-26' : value,
    ]);
    const answer = await raw(url, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('"id":1');
    expect(answer.text).toContain('"id":2');
  });

  it.each([
    ['no JSON', '{"jsonrpc":', 400, 'VALIDATION_ERROR', -32700],
    ['no message', '{"hello":"world"}', 400, 'VALIDATION_ERROR', -32600],
    ['an empty batch', '[]', 400, 'VALIDATION_ERROR', -32600],
    ['an empty body', '', 400, 'VALIDATION_ERROR', -32700],
    ['one id twice', JSON.stringify([messageOf(LIST), messageOf(LIST)]), 400, 'VALIDATION_ERROR', -32600],
    ['too deep', '['.repeat(100) + ']'.repeat(100), 400, 'VALIDATION_ERROR', -32600],
  ])('answers %s with a JSON-RPC error with our code', async (_name, body, status, code, rpcCode) => {
    const { url, journal } = await startWrapped();
    const headers = headersOf({ ...LIST, token: await signToken('alice') });
    const answer = await raw(url, { method: 'POST', headers, body });
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: rpcCode, data: { code } } });
    expect(journal.built).toEqual([]);
  });

  it('answers another content type with 415, and a body that is too large with 413', async () => {
    const { url } = await startWrapped();
    const token = await signToken('alice');
    const headers = headersOf({ ...LIST, token });
    const asText = headers.map(([name, value]): [string, string] => [
      name,
      name === 'content-type' ? 'text/plain' : value,
    ]);
    const plain = await raw(url, { method: 'POST', headers: asText, body: '{}' });
    expect({ status: plain.status, code: dataCode(plain.json) }).toEqual({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    });
    const large = await raw(url, { method: 'POST', headers, body: `"${'x'.repeat(4_194_304)}"` });
    expect({ status: large.status, code: dataCode(large.json) }).toEqual({
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  it.each(['PUT', 'PATCH'])('answers %s with a 405 that says what is allowed', async (method) => {
    const { url } = await startWrapped();
    const headers = headersOf({ ...LIST, token: await signToken('alice') });
    const answer = await raw(url, { method, headers, body: '{}' });
    expect({ status: answer.status, code: dataCode(answer.json) }).toEqual({
      status: 405,
      code: 'METHOD_NOT_ALLOWED',
    });
    expect(answer.headers.allow).toBe('GET, POST, DELETE');
  });

  it.each(['/', '/mcp/', '/mcp/messages', '/mcp/message/x', '/MCP', '/mcp%2fmessage'])(
    'answers %s with 404',
    async (path) => {
      const { url } = await startWrapped();
      const headers = headersOf({ ...LIST, token: await signToken('alice') });
      const answer = await raw(new URL(url).origin + path, { method: 'POST', headers, body: '{}' });
      expect({ status: answer.status, code: dataCode(answer.json) }).toEqual({
        status: 404,
        code: 'NOT_FOUND',
      });
    },
  );
});
