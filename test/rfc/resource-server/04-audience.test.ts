import { describe, expect, test } from 'vitest';
import { parseChallenge } from '../../support/challenge.ts';
import { jwtOf, startGate } from '../../support/gate-harness.ts';
import { createRuns } from '../../support/notes.ts';
import { type NotesGate, startNotes } from '../../support/notes-gate.ts';
import { notesFactory } from '../../support/notes-server.ts';
import { ERAS, rpc } from '../../support/wire.ts';

const PUBLIC = 'https://mcp.example.com';
const RESOURCE = `${PUBLIC}/mcp`;

const FOREIGN: Readonly<Record<string, unknown>> = {
  absent: undefined,
  'the empty text': '',
  'an empty list': [],
  'a sibling path': `${PUBLIC}/mcp2`,
  'another path': `${PUBLIC}/other`,
  'a path below': `${PUBLIC}/mcp/notes`,
  'a prefix of the path': `${PUBLIC}/mc`,
  'the origin alone': PUBLIC,
  'the root': `${PUBLIC}/`,
  'a trailing slash': `${RESOURCE}/`,
  'a doubled slash': `${PUBLIC}//mcp`,
  'a dot segment': `${PUBLIC}/x/../mcp`,
  'an encoded path': `${PUBLIC}/%6dcp`,
  'another case of the path': `${PUBLIC}/MCP`,
  'another case of the host': 'https://MCP.example.com/mcp',
  'a trailing dot of the host': 'https://mcp.example.com./mcp',
  'the default port spelled out': 'https://mcp.example.com:443/mcp',
  'another port': 'https://mcp.example.com:8443/mcp',
  'another scheme': 'http://mcp.example.com/mcp',
  'no scheme': 'mcp.example.com/mcp',
  'a host that begins alike': 'https://mcp.example.com.evil.example/mcp',
  'a host that ends alike': 'https://evil-mcp.example.com/mcp',
  'a host below': 'https://a.mcp.example.com/mcp',
  'the host above': 'https://example.com/mcp',
  'another host behind user information': 'https://mcp.example.com@evil.example/mcp',
  'user information before the host': 'https://evil.example@mcp.example.com/mcp',
  'the resource inside another URL': `https://evil.example/${RESOURCE}`,
  'a look-alike letter': 'https://mcp.ex\u0430mple.com/mcp',
  'a query behind it': `${RESOURCE}?x=1`,
  'a fragment behind it': `${RESOURCE}#x`,
  'a blank behind it': `${RESOURCE} `,
  'two in one text': `${RESOURCE} https://evil.example/mcp`,
  'a list without it': ['https://evil.example/mcp', `${RESOURCE}/`],
  'it among what is no text': [RESOURCE, 7],
  'it inside a list of lists': [[RESOURCE]],
  'it as a member': { [RESOURCE]: true },
  'the name of the server': 'notes',
  'the client': 'local-client',
  'a wildcard': '*',
};

const OURS: Readonly<Record<string, unknown>> = {
  'the resource': RESOURCE,
  'a list of it alone': [RESOURCE],
  'a list that holds it first': [RESOURCE, 'https://other.example'],
  'a list that holds it last': ['https://other.example', RESOURCE],
};

describe.each(ERAS)('[resource-server/4] an audience (%s)', (era) => {
  const startPublic = () => startNotes({ publicUrl: PUBLIC, listen: { allowedHosts: ['mcp.example.com'] } });
  const ask = async (notes: NotesGate, aud: unknown) =>
    rpc(notes.url, { era, token: await notes.token({ claims: { aud } }), method: 'tools/list' });

  test.each(Object.entries(FOREIGN))('that is not ours is refused: %s', async (_name, aud) => {
    const notes = await startPublic();
    const answer = await ask(notes, aud);
    expect([answer.status, parseChallenge(answer).parameters['error']]).toEqual([401, 'invalid_token']);
    expect(notes.runs.built).toEqual([]);
  });

  test.each(Object.entries(OURS))('that is ours passes: %s', async (_name, aud) => {
    expect((await ask(await startPublic(), aud)).status).toBe(200);
  });

  test('is not widened by the host that is asked for', async () => {
    const notes = await startNotes({ publicUrl: PUBLIC, listen: { allowedHosts: ['evil.example'] } });
    const token = await notes.token({ audience: 'https://evil.example/mcp' });
    for (const name of ['host', 'x-forwarded-host']) {
      const headers = [
        [name, 'evil.example'],
        ['x-forwarded-proto', 'https'],
      ] as const;
      expect((await rpc(notes.url, { era, token, method: 'tools/list', headers })).status).toBe(401);
    }
  });

  test('of one server is not one of its neighbour, in whichever order they are asked', async () => {
    const factory = notesFactory(createRuns());
    const { origin, issuer, gate } = await startGate({ servers: { one: { factory }, two: { factory } } });
    expect(gate.servers.map(({ resource }) => resource)).toEqual([`${origin}/mcp/one`, `${origin}/mcp/two`]);
    for (const own of gate.servers) {
      const token = await issuer.token({ subject: 'alice', audience: own.resource });
      for (const asked of [...gate.servers, ...gate.servers]) {
        const { status } = await rpc(asked.resource, { era, token, method: 'tools/list' });
        expect([own.name, asked.name, status]).toEqual([own.name, asked.name, own === asked ? 200 : 401]);
      }
    }
  });
});

describe.each(ERAS)('[resource-server/4] no access token (%s):', (era) => {
  test.each([
    ['an ID token with a nonce', { nonce: 'n-0S6_WzA2Mj' }],
    ['an ID token with the hash of an access token', { at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' }],
    ['an ID token with the hash of a code', { c_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' }],
  ])('%s', async (_name, claims) => {
    const { url, token } = await startNotes();
    for (const typ of ['JWT', null, 'at+jwt']) {
      const answer = await rpc(url, { era, token: await token({ claims, typ }), method: 'tools/list' });
      expect([answer.status, parseChallenge(answer).parameters['error']]).toEqual([401, 'invalid_token']);
    }
  });

  test('an ID token for a client of ours, even where the resource is an audience too', async () => {
    const { url, token, resource } = await startNotes({
      auth: (issuer) => [{ ...jwtOf(issuer), clientIds: ['console'] }],
    });
    const ask = async (audience: readonly string[]) =>
      (await rpc(url, { era, token: await token({ audience, typ: 'JWT' }), method: 'tools/list' })).status;
    expect(await ask(['console'])).toBe(401);
    expect(await ask([resource, 'console'])).toBe(401);
    expect(await ask([resource, 'somebody'])).toBe(200);
  });

  test.each(['logout+jwt', 'dpop+jwt', 'secevent+jwt', 'id+jwt', 'token-introspection+jwt'])(
    'a JWT of another kind: %s',
    async (typ) => {
      const { url, token } = await startNotes();
      expect((await rpc(url, { era, token: await token({ typ }), method: 'tools/list' })).status).toBe(401);
    },
  );

  test.each(['none', 'None', 'NONE', 'nOnE', ''])('an unsigned token with `alg: %s`', async (alg) => {
    const { url, token } = await startNotes();
    const [, payload, signature] = (await token()).split('.');
    const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt' })).toString('base64url');
    for (const forged of [`${header}.${payload}.`, `${header}.${payload}.${signature}`]) {
      const answer = await rpc(url, { era, token: forged, method: 'tools/list' });
      expect([answer.status, parseChallenge(answer).parameters['error']]).toEqual([401, 'invalid_token']);
    }
  });
});
