import { describe, expect, test } from 'vitest';
import type { Authorizer } from '../../../src/authz/authorizer.ts';
import { ALLOW, deny } from '../../../src/core/decision.ts';
import { connectV2 } from '../../support/clients.ts';
import { NOTES_RULES, SDKS } from '../../support/notes.ts';
import { type NotesGate, type NotesOptions, startNotes } from '../../support/notes-gate.ts';
import { MODERN, openPeer, type Peer, STATEFUL } from '../../support/peers.ts';
import { changesIn, heard, listen, listenInSession } from '../../support/subscriptions.ts';

const PUBLIC = 'notes://public/1';
const SECRET = 'notes://secret/1';
const FENCE = 'notes://public/fence';
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

describe.each(SDKS)('[resource-server/15] subscriptions/listen at a server of SDK %s', (sdk) => {
  const start = (options: NotesOptions = {}) => startNotes({ sdk, authorization: NOTES_RULES, ...options });
  const as = async (notes: NotesGate, token = {}) => openPeer(notes, MODERN, await notes.token(token));
  const touch = (peer: Peer, uri: string) =>
    peer.send({ method: 'tools/call', params: { name: 'touch', arguments: { uri } } });
  const subscribe = async (notes: NotesGate, peer: Peer, uris: readonly string[]) => {
    const stream = await listen(notes.url, peer, { resourceSubscriptions: [...uris, FENCE] });
    expect(stream.status).toBe(200);
    await stream.next(({ method }) => String(method) === ACKNOWLEDGED);
    return stream;
  };

  test('acknowledges what is allowed and nothing else', async () => {
    const notes = await start();
    const spellings = [
      SECRET,
      'notes://secret/99',
      'NOTES://secret/1',
      'notes://%73ecret/1',
      'notes://secret/%31',
    ];
    const stream = await subscribe(notes, await as(notes), [PUBLIC, ...spellings, 'notes://secret//1']);
    const [first] = stream.messages;
    expect(first?.['params']?.['notifications']).toEqual({ resourceSubscriptions: [PUBLIC, FENCE] });
    expect(JSON.stringify(stream.messages).toLowerCase()).not.toContain('secret');
  });

  test('acknowledges everything to someone who may have it', async () => {
    const notes = await start();
    const stream = await subscribe(notes, await as(notes, { roles: ['admin'] }), [PUBLIC, SECRET]);
    expect(stream.messages[0]?.['params']?.['notifications']).toEqual({
      resourceSubscriptions: [PUBLIC, SECRET, FENCE],
    });
  });

  test('delivers no update of what is denied, whoever publishes it', async () => {
    const notes = await start();
    const alice = await as(notes);
    const stream = await subscribe(notes, alice, [PUBLIC, SECRET]);
    await touch(alice, SECRET);
    notes.gate.notify({ server: 'notes', change: { resource: SECRET } });
    await touch(alice, PUBLIC);
    notes.gate.notify({ server: 'notes', change: { resource: FENCE } });
    await heard(stream, FENCE);
    expect(changesIn(stream)).toEqual([PUBLIC, FENCE]);
  });

  test('delivers by the rights of the moment', async () => {
    const denied = new Set<string>();
    const authorization: Authorizer = {
      decide: ({ target }) => (denied.has(target.name) ? deny('policy') : ALLOW),
    };
    const notes = await start({ authorization });
    const alice = await as(notes);
    const stream = await subscribe(notes, alice, [PUBLIC]);
    await touch(alice, PUBLIC);
    await heard(stream, PUBLIC);
    denied.add(PUBLIC);
    await touch(alice, PUBLIC);
    await touch(alice, FENCE);
    await heard(stream, FENCE);
    expect(changesIn(stream)).toEqual([PUBLIC, FENCE]);
  });

  test('delivers by the rights of the subscriber, not of the user who publishes', async () => {
    const notes = await start();
    const plain = await as(notes);
    const admin = await as(notes, { roles: ['admin'] });
    const [toPlain, toAdmin] = [
      await subscribe(notes, plain, [SECRET]),
      await subscribe(notes, admin, [SECRET]),
    ];
    await touch(plain, SECRET);
    await touch(admin, FENCE);
    await Promise.all([heard(toPlain, FENCE), heard(toAdmin, FENCE)]);
    expect([changesIn(toPlain), changesIn(toAdmin)]).toEqual([[FENCE], [SECRET, FENCE]]);
  });

  test('never delivers what happened to somebody else', async () => {
    const notes = await start();
    const [alice, bob] = [await as(notes), await as(notes, { subject: 'bob' })];
    const lists = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
    const all = { ...lists, resourceSubscriptions: [PUBLIC, FENCE] };
    const [toAlice, toBob] = [await listen(notes.url, alice, all), await listen(notes.url, bob, all)];
    await Promise.all(
      [toAlice, toBob].map((stream) => stream.next(({ method }) => String(method) === ACKNOWLEDGED)),
    );
    await touch(bob, PUBLIC);
    await bob.send({ method: 'tools/call', params: { name: 'grow', arguments: {} } });
    await touch(alice, FENCE);
    await touch(bob, FENCE);
    await Promise.all([heard(toAlice, FENCE), heard(toBob, FENCE)]);
    expect(changesIn(toAlice)).toEqual([FENCE]);
    expect(changesIn(toBob)).toEqual([PUBLIC, 'tools', FENCE]);
  });

  test('never delivers what happened in another tenant', async () => {
    const notes = await start({ tenancy: { from: 'claim', toUserId: 'subject' } });
    const acme = await subscribe(notes, await as(notes, { tenant: 'acme' }), [PUBLIC]);
    const globex = await subscribe(notes, await as(notes, { tenant: 'globex' }), [PUBLIC]);
    notes.gate.notify({ server: 'notes', tenantId: 'acme', change: { resource: PUBLIC } });
    notes.gate.notify({ server: 'notes', change: { resource: PUBLIC } });
    for (const tenantId of ['acme', 'globex'])
      notes.gate.notify({ server: 'notes', tenantId, change: { resource: FENCE } });
    await Promise.all([heard(acme, FENCE), heard(globex, FENCE)]);
    expect([changesIn(acme), changesIn(globex)]).toEqual([[PUBLIC, FENCE], [FENCE]]);
  });

  test.each([
    ['a list in the list', [[SECRET]]],
    ['an object that is the URI as text', [{ toString: SECRET }]],
    ['a number', [7]],
    ['no list', SECRET],
  ])('is not talked into more by %s', async (_name, resourceSubscriptions) => {
    const notes = await start();
    const alice = await as(notes);
    const stream = await listen(notes.url, alice, { resourceSubscriptions });
    expect(stream.status).toBeLessThan(500);
    await touch(alice, SECRET);
    notes.gate.notify({ server: 'notes', change: { resource: SECRET } });
    // What the protocol does not allow is refused, or acknowledged without what is denied; then nothing comes of it.
    if (stream.isOpen) {
      await stream.next(({ method }) => String(method) === ACKNOWLEDGED);
      stream.close();
    }
    await stream.ended;
    expect(JSON.stringify(stream.messages)).not.toContain('secret');
  });

  test('is what a real client hears by', async () => {
    const notes = await start();
    const client = await connectV2(notes.url, await notes.token());
    const uris: string[] = [];
    const fence = new Promise<void>((resolve) => {
      client.setNotificationHandler('notifications/resources/updated', ({ params: { uri } }) => {
        uris.push(uri);
        if (uri === FENCE) resolve();
      });
    });
    const { honoredFilter } = await client.listen({ resourceSubscriptions: [PUBLIC, SECRET, FENCE] });
    expect(honoredFilter).toEqual({ resourceSubscriptions: [PUBLIC, FENCE] });
    for (const uri of [SECRET, PUBLIC, FENCE]) await client.callTool({ name: 'touch', arguments: { uri } });
    await fence;
    expect(uris).toEqual([PUBLIC, FENCE]);
  });
});

describe.each(SDKS)('[resource-server/15] a session’s stream at a server of SDK %s', (sdk) => {
  test('carries no update of what is denied, and none of other sessions', async () => {
    const notes = await startNotes({ sdk, mode: STATEFUL, authorization: NOTES_RULES });
    const touch = (peer: Peer, uri: string) =>
      peer.send({ method: 'tools/call', params: { name: 'touch', arguments: { uri } } });
    const alice = await openPeer(notes, STATEFUL, await notes.token());
    const admin = await openPeer(notes, STATEFUL, await notes.token({ subject: 'root', roles: ['admin'] }));
    const [toAlice, toAdmin] = [
      await listenInSession(notes.url, alice),
      await listenInSession(notes.url, admin),
    ];
    for (const uri of [SECRET, PUBLIC, FENCE]) {
      await touch(alice, uri);
      await touch(admin, uri);
    }
    await Promise.all([heard(toAlice, FENCE), heard(toAdmin, FENCE)]);
    expect([changesIn(toAlice), changesIn(toAdmin)]).toEqual([
      [PUBLIC, FENCE],
      [SECRET, PUBLIC, FENCE],
    ]);
  });

  test('is not subscribed to what is denied, and answered as for what does not exist', async () => {
    const notes = await startNotes({ sdk, mode: STATEFUL, authorization: NOTES_RULES });
    const peer = await openPeer(notes, STATEFUL, await notes.token());
    for (const method of ['resources/subscribe', 'resources/unsubscribe']) {
      const { json } = await peer.send({ method, params: { uri: SECRET } });
      expect(json).toMatchObject({ result: {} });
    }
    expect(
      (await peer.send({ method: 'resources/subscribe', params: { uri: PUBLIC } })).json?.['error'],
    ).toBeUndefined();
    expect(notes.runs.calls.map(({ tool }) => tool)).toEqual([`subscribe:${PUBLIC}`]);
  });
});
