import { SignJWT } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuthProvider, AuthResult } from '../../src/authn/auth-provider.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createPrincipal } from '../../src/core/principal.ts';
import { createLocalIssuer, type LocalIssuer } from '../../src/testing/local-issuer.ts';
import { parseChallenge } from '../support/challenge.ts';
import { jwtOf } from '../support/gate-harness.ts';
import { NOTES_RULES } from '../support/notes.ts';
import { type NotesGate, startNotes } from '../support/notes-gate.ts';
import { ERAS, type HeaderPairs, raw, rpc } from '../support/wire.ts';
import { SECRET } from './fixtures/options.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };
const WRITE = { method: 'tools/call', params: { name: 'write', arguments: {} } };
const DOCUMENTS = ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp'];

async function startIssuer(): Promise<LocalIssuer> {
  const issuer = await createLocalIssuer();
  onTestFinished(() => issuer.close());
  return issuer;
}

async function whoami({ url }: NotesGate, token: string | undefined, headers: HeaderPairs = []) {
  const {
    status,
    text,
    json,
    headers: got,
  } = await rpc(url, { era: '2026-07-28', token, ...WHOAMI, headers });
  const [, user] = /"text":"([^"]*)"/.exec(text) ?? [];
  return { status, user, code: json?.['code'], retryAfter: got['retry-after'] };
}

describe('[config/auth-chain]', () => {
  /** Stands between the two issuers; keys of its own say what it finds. */
  function createMiddle() {
    const asked: unknown[] = [];
    const results: Readonly<Record<string, () => AuthResult>> = {
      mcp_good: () => ({
        authenticated: true,
        principal: createPrincipal({ issuer: 'urn:middle', subject: 'mid' }),
      }),
      mcp_bad: () => ({ authenticated: false, reason: 'invalid', error: 'The key is blocked' }),
      mcp_down: () => ({ authenticated: false, reason: 'unavailable' }),
      mcp_crash: () => {
        throw new Error('the database is gone');
      },
      mcp_nobody: () => ({ authenticated: true }),
    };
    const provider: AuthProvider = {
      async authenticate({ headers = {} }) {
        const sign = headers['x-sign'] ?? headers['x-api-key'];
        asked.push(sign);
        return results[String(sign)]?.() ?? { authenticated: false, reason: 'absent' };
      },
    };
    return { asked, provider };
  }

  async function start() {
    const [last, middle] = [await startIssuer(), createMiddle()];
    const notes = await startNotes({
      auth: (first) => [jwtOf(first), middle.provider, jwtOf(last)],
      tenancy: { toUserId: (principal) => `${principal.subject} of ${principal.issuer}` },
    });
    const lastToken = await last.token({ subject: 'alice', audience: notes.resource });
    return { notes, last, lastToken, asked: middle.asked };
  }

  test('asks in order, and the first that knows the credential decides', async () => {
    const { notes, last, lastToken, asked } = await start();
    const first = await whoami(notes, await notes.token());
    expect(first).toMatchObject({ status: 200, user: `alice of ${notes.issuer.issuer}` });
    expect(asked).toEqual([]);
    const key = await whoami(notes, undefined, [['x-api-key', 'mcp_good']]);
    expect(key).toMatchObject({ status: 200, user: 'mid of urn:middle' });
    // The same subject of another issuer is another person.
    expect(await whoami(notes, lastToken)).toMatchObject({ status: 200, user: `alice of ${last.issuer}` });
    expect(asked).toEqual(['mcp_good', undefined]);
  });

  test('goes on where nothing was found, and refuses what nobody knows', async () => {
    const { notes, asked } = await start();
    expect(await whoami(notes, undefined)).toMatchObject({ status: 401, code: 'MISSING_CREDENTIALS' });
    expect(await whoami(notes, undefined, [['x-api-key', 'mcp_other']])).toMatchObject({
      status: 401,
      code: 'INVALID_TOKEN',
    });
    const stranger = await startIssuer();
    const token = await stranger.token({ subject: 'alice', audience: notes.resource });
    expect(await whoami(notes, token)).toMatchObject({ status: 401, code: 'INVALID_TOKEN' });
    expect(asked).toEqual([undefined, 'mcp_other', undefined]);
    expect(notes.runs.built).toEqual([]);
  });

  test('stops at what is invalid', async () => {
    const { notes, last, lastToken, asked } = await start();
    const expired = await notes.token({ expiresInSeconds: -60 });
    expect(await whoami(notes, expired, [['x-sign', 'mcp_good']])).toMatchObject({
      status: 401,
      code: 'INVALID_TOKEN',
    });
    expect(asked).toEqual([]);
    const known = last.requests.total;
    expect(await whoami(notes, lastToken, [['x-sign', 'mcp_bad']])).toMatchObject({
      status: 401,
      code: 'INVALID_TOKEN',
    });
    expect(last.requests.total).toBe(known);
    expect(notes.runs.built).toEqual([]);
  });

  test.each(['mcp_down', 'mcp_crash', 'mcp_nobody'])(
    'stops where it could not be checked: %s',
    async (sign) => {
      const { notes, last, lastToken } = await start();
      const known = last.requests.total;
      const answer = await whoami(notes, lastToken, [['x-sign', sign]]);
      expect(answer).toMatchObject({ status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: '5' });
      expect(last.requests.total).toBe(known);
      expect(notes.runs.built).toEqual([]);
    },
  );

  test('stops where the keys of an issuer are out of reach', async () => {
    const [gone, middle] = [await startIssuer(), createMiddle()];
    await gone.close();
    const notes = await startNotes({
      auth: (last) => [jwtOf(gone), middle.provider, jwtOf(last)],
      tenancy: { toUserId: 'subject' },
    });
    const token = await gone.token({ subject: 'alice', audience: notes.resource });
    const answer = await whoami(notes, token, [['x-sign', 'mcp_good']]);
    expect(answer).toMatchObject({ status: 503, code: 'AUTHENTICATION_UNAVAILABLE' });
    expect(middle.asked).toEqual([]);
    // Whoever comes with something else is none the worse.
    expect(await whoami(notes, await notes.token())).toMatchObject({ status: 200, user: 'alice' });
  });

  test('names every issuer in the metadata', async () => {
    const { notes, last } = await start();
    const { json } = await raw(`${notes.origin}${DOCUMENTS[0]}`);
    expect(json?.['authorization_servers']).toEqual([notes.issuer.issuer, last.issuer]);
  });
});

describe('[config/no-as-no-metadata]', () => {
  test.each(ERAS)('with a secret alone there is no document, and nothing points to one (%s)', async (era) => {
    const secretOnly = await startNotes({
      auth: [{ type: 'jwt', secret: SECRET }],
      authorization: NOTES_RULES,
    });
    const withIssuer = await startNotes({ authorization: NOTES_RULES });
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('alice')
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode(SECRET));
    expect((await rpc(secretOnly.url, { era, token, ...WHOAMI })).status).toBe(200);

    const challengesOf = async ({ url }: NotesGate, good: string) => {
      const calls = [WHOAMI, { ...WHOAMI, token: 'bad' }, { ...WRITE, token: good }];
      const answers = await Promise.all(calls.map((call) => rpc(url, { era, ...call })));
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 403]);
      return answers.map((answer) => parseChallenge(answer).parameters['resource_metadata']);
    };
    expect(await challengesOf(secretOnly, token)).toEqual([undefined, undefined, undefined]);
    const pointer = `${withIssuer.origin}${DOCUMENTS[1]}`;
    expect(await challengesOf(withIssuer, await withIssuer.token())).toEqual([pointer, pointer, pointer]);
    for (const path of DOCUMENTS) {
      expect([path, (await raw(`${secretOnly.origin}${path}`)).status]).toEqual([path, 404]);
      expect([path, (await raw(`${withIssuer.origin}${path}`)).status]).toEqual([path, 200]);
    }
  });
});

describe('[config/local-issuer]', () => {
  test.each([
    '0.0.0.0',
    '::',
    '192.0.2.1',
    'example.com',
    'localhost.example.com',
    '127.0.0.1.example.com',
    '',
  ])('is refused beyond loopback: %j', async (host) => {
    await expect(createLocalIssuer({ host })).rejects.toBeInstanceOf(ConfigurationError);
  });

  test('has random keys, and serves them on loopback', async () => {
    const [one, other] = [await startIssuer(), await startIssuer()];
    for (const { issuer, jwksUri } of [one, other]) {
      expect([new URL(issuer).hostname, new URL(jwksUri).hostname]).toEqual(['127.0.0.1', '127.0.0.1']);
    }
    expect(await one.publicKeyPem()).not.toBe(await other.publicKeyPem());
    const keysOf = async ({ jwksUri }: LocalIssuer) => (await raw(jwksUri)).json?.['keys']?.[0];
    const [first, second] = [await keysOf(one), await keysOf(other)];
    expect(first?.['x']).toEqual(expect.any(String));
    expect([first?.['x'] === second?.['x'], first?.['kid'] === second?.['kid']]).toEqual([false, false]);
    expect([first?.['d'], second?.['d']]).toEqual([undefined, undefined]);
  });

  test.each(ERAS)('is not trusted beside a configured issuer, whatever it signs (%s)', async (era) => {
    const [configured, local] = [await startIssuer(), await startIssuer()];
    const notes = await startNotes({ auth: [jwtOf(configured)] });
    const init = { subject: 'alice', audience: notes.resource };
    const kid = String((await raw(configured.jwksUri)).json?.['keys']?.[0]?.['kid']);
    const claims = { iss: configured.issuer };
    const tokens = {
      'its own': await local.token(init),
      'in the name of the configured one': await local.token({ ...init, claims }),
      'and with its key id': await local.token({ ...init, claims, kid }),
      'and with a link to its keys': await local.token({ ...init, claims, header: { jku: local.jwksUri } }),
    };
    const { requests } = local;
    const seen = requests.total;
    for (const [name, token] of Object.entries(tokens)) {
      const answer = await rpc(notes.url, { era, token, ...WHOAMI });
      expect([name, answer.status, answer.json?.['code']]).toEqual([name, 401, 'INVALID_TOKEN']);
    }
    expect(requests.total).toBe(seen);
    expect(notes.runs.built).toEqual([]);
    expect((await rpc(notes.url, { era, token: await configured.token(init), ...WHOAMI })).status).toBe(200);
  });
});
