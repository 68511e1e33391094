import { describe, expect, it } from 'vitest';
import { type HeaderPairs, headersOf, INITIALIZE, raw, rpc } from '../../support/wire.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const SSE: HeaderPairs = [['accept', 'text/event-stream']];

const bearer = async (subject = 'alice'): Promise<HeaderPairs> => [
  ['authorization', `Bearer ${await signToken(subject)}`],
];

describe('[mcp-auth/endpoint.info] GET {base}', () => {
  it.each(['stateless', 'stateful'] as const)(
    'tells what there is, without a credential (%s)',
    async (sessionMode) => {
      const { url } = await startWrapped({
        name: 'my-server',
        version: '1.2.3',
        resourceType: ' MyAPI ',
        sessionMode,
      });
      const answer = await raw(url, { headers: [['accept', 'application/json']] });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe('application/json');
      expect(answer.json).toEqual({
        name: 'my-server',
        version: '1.2.3',
        resourceType: 'myapi',
        sessionMode,
        endpoints: { message: '/mcp/message', health: '/mcp/health' },
        documentation: expect.stringMatching(/^https:/),
      });
    },
  );

  it('names the endpoints below a path of its own', async () => {
    const { url } = await startWrapped({ transport: { basePath: '/' } });
    expect((await raw(url)).json).toMatchObject({ endpoints: { message: '/message', health: '/health' } });
    const { url: deep } = await startWrapped({ transport: { basePath: '/a/b' } });
    expect((await raw(deep)).json).toMatchObject({
      endpoints: { message: '/a/b/message', health: '/a/b/health' },
    });
  });
});

describe('[mcp-auth/endpoint.health] GET {base}/health', () => {
  it('is healthy without a credential, and tells nothing about users', async () => {
    const { url } = await startWrapped();
    await rpc(url, {
      era: '2025-11-25',
      method: 'tools/call',
      params: { name: 'whoami' },
      token: await signToken('alice'),
    });
    const answer = await raw(`${url}/health`);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ status: 'healthy', timestamp: expect.any(String) });
  });

  it('is no way around authentication for other methods', async () => {
    const { url } = await startWrapped();
    expect((await raw(`${url}/health`, { method: 'POST', body: '{}' })).status).toBe(401);
  });
});

describe('[mcp-auth/endpoint.get-delete] GET with an event stream, and DELETE', () => {
  it.each(['GET', 'DELETE'])('%s needs a credential, in either mode', async (method) => {
    for (const sessionMode of ['stateless', 'stateful'] as const) {
      const { url } = await startWrapped({ sessionMode });
      for (const path of ['', '/message']) {
        expect((await raw(`${url}${path}`, { method, headers: SSE })).status).toBe(401);
      }
    }
  });

  it.each(['GET', 'DELETE'])('%s is a 405 on a stateless server', async (method) => {
    const { url } = await startWrapped();
    const answer = await raw(url, { method, headers: [...SSE, ...(await bearer())] });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('POST');
    expect(answer.json).toMatchObject({
      jsonrpc: '2.0',
      id: null,
      error: { data: { code: 'METHOD_NOT_ALLOWED' } },
    });
  });

  it.each(['', '/message'])('serve the sessions of a stateful server at {base}%s', async (alias) => {
    const { url } = await startWrapped({ sessionMode: 'stateful' });
    const token = await signToken('alice');
    const opened = await rpc(`${url}${alias}`, {
      era: '2025-11-25',
      method: 'initialize',
      params: INITIALIZE,
      token,
    });
    const id = String(opened.headers['mcp-session-id']);
    const headers: HeaderPairs = [
      ['authorization', `Bearer ${token}`],
      ['mcp-session-id', id],
      ['mcp-protocol-version', '2025-11-25'],
    ];

    const stream = raw(`${url}${alias}`, { headers: [...headers, ...SSE] });
    expect((await raw(`${url}${alias}`, { method: 'DELETE', headers })).status).toBe(200);
    // The stream was open until its session ended.
    expect(await stream).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' } });
    const after = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token,
      headers: [['mcp-session-id', id]],
    });
    expect(after.status).toBe(404);
    expect(after.json).toMatchObject({ error: { message: 'Unknown session', data: { code: 'NOT_FOUND' } } });
  });

  it('say the same of a session that never was, has ended, or is another user’s', async () => {
    const { url } = await startWrapped({ sessionMode: 'stateful' });
    const opened = await rpc(url, {
      era: '2025-11-25',
      method: 'initialize',
      params: INITIALIZE,
      token: await signToken('alice'),
    });
    const id = String(opened.headers['mcp-session-id']);
    for (const method of ['GET', 'DELETE', 'POST']) {
      const answers = await Promise.all(
        [id, crypto.randomUUID()].map(async (session) => {
          const call = { era: '2025-11-25', method: 'tools/list', token: await signToken('bob') } as const;
          const headers: HeaderPairs = [...headersOf(call), ['mcp-session-id', session]];
          const body =
            method === 'POST'
              ? { body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }) }
              : {};
          const { status, text } = await raw(url, { method, headers, ...body });
          return { status, text };
        }),
      );
      expect(answers[0]).toEqual(answers[1]);
      expect(answers[0]?.status).toBe(404);
    }
    const own = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token: await signToken('alice'),
      headers: [['mcp-session-id', id]],
    });
    expect(own.status).toBe(200);
  });
});
