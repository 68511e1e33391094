import { describe, expect, onTestFinished, test } from 'vitest';
import { createLocalIssuer } from '../../../src/testing/local-issuer.ts';
import { jwtOf, startGate } from '../../support/gate-harness.ts';
import { createRuns, NOTES_RULES, SDKS } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { notesFactory } from '../../support/notes-server.ts';
import { notesFactoryV1 } from '../../support/notes-server-v1.ts';
import { openPeer, openSession, type PeerCall, STATEFUL } from '../../support/peers.ts';
import { headersOf, INITIALIZE, messageOf, type RawResponse, raw, rpc } from '../../support/wire.ts';

const { era } = STATEFUL;
const WHOAMI: PeerCall = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };

/** Every way to touch a session: calls of all kinds, a stream, the end. */
const TOUCHES: Readonly<Record<string, (url: string, token: string, id: string) => Promise<RawResponse>>> = {
  'a call': (url, token, id) => post(url, token, id, WHOAMI),
  'a call of a hidden tool': (url, token, id) =>
    post(url, token, id, { ...WHOAMI, params: { name: 'purge' } }),
  'a call of an unknown tool': (url, token, id) =>
    post(url, token, id, { ...WHOAMI, params: { name: 'no-such' } }),
  'a hidden resource': (url, token, id) =>
    post(url, token, id, { method: 'resources/read', params: { uri: 'notes://secret/1' } }),
  'an unknown resource': (url, token, id) =>
    post(url, token, id, { method: 'resources/read', params: { uri: 'notes://no/1' } }),
  'a list': (url, token, id) => post(url, token, id, { method: 'tools/list' }),
  'a ping': (url, token, id) => post(url, token, id, { method: 'ping' }),
  'an unknown method': (url, token, id) => post(url, token, id, { method: 'no/such' }),
  'a second opening': (url, token, id) => post(url, token, id, { method: 'initialize', params: INITIALIZE }),
  'a batch': (url, token, id) =>
    send(url, token, id, [messageOf({ era, ...WHOAMI }), messageOf({ era, id: 2, ...WHOAMI })]),
  'a notification': (url, token, id) =>
    send(url, token, id, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }),
  'an answer to the server': (url, token, id) => send(url, token, id, { jsonrpc: '2.0', id: 1, result: {} }),
  'a stream': (url, token, id) => raw(url, { headers: [...own(token, id), ['accept', 'text/event-stream']] }),
  'its end': (url, token, id) => raw(url, { method: 'DELETE', headers: own(token, id) }),
};

function post(url: string, token: string, id: string, call: PeerCall): Promise<RawResponse> {
  return send(url, token, id, messageOf({ era, ...call }));
}

function send(url: string, token: string, id: string, message: unknown): Promise<RawResponse> {
  const headers = headersOf({ era, token, method: '', headers: [['mcp-session-id', id]] });
  return raw(url, { method: 'POST', headers, body: JSON.stringify(message) });
}

function own(token: string, id: string): [string, string][] {
  return [
    ['authorization', `Bearer ${token}`],
    ['mcp-session-id', id],
    ['mcp-protocol-version', era],
  ];
}

function essence({ status, headers, text }: RawResponse): unknown {
  const { date: _date, 'x-request-id': _id, ...rest } = headers;
  return [status, rest, text];
}

describe.each(SDKS)('[resource-server/14] a session at a server of SDK %s', (sdk) => {
  const STRANGERS = {
    'another user': {
      start: () => startNotes({ sdk, mode: STATEFUL, authorization: NOTES_RULES }),
      alice: {},
      other: { subject: 'bob' },
    },
    'the same user of another tenant': {
      start: () =>
        startNotes({
          sdk,
          mode: STATEFUL,
          authorization: NOTES_RULES,
          tenancy: { from: 'claim', toUserId: 'subject' },
        }),
      alice: { tenant: 'acme' },
      other: { tenant: 'globex' },
    },
  } as const;

  describe.each(Object.entries(STRANGERS))('is closed to %s:', (_name, { start, alice, other }) => {
    test.each(Object.entries(TOUCHES))('%s', async (_touch, touch) => {
      const notes = await start();
      const token = await notes.token(alice);
      const id = await openSession(notes, token);
      const stranger = await notes.token(other);
      const foreign = await touch(notes.url, stranger, id);
      const unknown = await touch(notes.url, stranger, crypto.randomUUID());
      expect(foreign.status).toBe(404);
      expect(essence(foreign)).toEqual(essence(unknown));
      expect(foreign.text).not.toContain(id);
      expect(notes.runs.calls).toEqual([]);
      expect((await post(notes.url, token, id, WHOAMI)).status).toBe(200);
      expect(notes.runs.calls.map(({ userId }) => userId)).toEqual(['alice']);
    });
  });

  test('is closed to the same name from another issuer', async () => {
    const second = await createLocalIssuer();
    onTestFinished(() => second.close());
    const notes = await startNotes({
      sdk,
      mode: STATEFUL,
      auth: (first) => [jwtOf(first), jwtOf(second)],
      tenancy: { toUserId: 'subject' },
    });
    const id = await openSession(notes, await notes.token());
    const stranger = await second.token({ subject: 'alice', audience: notes.resource });
    expect((await post(notes.url, stranger, id, WHOAMI)).status).toBe(404);
    expect(notes.runs.calls).toEqual([]);
  });

  test('outlives the token it was opened with, for its owner', async () => {
    const notes = await startNotes({ sdk, mode: STATEFUL });
    const first = await notes.token({ expiresInSeconds: 60 });
    const id = await openSession(notes, first);
    const renewed = await notes.token({ expiresInSeconds: 600 });
    expect((await post(notes.url, renewed, id, WHOAMI)).status).toBe(200);
  });

  test('serves nobody on its id alone, and nobody without a token that holds', async () => {
    const notes = await startNotes({ sdk, mode: STATEFUL });
    const id = await openSession(notes, await notes.token());
    const session = [['mcp-session-id', id]] as const;
    expect((await rpc(notes.url, { era, ...WHOAMI, headers: session })).status).toBe(401);
    const expired = await notes.token({ expiresInSeconds: -60 });
    expect((await post(notes.url, expired, id, WHOAMI)).status).toBe(401);
  });

  test('that has ended is as unknown to its owner as one that never was', async () => {
    const notes = await startNotes({ sdk, mode: STATEFUL });
    const token = await notes.token();
    const id = await openSession(notes, token);
    expect((await raw(notes.url, { method: 'DELETE', headers: own(token, id) })).status).toBe(200);
    for (const touch of Object.values(TOUCHES)) {
      const ended = await touch(notes.url, token, id);
      expect(ended.status).toBe(404);
      expect(essence(ended)).toEqual(essence(await touch(notes.url, token, crypto.randomUUID())));
    }
  });

  test('ends for its owner alone when the owner’s access is revoked', async () => {
    const notes = await startNotes({ sdk, mode: STATEFUL });
    const [alice, bob] = [await notes.token(), await notes.token({ subject: 'bob' })];
    const sessions = [await openSession(notes, alice), await openSession(notes, bob)] as const;
    const principalKey = String(notes.runs.built[0]?.extras.principal.key);
    notes.gate.revoke({ principalKey });
    expect((await post(notes.url, alice, sessions[0], WHOAMI)).status).toBe(404);
    expect((await post(notes.url, bob, sessions[1], WHOAMI)).status).toBe(200);
  });

  test('has an id that nobody can guess, and none in the newest era', async () => {
    const notes = await startNotes({ sdk, mode: STATEFUL });
    const token = await notes.token();
    const ids = await Promise.all(Array.from({ length: 20 }, () => openSession(notes, token)));
    expect(new Set(ids).size).toBe(20);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const modern = await rpc(notes.url, { era: '2026-07-28', token, method: 'tools/list' });
    expect([modern.status, modern.headers['mcp-session-id']]).toEqual([200, undefined]);
  });
});

describe('[resource-server/14] sessions of several servers', () => {
  test('are not each other’s', async () => {
    const sessions = { mode: 'stateful' } as const;
    const gate = await startGate({
      servers: {
        one: { factory: notesFactory(createRuns()), sessions },
        two: { factory: notesFactoryV1(createRuns()), sessions },
      },
    });
    const urls = gate.gate.servers.map(({ resource }) => resource);
    const token = await gate.issuer.token({ subject: 'alice', audience: urls });
    for (const url of urls) {
      const { sessionId = '' } = await openPeer({ url }, STATEFUL, token);
      for (const asked of urls) {
        expect((await post(asked, token, sessionId, WHOAMI)).status).toBe(asked === url ? 200 : 404);
      }
    }
  });
});
