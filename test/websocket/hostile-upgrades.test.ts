import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serveWebSocket } from '../../src/adapters/websocket.ts';
import { createRuns } from '../support/notes.ts';
import { startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import { exchangeBytes, toBytes } from '../support/raw-socket.ts';
import { openRawSocket, socketUrl, type UpgradeRefused } from '../support/websocket-client.ts';
import { hostSockets } from '../support/websocket-peer.ts';

const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

/** What a handshake is answered with that no client would send. */
async function handshake(url: string, line: string, more: readonly string[], body = '') {
  const lines = [line, `Host: ${new URL(url).host}`, ...HANDSHAKE, ...more];
  return exchangeBytes(url, toBytes(lines, body), { method: 'GET', patienceMs: 2000 });
}

describe('[config/adapters-websocket] an upgrade', () => {
  // RFC 9110 §7.8: there is none in HTTP/1.0, and proxies of that age pass it on unread.
  test('in HTTP/1.0 is none', async () => {
    const gate = await startNotes({ listen: { webSocket: true } });
    const credential = [`Authorization: Bearer ${await gate.token()}`];
    expect((await handshake(gate.url, 'GET /mcp/ws HTTP/1.0', credential)).status).toBe(404);
    expect(gate.events).toEqual([]);
  });

  // A proxy takes for a body what the gate would take for frames.
  test.each([
    ['a length', ['Content-Length: 4'], 'abcd'],
    ['chunks', ['Transfer-Encoding: chunked'], '4\r\nabcd\r\n0\r\n\r\n'],
  ])('with a body of %s is refused', async (_name, headers, body) => {
    const gate = await startNotes({ listen: { webSocket: true } });
    const credential = `Authorization: Bearer ${await gate.token()}`;
    const answer = await handshake(gate.url, 'GET /mcp/ws HTTP/1.1', [credential, ...headers], body);
    expect(answer.status).toBe(400);
    expect(gate.events).toEqual([]);
  });

  test('that no gate of a server takes is answered', async () => {
    const gates = [await startNotes(), await startNotes({ listen: { path: '/other' } })];
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const services = gates.map(({ gate }) => serveWebSocket(gate, server));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/mcp`;
    expect((await handshake(url, 'GET /nowhere HTTP/1.1', [])).status).toBe(404);
    for (const gate of gates) {
      const own = socketUrl(gate.url.replace(/:\d+/, `:${port}`));
      await openRawSocket(own, { token: await gate.token() });
    }
    expect(services.map(({ size }) => size)).toEqual([1, 1]);
    await services[0]?.close();
    expect((await handshake(url, 'GET /mcp/ws HTTP/1.1', [])).status).toBe(404);
    expect((await handshake(url, 'GET /other/ws HTTP/1.1', [])).status).toBe(401);
    await services[1]?.close();
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  test('of nobody in particular counts by network, of which one subscriber owns a whole', async () => {
    const gate = await hostSockets(
      {
        servers: { notes: { factory: notesFactory(createRuns()) } },
        authorization: { tools: { 'notes/whoami': { access: 'public' } } },
        listen: { trustedProxies: ['127.0.0.1'] },
      },
      { maxConnectionsPerPrincipal: 1 },
    );
    const from = (address: string) =>
      openRawSocket(gate.sockets, { headers: { 'x-forwarded-for': address } }).then(
        () => 101,
        (error: unknown) => (error as UpgradeRefused).status,
      );
    expect(await from('2001:db8::1')).toBe(101);
    expect(await from('2001:db8::2')).toBe(429);
    expect(await from('2001:db8:0:1::1')).toBe(101);
  });
});
