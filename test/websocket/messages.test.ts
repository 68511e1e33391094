import { describe, expect, test } from 'vitest';
import { startGate } from '../support/gate-harness.ts';
import { createGatedTool } from '../support/gated-tool.ts';
import { startNotes } from '../support/notes-gate.ts';
import { type RawSocket, socketUrl } from '../support/websocket-client.ts';
import { beginLegacy, callOf, hostSockets, withId } from '../support/websocket-peer.ts';
import { type Json, messageOf } from '../support/wire.ts';

const echoOf = (text: string, id: string | number = 1, more: object = {}): object =>
  messageOf({
    era: '2025-11-25',
    method: 'tools/call',
    params: { name: 'echo', arguments: { text, ...more } },
    id,
  });

const nested = (depth: number): object =>
  JSON.parse(`${'{"a":'.repeat(depth)}0${'}'.repeat(depth)}`) as object;

async function beginNotes(
  limits: object = {},
): Promise<RawSocket & { readonly ran: () => readonly string[] }> {
  const gate = await startNotes({ listen: { webSocket: true }, limits });
  const peer = await beginLegacy(socketUrl(gate.url), await gate.token());
  return { ...peer, ran: () => gate.runs.calls.map(({ tool }) => tool) };
}

const sizedCall = (bytes: number): string => {
  const empty = JSON.stringify(echoOf('', 1));
  return JSON.stringify(echoOf('x'.repeat(bytes - empty.length), 1));
};

describe('[config/adapters-websocket] messages of a socket', () => {
  test('may be as large as bodies, and no larger', async () => {
    const peer = await beginNotes({ bodyBytes: 2048 });
    peer.send(sizedCall(2048));
    expect((await peer.next(withId(1)))['result']).toBeDefined();
    peer.send(sizedCall(2049));
    expect((await peer.closed).code).toBe(1009);
    expect(peer.ran()).toEqual(['echo']);
  });

  test('may be as large in pieces, and no larger', async () => {
    const peer = await beginNotes({ bodyBytes: 2048 });
    const text = sizedCall(2049);
    peer.socket.send(text.slice(0, 1024), { fin: false });
    peer.socket.send(text.slice(1024), { fin: true });
    expect((await peer.closed).code).toBe(1009);
  });

  test('may nest as deep as bodies, and no deeper', async () => {
    const peer = await beginNotes({ bodyDepth: 16 });
    peer.send(echoOf('a', 1, { more: nested(12) }));
    expect((await peer.next(withId(1)))['result']).toBeDefined();
    peer.send(echoOf('a', 2, { more: nested(17) }));
    expect((await peer.next(withId(null)))['error']).toMatchObject({ code: -32600 });
    expect(peer.ran()).toEqual(['echo']);
  });

  test('are text: a binary one closes the socket', async () => {
    const peer = await beginNotes();
    peer.socket.send(Buffer.from(JSON.stringify(echoOf('a', 1))), { binary: true });
    expect(await peer.closed).toEqual({ code: 1003, reason: 'Messages are text' });
    expect(peer.ran()).toEqual([]);
  });

  test('are UTF-8, or close the socket', async () => {
    const peer = await beginNotes();
    peer.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    expect((await peer.closed).code).toBe(1007);
  });

  test.each([
    ['no JSON', '{"jsonrpc":', -32700],
    ['nothing', '', -32700],
    ['a batch', [echoOf('a', 1)], -32600],
    ['no message', { id: 1, method: 'tools/list' }, -32600],
    ['a request without a readable id', { jsonrpc: '2.0', id: 1.5, method: 'tools/list' }, -32600],
    ['a request with the id null', { jsonrpc: '2.0', id: null, method: 'tools/list' }, -32600],
  ])('that are %s are answered with an error', async (_name, sent, code) => {
    const peer = await beginNotes();
    peer.send(sent);
    expect((await peer.next(withId(null)))['error']).toMatchObject({ code });
    peer.send(echoOf('a', 'next'));
    expect((await peer.next(withId('next')))['result']).toBeDefined();
  });

  test('that are malformed too often close the socket', async () => {
    const peer = await beginNotes();
    for (let index = 0; index < 11; index++) peer.send('{');
    expect(await peer.closed).toEqual({ code: 1008, reason: 'Too many malformed messages' });
    expect(peer.messages.filter(withId(null))).toHaveLength(10);
  });

  test('have ids of their own while they have no answer', async () => {
    const tool = createGatedTool();
    const gate = await startGate({
      servers: { gated: { factory: tool.factory } },
      listen: { webSocket: true },
    });
    const peer = await beginLegacy(socketUrl(gate.url), await gate.token());
    peer.send(callOf('wait', 1));
    await expect.poll(() => tool.inside).toBe(1);
    peer.send(callOf('quick', 1));
    expect((await peer.next(withId(1)))['error']).toMatchObject({ message: 'This request id is in use' });
    tool.open();
    const answer = (message: Json): boolean => withId(1)(message) && message['result'] !== undefined;
    expect((await peer.next(answer))['result']?.['content']).toEqual([{ type: 'text', text: 'waited' }]);
  });

  test('are so many at once, and what is taken back counts no more', async () => {
    const tool = createGatedTool();
    const servers = { gated: { factory: tool.factory } };
    const { sockets, token } = await hostSockets({ servers }, { maxInFlight: 2 });
    const peer = await beginLegacy(sockets, await token());
    peer.send(callOf('wait', 1));
    peer.send(callOf('wait', 2));
    peer.send(callOf('quick', 3));
    expect((await peer.next(withId(3)))['error']).toMatchObject({ data: { code: 'RATE_LIMIT_EXCEEDED' } });
    peer.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    peer.send(callOf('quick', 4));
    expect((await peer.next(withId(4)))['result']).toBeDefined();
    tool.open();
    await peer.next(withId(2));
    expect(peer.messages.some(withId(1))).toBe(false);
  });

  test('of which nobody may send more than the guard can judge, are read later', async () => {
    const gate = await startNotes({ listen: { webSocket: true } });
    const peer = await beginLegacy(socketUrl(gate.url), await gate.token());
    for (let id = 0; id < 500; id++)
      peer.send({ jsonrpc: '2.0', method: 'notifications/progress', params: {} });
    peer.send(echoOf('a', 'last'));
    expect((await peer.next(withId('last')))['result']).toBeDefined();
    expect(gate.events.filter(({ method }) => method === 'notifications/progress')).toHaveLength(500);
  });
});
