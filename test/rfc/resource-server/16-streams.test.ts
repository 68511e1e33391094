import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuthProvider } from '../../../src/authn/auth-provider.ts';
import { createPrincipal } from '../../../src/core/principal.ts';
import { Secret } from '../../../src/core/secret.ts';
import { createLocalIssuer } from '../../../src/testing/local-issuer.ts';
import { parseChallenge } from '../../support/challenge.ts';
import { connectV2 } from '../../support/clients.ts';
import { jwtOf } from '../../support/gate-harness.ts';
import { SDKS } from '../../support/notes.ts';
import { type NotesGate, startNotes } from '../../support/notes-gate.ts';
import { MODERN, openPeer, type Peer, STATEFUL } from '../../support/peers.ts';
import type { OpenStream } from '../../support/streams.ts';
import { changesIn, heard, listen, listenInSession } from '../../support/subscriptions.ts';
import { rpc } from '../../support/wire.ts';

const NOTE = 'notes://public/1';
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

/** Both long-lived streams there are: `subscriptions/listen`, and the stream of a 2025-era session. */
const KINDS = [
  {
    kind: 'subscriptions/listen',
    mode: MODERN,
    async open(notes: NotesGate, peer: Peer): Promise<OpenStream> {
      const stream = await listen(notes.url, peer, { resourceSubscriptions: [NOTE] });
      await stream.next(({ method }) => String(method) === ACKNOWLEDGED);
      return stream;
    },
  },
  {
    kind: 'the stream of a session',
    mode: STATEFUL,
    open: (notes: NotesGate, peer: Peer): Promise<OpenStream> => listenInSession(notes.url, peer),
  },
] as const;

/** Takes every token for alice’s and knows of no revocation. */
const CREDULOUS: AuthProvider = {
  authenticate: ({ credential }) =>
    Promise.resolve(
      credential?.kind === 'bearer'
        ? { authenticated: true, principal: createPrincipal({ issuer: 'urn:x', subject: 'alice' }) }
        : { authenticated: false, reason: 'absent' },
    ),
};

function touch(peer: Peer): Promise<unknown> {
  return peer.send({ method: 'tools/call', params: { name: 'touch', arguments: { uri: NOTE } } });
}

describe.each(SDKS)('[resource-server/16] at a server of SDK %s', (sdk) => {
  describe.each(KINDS)('$kind', ({ mode, open }) => {
    const start = () => startNotes({ sdk, mode });
    const openFor = async (notes: NotesGate, token: string) => {
      const peer = await openPeer(notes, mode, token);
      return { peer, stream: await open(notes, peer) };
    };

    test('ends when its token expires, and no other stream does', async () => {
      const notes = await start();
      const lasting = await openFor(notes, await notes.token());
      const brief = await openFor(notes, await notes.token({ expiresInSeconds: 2 }));
      expect(brief.stream.status).toBe(200);
      await touch(brief.peer);
      await heard(brief.stream, NOTE);
      expect(brief.stream.isOpen).toBe(true);
      expect(await brief.stream.ended).toEqual({ clean: true });
      const before = changesIn(lasting.stream).length;
      await touch(lasting.peer);
      await lasting.stream.next(() => changesIn(lasting.stream).length > before);
      expect(lasting.stream.isOpen).toBe(true);
      // A token that ended its stream opens no other one.
      const answer = await rpc(notes.url, { era: mode.era, token: brief.peer.token, method: 'tools/list' });
      expect([answer.status, parseChallenge(answer).parameters['error']]).toEqual([401, 'invalid_token']);
    });

    test('ends when its token is revoked, and no other stream does', async () => {
      const notes = await start();
      const kept = await openFor(notes, await notes.token());
      const revoked = await openFor(notes, await notes.token());
      const other = await openFor(notes, await notes.token({ subject: 'bob' }));
      notes.gate.revoke({ token: revoked.peer.token });
      expect(await revoked.stream.ended).toEqual({ clean: true });
      for (const { peer, stream } of [kept, other]) {
        await touch(peer);
        await heard(stream, NOTE);
        expect(stream.isOpen).toBe(true);
      }
      expect(changesIn(revoked.stream)).toEqual([]);
    });

    test('ends when all access of its user is revoked, and no other user’s does', async () => {
      const notes = await start();
      const alice = await openFor(notes, await notes.token());
      const bob = await openFor(notes, await notes.token({ subject: 'bob' }));
      const principalKey = createPrincipal({ issuer: notes.issuer.issuer, subject: 'alice' }).key;
      notes.gate.revoke({ principalKey });
      await alice.stream.ended;
      await touch(bob.peer);
      await heard(bob.stream, NOTE);
      expect(bob.stream.isOpen).toBe(true);
    });

    test('ends by the gate’s word alone, whatever its provider makes of it', async () => {
      const notes = await startNotes({ sdk, mode, auth: [CREDULOUS] });
      const [one, two] = [await openFor(notes, 'one'), await openFor(notes, 'two')];
      notes.gate.revoke({ token: 'one' });
      await one.stream.ended;
      await touch(two.peer);
      await heard(two.stream, NOTE);
      expect(two.stream.isOpen).toBe(true);
    });

    test('ends when a provider says that its credential holds no longer', async () => {
      const listeners = new Set<(fingerprint: string) => void>();
      const provider: AuthProvider = {
        ...CREDULOUS,
        onRevoked: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      };
      const notes = await startNotes({ sdk, mode, auth: [provider] });
      const [one, two] = [await openFor(notes, 'one'), await openFor(notes, 'two')];
      for (const listener of listeners) listener(new Secret('one').fingerprint());
      await one.stream.ended;
      await touch(two.peer);
      await heard(two.stream, NOTE);
      expect(two.stream.isOpen).toBe(true);
    });

    test('ends where several issuers are trusted, too', async () => {
      const second = await createLocalIssuer();
      onTestFinished(() => second.close());
      const notes = await startNotes({
        sdk,
        mode,
        auth: (own) => [jwtOf(own), jwtOf(second)],
        tenancy: { toUserId: 'key' },
      });
      for (const issuer of [notes.issuer, second]) {
        const token = await issuer.token({ subject: 'alice', audience: notes.resource });
        const { stream } = await openFor(notes, token);
        notes.gate.revoke({ token });
        expect(await stream.ended).toEqual({ clean: true });
      }
    });

    test('ends when the gate closes', async () => {
      const notes = await start();
      const { stream } = await openFor(notes, await notes.token());
      const closing = notes.gate.close();
      expect(await stream.ended).toEqual({ clean: true });
      await closing;
    });
  });

  test('a stream is not opened with a token revoked while its request was on the way', async () => {
    // Tenants are told after the token has been verified and before the body is read.
    let arrive: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const resolveTenant = () => {
      arrive();
      return { kind: 'none' } as const;
    };
    const notes = await startNotes({ sdk, tenancy: { from: { resolveTenant }, toUserId: 'subject' } });
    const peer = await openPeer(notes, MODERN, await notes.token());
    const revoked = arrived.then(() => notes.gate.revoke({ token: peer.token }));
    const stream = await listen(notes.url, peer, { resourceSubscriptions: [NOTE] }, revoked);
    await stream.ended;
    expect(changesIn(stream)).toEqual([]);
  });

  test.each([
    ['expires', 2],
    ['is revoked', 600],
  ])(
    'a real client is told that its subscription has ended when its token %s',
    async (_name, expiresInSeconds) => {
      const notes = await startNotes({ sdk });
      const token = await notes.token({ expiresInSeconds });
      const client = await connectV2(notes.url, token);
      const { closed, honoredFilter } = await client.listen({ resourceSubscriptions: [NOTE] });
      expect(honoredFilter).toEqual({ resourceSubscriptions: [NOTE] });
      if (expiresInSeconds > 2) notes.gate.revoke({ token });
      expect(await closed).toBe('graceful');
      await expect(client.listTools()).rejects.toThrow();
    },
  );

  test('ended streams leave room for others', async () => {
    const notes = await startNotes({ sdk });
    const token = await notes.token();
    const peer = await openPeer(notes, MODERN, token);
    const filter = { resourceSubscriptions: [NOTE] };
    const streams = await Promise.all(Array.from({ length: 32 }, () => listen(notes.url, peer, filter)));
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
    const renewed = await openPeer(notes, MODERN, await notes.token());
    expect((await listen(notes.url, renewed, filter)).status).toBe(429);
    notes.gate.revoke({ token });
    await Promise.all(streams.map(({ ended }) => ended));
    expect((await listen(notes.url, renewed, filter)).status).toBe(200);
  });
});
