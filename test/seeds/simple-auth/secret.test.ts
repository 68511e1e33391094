import { describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../../../examples/auth-token/parts/serve.ts';
import { createSecretApp, LESSON, type SecretOptions } from '../../../examples/simple-auth/step-1-secret.ts';
import { createSessionsApp } from '../../../examples/simple-auth/step-2-sessions.ts';
import { callTool, connect } from '../../../examples/simple-auth/step-3-client.ts';
import { INITIALIZE, raw, rpc } from '../../support/wire.ts';
import { type Sent, send } from '../auth-token/running-app.ts';
import { startGated } from './running-app.ts';

const SECRET = 'secret123';
const METHODS = ['GET', 'POST', 'DELETE'];

async function ask(options: Omit<SecretOptions, 'secret'>, sent: Sent) {
  const { close, url } = await serve(() => createSecretApp({ secret: SECRET, ...options }), { port: 0 });
  onTestFinished(close);
  return send(`${url}/data`, sent);
}

describe('the shared secret', () => {
  it.each(METHODS)('is asked for with a challenge (%s)', async (method) => {
    const { headers } = await ask({}, { method });
    expect(headers.get('www-authenticate')).toBe('Bearer realm="simple-auth"');
  });

  it.each(METHODS)('is challenged again where it is wrong (%s)', async (method) => {
    const { headers, status } = await ask({}, { method, authorization: 'Bearer wrong' });
    expect([status, headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="simple-auth", error="invalid_token"',
    ]);
  });

  it('is found whatever the case of the header’s name', async () => {
    expect((await ask({}, { headers: { AUTHORIZATION: `bearer ${SECRET}` } })).status).toBe(200);
  });

  it.each([`${SECRET}4`, 'secret12', '', ' ', 'Bearer', `Bearer ${SECRET} ${SECRET}`, `Basic ${SECRET}`])(
    'is not %j, for the lesson either',
    async (authorization) => {
      expect((await ask(LESSON, { authorization })).status).toBeGreaterThan(400);
    },
  );

  it('is the only way on: what comes after a refusal does not run', async () => {
    // An answer that is sent twice throws, and Express would make a 500 of it.
    const { status, text } = await ask(LESSON, { authorization: 'wrong' });
    expect([status, text]).toEqual([403, 'Forbidden']);
  });
});

const start = (preset?: 'lesson') => startGated((url) => createSessionsApp({ url, preset, secret: SECRET }));
const PRESETS = [
  { preset: undefined, authorization: `Bearer ${SECRET}` },
  { preset: 'lesson', authorization: SECRET },
] as const;

describe.each(PRESETS)('the MCP server behind the secret (preset: $preset)', ({ authorization, preset }) => {
  it.each(METHODS)('serves nobody without it (%s)', async (method) => {
    const url = await start(preset);
    expect((await send(`${url}/mcp`, { method })).text).toBe('Unauthorized');
    const { status } = await send(`${url}/mcp`, { method, authorization: 'Bearer wrong' });
    expect(status).toBe(preset === 'lesson' ? 403 : 401);
  });

  it('opens a session for a client of 2025, which ends when the client ends it', async () => {
    const url = await start(preset);
    const { client, close, sessionId } = await connect(`${url}/mcp`, { authorization, era: '2025' });
    expect(sessionId).toMatch(/^[0-9a-f-]{36}$/);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['hello']);
    expect(await callTool(client, 'hello')).toBe('hello, whoever knows');
    await close();
    const answer = await rpc(`${url}/mcp`, {
      era: '2025-11-25',
      method: 'tools/list',
      headers: [
        ['authorization', authorization],
        ['mcp-session-id', sessionId ?? ''],
      ],
    });
    expect(answer.status).toBe(preset === 'lesson' ? 400 : 404);
  });

  it('needs no session for a client of 2026', async () => {
    const url = await start(preset);
    const { client, sessionId } = await connect(`${url}/mcp`, { authorization });
    onTestFinished(() => client.close());
    expect(sessionId).toBeUndefined();
    expect(await callTool(client, 'hello')).toBe('hello, whoever knows');
  });

  it('keeps sessions apart', async () => {
    const url = await start(preset);
    const ids = await Promise.all(
      [1, 2].map(async () => {
        const { client, sessionId } = await connect(`${url}/mcp`, { authorization, era: '2025' });
        onTestFinished(() => client.close());
        return sessionId;
      }),
    );
    expect(new Set(ids).size).toBe(2);
  });

  it('does not let a client in that sends another secret', async () => {
    const url = await start(preset);
    await expect(connect(`${url}/mcp`, { authorization: 'Bearer wrong' })).rejects.toThrow();
  });

  it('hands a stream on as it comes', async () => {
    const url = await start(preset);
    const opened = await rpc(`${url}/mcp`, {
      era: '2025-11-25',
      method: 'initialize',
      params: INITIALIZE,
      headers: [['authorization', authorization]],
    });
    const id = String(opened.headers['mcp-session-id']);
    const controller = new AbortController();
    const stream = await fetch(`${url}/mcp`, {
      headers: { authorization, accept: 'text/event-stream', 'mcp-session-id': id },
      signal: controller.signal,
    });
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    controller.abort();
    const ended = await raw(`${url}/mcp`, {
      method: 'DELETE',
      headers: [
        ['authorization', authorization],
        ['mcp-session-id', id],
      ],
    });
    expect(ended.status).toBe(200);
  });
});

describe('beside the middleware', () => {
  it.each([
    ['nothing', undefined, 401, 'MISSING_CREDENTIALS'],
    ['a wrong secret', 'Bearer wrong', 401, 'INVALID_TOKEN'],
    ['the secret', `Bearer ${SECRET}`, 200, 'protocolVersion'],
  ])('the gate itself judges %s', async (_what, authorization, status, word) => {
    const url = 'http://127.0.0.1:3000';
    const { gate } = await createSessionsApp({ url, secret: SECRET });
    onTestFinished(() => gate.close());
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(authorization !== undefined && { authorization }),
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: INITIALIZE });
    const answer = await gate.fetch(new Request(`${url}/mcp`, { method: 'POST', headers, body }), {
      remoteAddress: '127.0.0.1',
    });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(word);
  });

  it('the words of the lesson are for clients that have sessions', async () => {
    const url = await start('lesson');
    const answer = await rpc(`${url}/mcp`, {
      era: '2026-07-28',
      method: 'tools/call',
      params: { name: 'hello', arguments: {} },
      headers: [
        ['authorization', SECRET],
        ['mcp-name', 'another'],
      ],
    });
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain('session');
  });
});
