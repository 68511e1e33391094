import { describe, expect, test } from 'vitest';
import { NOTES_RULES, SDKS } from '../support/notes.ts';
import { type NotesGate, startNotes } from '../support/notes-gate.ts';
import { changesIn } from '../support/subscriptions.ts';
import { openRawSocket, type RawSocket, socketUrl } from '../support/websocket-client.ts';
import { beginLegacy, callOf, withId } from '../support/websocket-peer.ts';
import { type Json, messageOf, rpc } from '../support/wire.ts';

const MODERN = '2026-07-28';
const NOTE = 'notes://public/1';
const ALL = { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: [NOTE] };

const isAcknowledged = (message: Json): boolean =>
  String(message['method']) === 'notifications/subscriptions/acknowledged';

async function beginListening(url: string, token: string, notifications: object = ALL): Promise<RawSocket> {
  const peer = await openRawSocket(url, { token });
  const params = { notifications };
  peer.send(messageOf({ era: MODERN, method: 'subscriptions/listen', params, id: 'listen' }));
  await peer.next(isAcknowledged);
  return peer;
}

const heard = (peer: RawSocket, change: string) =>
  peer.next((message) => changesIn({ messages: [message] }).includes(change));

const start = (sdk: 'v1' | 'v2') =>
  startNotes({ sdk, listen: { webSocket: true }, authorization: NOTES_RULES });

const growOverHttp = async (gate: NotesGate, subject: string) =>
  rpc(gate.url, {
    era: MODERN,
    token: await gate.token({ subject }),
    method: 'tools/call',
    params: { name: 'grow', arguments: {} },
  });

describe.each(SDKS)('[config/adapters-websocket] a subscription over a socket to SDK %s', (sdk) => {
  test('hears of changes on its own connection, once', async () => {
    const gate = await start(sdk);
    const peer = await beginListening(socketUrl(gate.url), await gate.token());
    peer.send(callOf('grow', 1, MODERN));
    await heard(peer, 'tools');
    await peer.next(withId(1));
    peer.send(callOf('whoami', 2, MODERN));
    await peer.next(withId(2));
    expect(changesIn(peer)).toEqual(['tools']);
  });

  test('hears of its principal’s changes elsewhere, and of nobody else’s', async () => {
    const gate = await start(sdk);
    const alice = await beginListening(socketUrl(gate.url), await gate.token());
    const other = await beginListening(socketUrl(gate.url), await gate.token());
    const bob = await beginListening(socketUrl(gate.url), await gate.token({ subject: 'bob' }));
    expect((await growOverHttp(gate, 'alice')).status).toBe(200);
    await Promise.all([heard(alice, 'tools'), heard(other, 'tools')]);
    alice.send(callOf('grow', 1, MODERN));
    const twice = () => changesIn(other).length;
    await expect.poll(twice).toBe(2);
    bob.send(callOf('whoami', 1, MODERN));
    await bob.next(withId(1));
    expect(changesIn(bob)).toEqual([]);
    expect(changesIn(alice)).toEqual(['tools', 'tools']);
  });

  test('hears of what the gate is told, as far as it asked for it and may see it', async () => {
    const gate = await start(sdk);
    const uris = [NOTE, 'notes://secret/1'];
    const peer = await beginListening(socketUrl(gate.url), await gate.token(), {
      resourceSubscriptions: uris,
    });
    const acknowledged = peer.messages.find(isAcknowledged);
    expect(acknowledged?.['params']?.['notifications']).toEqual({ resourceSubscriptions: [NOTE] });
    for (const change of ['tools', { resource: 'notes://secret/1' }, { resource: NOTE }] as const) {
      gate.gate.notify({ server: 'notes', change });
    }
    await heard(peer, NOTE);
    expect(changesIn(peer)).toEqual([NOTE]);
  });

  test('ends in the protocol’s own way at shutdown', async () => {
    const gate = await start(sdk);
    const peer = await beginListening(socketUrl(gate.url), await gate.token());
    await gate.gate.close();
    expect((await peer.closed).code).toBe(1001);
    expect(peer.messages.find(withId('listen'))?.['result']).toBeDefined();
  });

  test('can be taken back', async () => {
    const gate = await start(sdk);
    const peer = await beginListening(socketUrl(gate.url), await gate.token());
    peer.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'listen' } });
    peer.send(callOf('grow', 1, MODERN));
    await peer.next(withId(1));
    expect(changesIn(peer)).toEqual([]);
  });

  test('is not needed for lists in the older era', async () => {
    const gate = await start(sdk);
    const peer = await beginLegacy(socketUrl(gate.url), await gate.token());
    peer.send(callOf('grow', 1));
    await heard(peer, 'tools');
    gate.gate.notify({ server: 'notes', change: { resource: NOTE } });
    gate.gate.notify({ server: 'notes', change: 'prompts' });
    await heard(peer, 'prompts');
    expect(changesIn(peer)).toEqual(['tools', 'prompts']);
  });
});
