import { createHmac } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLocalIssuer } from '../../../src/testing/local-issuer.ts';
import { parseChallenge } from '../../support/challenge.ts';
import { jwtOf } from '../../support/gate-harness.ts';
import { type NotesGate, startNotes } from '../../support/notes-gate.ts';
import { MODES, openPeer, STATEFUL } from '../../support/peers.ts';
import { ERAS, raw, rpc } from '../../support/wire.ts';

const ENDPOINT = { endpoint: { scopes: ['mcp:use'] } };
const SCOPES = ['mcp:use'];

type Forge = (notes: NotesGate, good: string) => string | Promise<string>;

const FORGERIES: Readonly<Record<string, Forge>> = {
  'an empty one': () => '',
  'a blank': () => ' ',
  'no JWT at all': () => 'an-opaque-token',
  'three dots': () => '...',
  'two parts of a JWT': (_, good) => good.split('.').slice(0, 2).join('.'),
  'five parts': (_, good) => `${good}.a.b`,
  'a JWT without signature': (_, good) => `${good.split('.').slice(0, 2).join('.')}.`,
  'other claims under its signature': (_, good) =>
    withPayload(good, (claims) => ({ ...claims, sub: 'root' })),
  'a longer life under its signature': (_, good) => withPayload(good, (claims) => ({ ...claims, exp: 9e9 })),
  'another header under its signature': (_, good) => withHeader(good, { alg: 'ES256', typ: 'JWT' }),
  'a flipped signature': (_, good) =>
    `${good.slice(0, -8)}${good.at(-8) === 'A' ? 'B' : 'A'}${good.slice(-7)}`,
  'the key of another issuer under this issuer’s name': ({ issuer, resource }) =>
    signElsewhere(issuer.issuer, resource),
  'the public key taken for a shared secret': ({ issuer }, good) => signWithPublicKey(issuer, good),
  'an unknown key id': ({ token }) => token({ scopes: SCOPES, kid: 'nobody' }),
  'an expired one': ({ token }) => token({ scopes: SCOPES, expiresInSeconds: -60 }),
  'no expiry': ({ token }) => token({ scopes: SCOPES, claims: { exp: undefined } }),
  'an expiry that is no number': ({ token }) => token({ scopes: SCOPES, claims: { exp: '9999999999' } }),
  'one that is not valid yet': ({ token }) => token({ scopes: SCOPES, claims: { nbf: inSeconds(600) } }),
  'one issued in the future': ({ token }) => token({ scopes: SCOPES, claims: { iat: inSeconds(600) } }),
  'nobody’s name': ({ token }) => token({ scopes: SCOPES, claims: { sub: undefined } }),
  'a name that is no text': ({ token }) => token({ scopes: SCOPES, claims: { sub: { id: 1 } } }),
  'a critical extension': ({ token }) => token({ scopes: SCOPES, header: { crit: ['b64'], b64: true } }),
  'a key to bind it to, unproven': ({ token }) =>
    token({ scopes: SCOPES, claims: { cnf: { jkt: 'thumbprint' } } }),
};

describe.each(ERAS)('[resource-server/3] refused in %s:', (era) => {
  test.each(Object.entries(FORGERIES))('%s', async (_name, forge) => {
    const notes = await startNotes({ authorization: ENDPOINT });
    const good = await notes.token({ scopes: SCOPES });
    const forged = await forge(notes, good);
    const call = { era, method: 'tools/call', params: { name: 'whoami' } };
    const answer = await rpc(notes.url, { ...call, token: forged });
    expect(answer.status).toBe(401);
    const { scheme, parameters } = parseChallenge(answer);
    expect(scheme).toBe('Bearer');
    expect(parameters).toMatchObject({
      error: 'invalid_token',
      scope: 'mcp:use',
      resource_metadata: `${notes.origin}/.well-known/oauth-protected-resource/mcp`,
    });
    expect(notes.runs.built).toEqual([]);
    // What was wrong with it is nobody's business but the operator's, and a token is not said back.
    if (forged.trim() !== '') expect(`${answer.text}${JSON.stringify(answer.headers)}`).not.toContain(forged);
    expect((await rpc(notes.url, { ...call, token: good })).status).toBe(200);
  });
});

describe('[resource-server/3] a token that is refused', () => {
  test('is told from others by nothing but expiry', async () => {
    const notes = await startNotes({ authorization: ENDPOINT });
    const good = await notes.token({ scopes: SCOPES });
    const answers = new Set<string>();
    for (const [name, forge] of Object.entries(FORGERIES)) {
      if (name === 'an expired one') continue;
      const token = await forge(notes, good);
      const { text, headers } = await rpc(notes.url, { era: '2026-07-28', token, method: 'tools/list' });
      answers.add(`${text} ${String(headers['www-authenticate'])}`);
    }
    expect([...answers]).toHaveLength(1);
  });

  test.each(['GET', 'DELETE'])('is refused on %s too', async (method) => {
    const { url, token } = await startNotes({ mode: STATEFUL });
    const expired = await token({ expiresInSeconds: -60 });
    const headers = [
      ['accept', 'text/event-stream'],
      ['authorization', `Bearer ${expired}`],
    ] as const;
    const answer = await raw(url, { method, headers });
    expect([answer.status, parseChallenge(answer).parameters['error']]).toEqual([401, 'invalid_token']);
  });
});

describe.each(MODES)('[resource-server/3] a revoked token ($mode)', (mode) => {
  test.each([
    ['of the only issuer', 1],
    ['where several issuers are trusted', 2],
  ])('is refused from then on, and no other one is: %s', async (_name, issuers) => {
    const other = await createLocalIssuer();
    onTestFinished(() => other.close());
    const notes = await startNotes({
      mode,
      auth: (own) => [jwtOf(own), jwtOf(other)].slice(0, issuers),
      tenancy: { toUserId: 'key' },
    });
    const revoked = await openPeer(notes, mode, await notes.token());
    const kept = await openPeer(notes, mode, await notes.token());
    const ask = { method: 'tools/call', params: { name: 'whoami' } };
    expect((await revoked.send(ask)).status).toBe(200);
    notes.gate.revoke({ token: revoked.token });
    const answer = await revoked.send(ask);
    expect([answer.status, parseChallenge(answer).parameters['error']]).toEqual([401, 'invalid_token']);
    expect((await kept.send(ask)).status).toBe(200);
    expect(notes.runs.calls).toHaveLength(2);
  });

  test('is refused whichever of several issuers it is of', async () => {
    const second = await createLocalIssuer();
    onTestFinished(() => second.close());
    const notes = await startNotes({
      mode,
      auth: (own) => [jwtOf(own), jwtOf(second)],
      tenancy: { toUserId: 'key' },
    });
    for (const issuer of [notes.issuer, second]) {
      const token = await issuer.token({ subject: 'alice', audience: notes.resource });
      const peer = await openPeer(notes, mode, token);
      expect((await peer.send({ method: 'tools/list' })).status).toBe(200);
      notes.gate.revoke({ token });
      expect((await peer.send({ method: 'tools/list' })).status).toBe(401);
    }
  });

  test('is refused although it was never seen before', async () => {
    const notes = await startNotes({ mode });
    const token = await notes.token();
    notes.gate.revoke({ token });
    expect((await rpc(notes.url, { era: mode.era, token, method: 'tools/list' })).status).toBe(401);
  });
});

function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

function withPayload(token: string, change: (claims: object) => object): string {
  const [header, payload, signature] = token.split('.');
  return [header, encode(change(decode(payload))), signature].join('.');
}

function withHeader(token: string, header: object): string {
  const [old, payload, signature] = token.split('.');
  return [encode({ ...decode(old), ...header }), payload, signature].join('.');
}

async function signElsewhere(iss: string, aud: string): Promise<string> {
  const impostor = await createLocalIssuer();
  onTestFinished(() => impostor.close());
  return impostor.token({ subject: 'alice', audience: aud, scopes: SCOPES, claims: { iss } });
}

async function signWithPublicKey(issuer: NotesGate['issuer'], good: string): Promise<string> {
  const [, payload] = good.split('.');
  const signed = `${encode({ alg: 'HS256', typ: 'at+jwt' })}.${payload}`;
  const signature = createHmac('sha256', await issuer.publicKeyPem())
    .update(signed)
    .digest('base64url');
  return `${signed}.${signature}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string | undefined): object {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8')) as object;
}
