import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { toNode } from '../../src/adapters/node.ts';
import { serveWebSocket } from '../../src/adapters/websocket.ts';
import { environment } from '../../src/config/environment.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createGate } from '../../src/gate.ts';
import { scopesAskedBy } from '../support/challenge.ts';
import { connectV2 } from '../support/clients.ts';
import { NOTES_RULES } from '../support/notes.ts';
import { type NotesOptions, startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import {
  createWebSocketTransport,
  openRawSocket,
  type SocketInit,
  socketUrl,
  UpgradeRefused,
} from '../support/websocket-client.ts';
import { raw } from '../support/wire.ts';

const start = (options: NotesOptions = {}) =>
  startNotes({ ...options, listen: { webSocket: true, ...options.listen } });

/** The answer to an upgrade that must not succeed. */
async function refusalOf(url: string, init: SocketInit = {}): Promise<UpgradeRefused> {
  const outcome: unknown = await openRawSocket(url, init).catch((error: unknown) => error);
  if (outcome instanceof UpgradeRefused) return outcome;
  throw new Error(`The upgrade was not refused: ${String(outcome)}`);
}

const HANDSHAKE = [
  ['connection', 'Upgrade'],
  ['upgrade', 'websocket'],
  ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['sec-websocket-version', '13'],
] as const;

describe('[config/adapters-websocket] an upgrade', () => {
  test('without a credential is answered with the challenge of any request', async () => {
    const gate = await start();
    const refused = await refusalOf(socketUrl(gate.url));
    const plain = await raw(gate.url, { method: 'POST' });
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe(plain.headers['www-authenticate']);
    expect(String(refused.headers['www-authenticate'])).toContain('resource_metadata=');
    expect(refused.headers['x-request-id']).toBeTypeOf('string');
    expect(refused.headers['cache-control']).toBe('no-store');
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'MISSING_CREDENTIALS' });
    expect(gate.runs.built).toEqual([]);
  });

  test.each([
    ['an unknown token', { token: 'eyJhbGciOiJub25lIn0.e30.' }, 401, 'INVALID_TOKEN'],
    ['two credentials', { token: 'a', headers: { 'x-api-key': 'mcp_b' } }, 400, 'AMBIGUOUS_CREDENTIALS'],
    ['a foreign origin', { origin: 'https://evil.example' }, 403, 'ORIGIN_NOT_ALLOWED'],
    ['an opaque origin', { origin: 'null' }, 403, 'ORIGIN_NOT_ALLOWED'],
    ['a foreign host', { headers: { host: 'evil.example' } }, 403, 'HOST_NOT_ALLOWED'],
  ])('with %s is refused', async (_name, init, status, code) => {
    const gate = await start();
    const refused = await refusalOf(socketUrl(gate.url), init);
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([status, { code }]);
  });

  test('with a token in the query is refused: it is not looked for there', async () => {
    const gate = await start();
    const query = `?access_token=${await gate.token()}`;
    expect((await refusalOf(socketUrl(gate.url, query))).status).toBe(401);
  });

  test('for another server’s token is refused', async () => {
    const gate = await start();
    const token = await gate.token({ audience: 'https://other.example/mcp' });
    expect((await refusalOf(socketUrl(gate.url), { token })).status).toBe(401);
  });

  test('of a page with an allowed origin, and of no browser, is taken', async () => {
    const gate = await start({ listen: { allowedOrigins: ['https://app.example'] } });
    const token = await gate.token();
    for (const origin of ['https://app.example', undefined]) {
      const { socket } = await openRawSocket(socketUrl(gate.url), { token, origin });
      expect(socket.protocol).toBe('mcp');
      expect(socket.extensions).toBe('');
    }
  });

  test('without the subprotocol is taken too, and none is answered', async () => {
    const gate = await start();
    const { socket } = await openRawSocket(socketUrl(gate.url), { token: await gate.token(), protocols: [] });
    expect(socket.protocol).toBe('');
  });

  test('is refused while its address has failed too often', async () => {
    const gate = await start({ limits: { failures: { max: 2 } } });
    for (let attempt = 0; attempt < 2; attempt++) await refusalOf(socketUrl(gate.url), { token: 'bad' });
    const refused = await refusalOf(socketUrl(gate.url), { token: 'bad' });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('is refused for lack of scopes, with these', async () => {
    const gate = await start({ authorization: { ...NOTES_RULES, endpoint: { scopes: ['notes:use'] } } });
    const refused = await refusalOf(socketUrl(gate.url), { token: await gate.token() });
    expect(refused.status).toBe(403);
    expect(refused.headers['www-authenticate']).toContain('error="insufficient_scope"');
    expect(scopesAskedBy(refused)).toEqual(['notes:use']);
    const token = await gate.token({ scopes: ['notes:use'] });
    await openRawSocket(socketUrl(gate.url), { token });
    expect(gate.events.map(({ method, outcome }) => [method, outcome])).toEqual([
      ['connect', 'deny'],
      ['connect', 'allow'],
    ]);
  });

  test.each([
    ['no key', [HANDSHAKE[0], HANDSHAKE[1], HANDSHAKE[3]], 400],
    ['an old version', [...HANDSHAKE.slice(0, 3), ['sec-websocket-version', '8']], 400],
    ['another protocol', [HANDSHAKE[0], ['upgrade', 'h2c']], 404],
  ] as const)('with %s is refused', async (_name, headers, status) => {
    const gate = await start();
    const answer = await raw(`${gate.url}/ws`, { headers });
    expect(answer.status).toBe(status);
    if (status === 400) expect(answer.headers['sec-websocket-version']).toBe('13');
  });

  test('anywhere else is refused', async () => {
    const gate = await start();
    for (const path of ['/mcp', '/mcp/ws/x', '/ws']) {
      expect((await refusalOf(`${gate.origin.replace('http', 'ws')}${path}`)).status).toBe(404);
    }
  });

  test('is refused where the listener takes none, and so is a ticket', async () => {
    const gate = await startNotes();
    const token = await gate.token();
    expect((await refusalOf(socketUrl(gate.url), { token })).status).toBe(404);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${gate.url}/ticket`, { method: 'POST', headers })).status).toBe(404);
  });

  test('tells the factory what a request over HTTP would', async () => {
    const gate = await start({ server: { extras: { query: ['board'], headers: ['x-shelf'] } } });
    const client = await connectV2(
      createWebSocketTransport(socketUrl(gate.url, '?board=b&other=o'), {
        token: await gate.token(),
        headers: { 'x-shelf': 's', 'x-other': 'o' },
      }),
    );
    await client.listTools();
    expect(
      gate.runs.built.map(({ extras }) => [extras.query, extras.headers, extras.principal.subject]),
    ).toEqual(gate.runs.built.map(() => [{ board: 'b' }, { 'x-shelf': 's' }, 'alice']));
  });
});

/** A gate on a server that is not its own. */
async function host(): Promise<{
  gate: Awaited<ReturnType<typeof startNotes>>;
  server: Server;
  url: string;
}> {
  const gate = await startNotes();
  const server = createServer(toNode(gate.gate));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { gate, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` };
}

describe('[config/adapters-websocket] serveWebSocket', () => {
  test('takes upgrades on anybody’s server, and gives tickets', async () => {
    const { gate, server, url } = await host();
    const service = serveWebSocket(gate.gate, server);
    const token = await gate.token();
    const client = await connectV2(createWebSocketTransport(socketUrl(url), { token }));
    expect((await client.listTools()).tools).not.toEqual([]);
    expect(service.size).toBe(1);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${url}/ticket`, { method: 'POST', headers })).status).toBe(200);
    await client.close();
    await expect.poll(() => service.size).toBe(0);
  });

  test('leaves the upgrades of others to them, and answers those that nobody takes', async () => {
    const { gate, server, url } = await host();
    serveWebSocket(gate.gate, server);
    expect((await refusalOf(url.replace('http', 'ws'))).status).toBe(404);
    const other = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/chat') return;
      other.handleUpgrade(request, socket, head, (chat) => chat.on('message', () => chat.send('"hello"')));
    });
    const chat = await openRawSocket(new URL('/chat', url).href.replace('http', 'ws'));
    chat.send('hi');
    expect(await chat.next(() => true)).toBe('hello');
    expect((await openRawSocket(socketUrl(url), { token: await gate.token() })).socket.protocol).toBe('mcp');
  });

  test('ends with its own close, and leaves the server', async () => {
    const { gate, server, url } = await host();
    const service = serveWebSocket(gate.gate, server);
    const token = await gate.token();
    const { closed } = await openRawSocket(socketUrl(url), { token });
    await service.close();
    expect(await closed).toEqual({ code: 1001, reason: 'The gate is shutting down' });
    expect(server.listenerCount('upgrade')).toBe(0);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test('demands bounds that are some', async () => {
    const { gate } = await startNotes();
    for (const bound of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      const bounds = { heartbeatMs: bound, maxInFlight: bound };
      expect(() => serveWebSocket(gate, createServer(), bounds)).toThrow(
        /^webSocket.heartbeatMs: must be a whole number from 1 .*\nwebSocket.maxInFlight: must be/,
      );
    }
  });

  test('is refused for a gate that signs everyone in as one user', async () => {
    const ambient = await createGate({
      servers: { notes: { factory: notesFactory() } },
      auth: [{ type: 'environment' }],
    });
    onTestFinished(() => ambient.close());
    expect(environment()['MCP_USER_ID']).toBeUndefined();
    expect(() => serveWebSocket(ambient, createServer())).toThrow(ConfigurationError);
  });
});
