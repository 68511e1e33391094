import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { JWTAuthProvider } from '../../../src/authn/jwt.ts';
import { ConfigurationError } from '../../../src/core/errors.ts';
import { createLocalIssuer } from '../../../src/testing/local-issuer.ts';
import { wrapServer } from '../../../src/wrap-server.ts';
import { CLIENTS } from '../../support/clients.ts';
import { freePort, jwtOf } from '../../support/gate-harness.ts';
import { createRuns, SDKS } from '../../support/notes.ts';
import { type NotesGate, startNotes } from '../../support/notes-gate.ts';
import { notesFactory } from '../../support/notes-server.ts';
import { MODES, openPeer, type PeerCall } from '../../support/peers.ts';
import { type HeaderPairs, headersOf, raw, rpc } from '../../support/wire.ts';

const WHOAMI: PeerCall = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };

const vault = {
  resolveToken: (userId: string, resourceType: string) =>
    Promise.resolve(`upstream-${resourceType}-${userId}`),
};

/** Whatever servers and tools were given, with everything in it that can be reached. */
function everythingGiven({ runs }: Pick<NotesGate, 'runs'>): string {
  return inspect(runs, {
    depth: Number.POSITIVE_INFINITY,
    showHidden: true,
    getters: true,
    maxStringLength: null,
  });
}

function expectNoTrace(given: string, token: string): void {
  expect(given).toContain('alice');
  // Neither the token nor its signature, which would make it usable again.
  for (const part of [token, token.split('.')[2] ?? token]) expect(given).not.toContain(part);
  expect(given).not.toMatch(/bearer/i);
}

const SECRETS: HeaderPairs = [
  ['cookie', 'session=cookie-secret'],
  ['proxy-authorization', 'Basic proxy-secret'],
  ['x-forwarded-access-token', 'forwarded-secret'],
  ['x-amzn-oidc-data', 'amzn-secret'],
  ['dpop', 'proof-secret'],
];

describe.each(SDKS)('[resource-server/12] the client’s token at a server of SDK %s', (sdk) => {
  describe.each(MODES)('($mode)', (mode) => {
    test.each(['fresh', 'pooled'] as const)(
      'is in nothing that servers and tools get (%s)',
      async (instances) => {
        const server = { instances: { mode: instances }, extras: { query: ['lang'], headers: ['x-lang'] } };
        const notes = await startNotes({ sdk, mode, server });
        const place = {
          url: `${notes.url}?lang=fr&access_token=query-secret`,
          headers: [...SECRETS, ['x-lang', 'en']] as const,
        };
        const peer = await openPeer(place, mode, await notes.token({ scopes: ['a'], clientId: 'app' }));
        expect((await peer.send(WHOAMI)).status).toBe(200);
        const given = everythingGiven(notes);
        expectNoTrace(given, peer.token);
        expect(given).not.toMatch(/-secret/);
        expect(notes.runs.seen[0]).toMatchObject({
          token: '',
          clientId: 'app',
          scopes: ['a'],
          extra: { userId: 'alice' },
        });
        expect(notes.runs.built.at(-1)?.extras).toMatchObject({
          query: { lang: 'fr' },
          headers: { 'x-lang': 'en' },
        });
      },
    );

    test('is not what goes upstream: the resolver’s token is, each user’s own', async () => {
      const notes = await startNotes({ sdk, mode, tenancy: { credentials: { notes: vault } } });
      const users = ['alice', 'bob', 'carol', 'dave'];
      const tokens = await Promise.all(users.map((subject) => notes.token({ subject })));
      await Promise.all(
        tokens.map(async (token) => {
          const peer = await openPeer(notes, mode, token);
          expect((await peer.send(WHOAMI)).status).toBe(200);
        }),
      );
      const called = notes.runs.calls.map(({ token, userId }) => `${userId}: ${token}`).toSorted();
      expect(called).toEqual(users.map((user) => `${user}: upstream-notes-${user}`));
      for (const { token, userId } of notes.runs.built) expect(token).toBe(`upstream-notes-${userId}`);
      for (const token of tokens) expectNoTrace(everythingGiven(notes), token);
    });

    test('gives away no other upstream token that it carries', async () => {
      const notes = await startNotes({
        sdk,
        mode,
        auth: (issuer) => [{ ...jwtOf(issuer), extractTokens: true }],
        tenancy: { credentials: { notes: { type: 'jwt' } } },
      });
      const tokens = { notes: 'upstream-of-notes', mail: 'upstream-of-mail' };
      const peer = await openPeer(notes, mode, await notes.token({ claims: { tokens } }));
      expect((await peer.send(WHOAMI)).status).toBe(200);
      expect(notes.runs.calls.map(({ token }) => token)).toEqual(['upstream-of-notes']);
      expectNoTrace(everythingGiven(notes), peer.token);
      expect(everythingGiven(notes)).not.toContain('upstream-of-mail');
    });

    test('is not passed on where the resolver has none', async () => {
      const credentials = { notes: { resolveToken: () => Promise.resolve(null) } };
      const notes = await startNotes({ sdk, mode, tenancy: { credentials } });
      const peer = await openPeer(notes, mode, await notes.token());
      expect((await peer.send({ method: 'tools/list' })).status).toBe(200);
      expect((await peer.send(WHOAMI)).text).toContain('No notes account is linked');
      expect(notes.runs.calls).toEqual([]);
      for (const { token } of notes.runs.built) expect(token).toBe('');
    });

    test('is written into no audit event', async () => {
      const notes = await startNotes({ sdk, mode, tenancy: { credentials: { notes: vault } } });
      const peer = await openPeer(notes, mode, await notes.token());
      await peer.send(WHOAMI);
      await peer.send({ ...WHOAMI, params: { name: 'no-such-tool' } });
      const url = `${notes.url}?access_token=${peer.token}`;
      await raw(url, { method: 'POST', headers: headersOf({ era: mode.era, ...WHOAMI }), body: '{}' });
      expect(notes.events.length).toBeGreaterThan(2);
      const written = JSON.stringify(notes.events);
      expect(written).not.toContain(peer.token.split('.')[2]);
      expect(written).not.toContain('upstream-notes-alice');
    });
  });

  test.each(CLIENTS)('stays outside for a $client', async ({ connect }) => {
    const notes = await startNotes({ sdk, tenancy: { credentials: { notes: vault } } });
    const token = await notes.token();
    const client = await connect(notes.url, token);
    await client.callTool({ name: 'whoami', arguments: {} });
    expectNoTrace(everythingGiven(notes), token);
    expect(notes.runs.calls).toEqual([{ tool: 'whoami', token: 'upstream-notes-alice', userId: 'alice' }]);
  });
});

describe('[resource-server/12] configuration', () => {
  test.each(['Authorization', 'cookie', 'X-API-Key', 'x-session-id', 'DPoP', 'proxy-authorization'])(
    'cannot show servers the header %s',
    async (name) => {
      await expect(startNotes({ server: { extras: { headers: [name] } } })).rejects.toThrow(
        ConfigurationError,
      );
    },
  );

  test('cannot show servers a token of the query', async () => {
    const notes = await startNotes({ server: { extras: { query: ['access_token', 'lang'] } } });
    const token = await notes.token();
    const url = `${notes.url}?access_token=${token}&lang=fr`;
    expect((await rpc(url, { era: '2026-07-28', token, ...WHOAMI })).status).toBe(200);
    expectNoTrace(everythingGiven(notes), token);
    expect(notes.runs.built.at(-1)?.extras.query).toEqual({ lang: 'fr' });
  });

  test('of wrapServer, where servers see the whole query, still keeps the token from them', async () => {
    const issuer = await createLocalIssuer();
    onTestFinished(() => issuer.close());
    const runs = createRuns();
    const port = await freePort();
    const server = wrapServer({
      serverFactory: notesFactory(runs),
      authProvider: new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri }),
      tokenResolver: vault,
      resourceType: 'notes',
      transport: { type: 'http', host: '127.0.0.1', port },
    });
    await server.start();
    onTestFinished(() => server.stop());
    const url = `http://localhost:${port}/mcp`;
    const token = await issuer.token({ subject: 'alice', audience: url });
    const query = `?access_token=${token}&lang=fr`;
    expect(
      (await rpc(`http://127.0.0.1:${port}/mcp${query}`, { era: '2026-07-28', token, ...WHOAMI })).status,
    ).toBe(200);
    expectNoTrace(everythingGiven({ runs }), token);
    expect(runs.calls).toEqual([{ tool: 'whoami', token: 'upstream-notes-alice', userId: 'alice' }]);
    expect(runs.built.at(-1)?.extras.query).toEqual({ lang: 'fr' });
  });
});
