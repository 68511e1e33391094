import { generateKeyPairSync, sign } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ValidationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { createHostileIssuer } from '../testing/hostile-issuer.ts';
import { createLocalIssuer, type LocalIssuer } from '../testing/local-issuer.ts';
import { JWTAuthProvider } from './jwt.ts';
import type { JWTAuthOptions } from './jwt-options.ts';
import { VerifiedTokens } from './token-cache.ts';
import type { VerifiedToken } from './verify-token.ts';

const RESOURCE = 'https://mcp.example.com/mcp';
const SECRET = 'a secret that is long enough, by far';
const INVALID = { authenticated: false, reason: 'invalid', error: 'The token is not valid' };

let issuer: LocalIssuer;
let time: number;

beforeEach(async () => {
  time = Date.now();
  issuer = await createLocalIssuer({ now: () => time });
});
afterEach(() => issuer.close());

function contextOf(token: string, resource = RESOURCE): RequestContext {
  const credential = { kind: 'bearer', token: new Secret(token) } as const;
  return { transport: 'http', timestamp: new Date(), credential, resource };
}

function createProvider(options: Partial<JWTAuthOptions> = {}): JWTAuthProvider {
  return new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri, now: () => time, ...options });
}

function aliceToken(expiresInSeconds = 900): Promise<string> {
  return issuer.token({ subject: 'alice', audience: RESOURCE, expiresInSeconds });
}

describe('the cache of verified tokens', () => {
  it('gives back the same principal, and judges the audience anew', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    const first = await provider.authenticate(contextOf(token));
    const second = await provider.authenticate(contextOf(token));
    expect(first.authenticated).toBe(true);
    expect(second.principal).toBe(first.principal);
    expect(await provider.authenticate(contextOf(token, 'https://other.example/mcp'))).toEqual(INVALID);
  });

  it('holds no expired token for long, whatever lives among them', async () => {
    const entries = new VerifiedTokens({
      maxEntries: 1000,
      ttlMs: 60_000,
      now: () => time,
      isCurrent: () => true,
    });
    const tokenUntil = (expiresAtMs: number) => ({ expiresAtMs, keyId: 'key' }) as VerifiedToken;
    entries.add('lasting', tokenUntil(time + 3_600_000));
    for (let index = 0; index < 500; index++) {
      entries.add(`short ${index}`, tokenUntil(time + 1_000));
      time += 100;
    }
    expect(entries.size).toBeLessThan(50);
    expect(entries.recall('lasting')).toBeDefined();
  });

  it('verifies again when its time is up', async () => {
    const provider = createProvider({ cache: { ttlMs: 1_000 } });
    const token = await aliceToken();
    const first = await provider.authenticate(contextOf(token));
    time += 1_000;
    const second = await provider.authenticate(contextOf(token));
    expect(second.authenticated).toBe(true);
    expect(second.principal).not.toBe(first.principal);
  });

  it('never outlives the token', async () => {
    const provider = createProvider({ cache: { ttlMs: 3_600_000 } });
    const token = await aliceToken(60);
    expect((await provider.authenticate(contextOf(token))).authenticated).toBe(true);
    time += 69_000;
    expect((await provider.authenticate(contextOf(token))).authenticated).toBe(true);
    time += 2_000;
    expect(await provider.authenticate(contextOf(token))).toMatchObject({ error: 'The token has expired' });
    expect(provider.isKnown(contextOf(token))).toBe(false);
  });

  it('holds no more than it may, and drops what was not used', async () => {
    const provider = createProvider({ cache: { maxEntries: 2 } });
    const tokens = await Promise.all([1, 2, 3].map(() => aliceToken()));
    const [a = '', b = '', c = ''] = tokens;
    for (const token of [a, b, a, c]) await provider.authenticate(contextOf(token));
    expect([a, b, c].map((token) => provider.isKnown(contextOf(token)))).toEqual([true, false, true]);
  });

  it('drops the tokens of a key that was removed, and keeps those of others', async () => {
    const provider = createProvider({ cache: { ttlMs: 3_600_000 } });
    const [es, rs] = [
      await aliceToken(3_600),
      await issuer.sign({ sub: 'a', aud: RESOURCE }, { alg: 'RS256', expiresInSeconds: 3_600 }),
    ];
    for (const token of [es, rs])
      expect((await provider.authenticate(contextOf(token))).authenticated).toBe(true);
    await issuer.rotateKeys();
    const renewed = await issuer.token({ subject: 'bob', audience: RESOURCE });
    expect((await provider.authenticate(contextOf(renewed))).authenticated).toBe(true);
    expect(provider.isKnown(contextOf(es))).toBe(false);
    expect(await provider.authenticate(contextOf(es))).toEqual(INVALID);
    expect(provider.isKnown(contextOf(renewed))).toBe(true);
  });

  it('notices a removed key in the background, without a token that names a new one', async () => {
    const provider = createProvider({ cache: { ttlMs: 3_600_000 } });
    const token = await aliceToken(7_200);
    await provider.authenticate(contextOf(token));
    await issuer.rotateKeys();
    time += 600_000;
    expect((await provider.authenticate(contextOf(token))).authenticated).toBe(true);
    await expect.poll(() => issuer.requests.jwks).toBe(2);
    await expect.poll(() => provider.isKnown(contextOf(token))).toBe(false);
  });

  it('verifies a token once however many requests bring it at once', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    const results = await Promise.all(
      Array.from({ length: 50 }, () => provider.authenticate(contextOf(token))),
    );
    expect(new Set(results.map((result) => result.principal)).size).toBe(1);
    expect(results.every((result) => result.authenticated)).toBe(true);
    expect(issuer.requests.jwks).toBe(1);
  });

  it('is not shared by tokens of the same user', async () => {
    const provider = createProvider();
    const [read, write] = await Promise.all(
      ['read', 'write'].map((scope) =>
        issuer.token({ subject: 'alice', audience: RESOURCE, scopes: [scope] }),
      ),
    );
    expect((await provider.authenticate(contextOf(read ?? ''))).principal?.scopes).toEqual(['read']);
    expect((await provider.authenticate(contextOf(write ?? ''))).principal?.scopes).toEqual(['write']);
  });
});

describe('isKnown', () => {
  it('knows verified tokens only, for the resource they are meant for', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    expect(provider.isKnown(contextOf(token))).toBe(false);
    await provider.authenticate(contextOf(token));
    expect(provider.isKnown(contextOf(token))).toBe(true);
    expect(provider.isKnown(contextOf(token, 'https://other.example/mcp'))).toBe(false);
    expect(provider.isKnown({ transport: 'http', timestamp: new Date() })).toBe(false);
  });

  it('still knows a token that is due to be verified again', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    await provider.authenticate(contextOf(token));
    time += 61_000;
    expect(provider.isKnown(contextOf(token))).toBe(true);
  });
});

describe('revocation', () => {
  it('takes effect at once, is announced, and lasts', async () => {
    const provider = createProvider({ cache: { ttlMs: 1 } });
    const token = await aliceToken();
    const heard: string[] = [];
    const stop = provider.onRevoked((fingerprint) => heard.push(fingerprint));
    await provider.authenticate(contextOf(token));
    provider.revoke(new Secret(token).fingerprint());
    expect(heard).toEqual([new Secret(token).fingerprint()]);
    expect(provider.isKnown(contextOf(token))).toBe(false);
    time += 60_000;
    expect(await provider.authenticate(contextOf(token))).toEqual(INVALID);
    expect(await provider.validate(token, RESOURCE)).toBe(false);
    expect((await provider.authenticate(contextOf(await aliceToken()))).authenticated).toBe(true);
    stop();
    provider.revoke(new Secret(await aliceToken()).fingerprint());
    expect(heard).toHaveLength(1);
  });

  it('holds for a token that was never seen before', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    provider.revoke(new Secret(token).fingerprint());
    expect(await provider.authenticate(contextOf(token))).toEqual(INVALID);
  });

  it('needs no keys', async () => {
    const hostile = await createHostileIssuer({ behaviour: 'down' });
    const provider = new JWTAuthProvider({ issuer: hostile.issuer });
    const token = await hostile.sign({ sub: 'a', aud: RESOURCE });
    provider.revoke(new Secret(token).fingerprint());
    expect(await provider.authenticate(contextOf(token))).toEqual(INVALID);
    expect(hostile.requests.total).toBe(0);
    await hostile.close();
  });

  it('holds for a token that is just being verified', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    const result = provider.authenticate(contextOf(token));
    provider.revoke(new Secret(token).fingerprint());
    expect(await result).toEqual(INVALID);
  });

  it('reaches every listener even if one fails', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    const heard: string[] = [];
    provider.onRevoked(() => {
      throw new Error('closed');
    });
    provider.onRevoked((fingerprint) => heard.push(fingerprint));
    expect(() => provider.revoke(new Secret(token).fingerprint())).toThrow(AggregateError);
    expect(heard).toHaveLength(1);
    expect(await provider.authenticate(contextOf(token))).toEqual(INVALID);
  });

  it('takes fingerprints, not tokens', async () => {
    const token = await aliceToken();
    expect(() => createProvider().revoke(token)).toThrow(ValidationError);
  });

  it('cannot be evaded by rewriting the signature', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const provider = new JWTAuthProvider({ issuer: 'acme', publicKey });
    const content = [{ alg: 'ES256' }, { iss: 'acme', sub: 'a', aud: RESOURCE, exp: 4_102_444_800 }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(content), {
      key: pair.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    const token = `${content}.${signature.toString('base64url')}`;
    const twin = `${content}.${mirror(signature).toString('base64url')}`;
    for (const each of [token, twin]) {
      expect((await provider.authenticate(contextOf(each))).authenticated).toBe(true);
    }
    const heard: string[] = [];
    provider.onRevoked((fingerprint) => heard.push(fingerprint));
    provider.revoke(new Secret(token).fingerprint());
    expect(await provider.authenticate(contextOf(twin))).toEqual(INVALID);
    expect(heard).toEqual([new Secret(token).fingerprint(), new Secret(twin).fingerprint()]);
  });
});

/** The other valid signature of the same content: s and n - s are equally good to ECDSA. */
function mirror(signature: Buffer): Buffer {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
  const mirrored = (order - s).toString(16).padStart(64, '0');
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(mirrored, 'hex')]);
}

describe('upstream tokens inside a JWT', () => {
  const tokenWith = async (sub: string, tokens: unknown, claim = 'tokens') => {
    const claims = { sub, [claim]: tokens, exp: Math.floor(time / 1000) + 60 };
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET));
  };
  const create = (options: Partial<JWTAuthOptions> = {}) =>
    new JWTAuthProvider({ jwtSecret: SECRET, extractTokens: true, now: () => time, ...options });

  it('[mcp-auth/providers.jwt] are those of the request at hand', async () => {
    const provider = create();
    const alice = await tokenWith('alice', { notes: 'alice-token' });
    const bob = await tokenWith('bob', { notes: 'bob-token' });
    const rotated = await tokenWith('alice', { notes: 'alice-new' });
    const revealed = await Promise.all(
      [alice, bob, rotated, alice].map(async (token) =>
        (await provider.tokensFor(contextOf(token)))?.get('notes')?.reveal(),
      ),
    );
    expect(revealed).toEqual(['alice-token', 'bob-token', 'alice-new', 'alice-token']);
  });

  it('appear nowhere else', async () => {
    for (const extractTokens of [true, false]) {
      const result = await create({ extractTokens }).authenticate(
        contextOf(await tokenWith('a', { notes: 'upstream' })),
      );
      expect(result.authenticated).toBe(true);
      expect(JSON.stringify(result)).not.toContain('upstream');
    }
    const named = create({ tokensClaim: 'credentials' });
    const token = await tokenWith('a', { notes: 'upstream' }, 'credentials');
    expect(JSON.stringify(await named.authenticate(contextOf(token)))).not.toContain('upstream');
    const tokens = await named.tokensFor(contextOf(token));
    expect(tokens?.get('notes')?.reveal()).toBe('upstream');
    expect(JSON.stringify([...(tokens ?? [])])).not.toContain('upstream');
  });

  it('are not offered unless asked for, nor without a JWT that is ours', async () => {
    const token = await tokenWith('a', { notes: 'x' });
    expect(await create({ extractTokens: false }).tokensFor(contextOf(token))).toBeUndefined();
    expect([create().extractsTokens, create({ extractTokens: false }).extractsTokens]).toEqual([true, false]);
    expect(await create().tokensFor({ transport: 'stdio', timestamp: new Date() })).toBeUndefined();
    expect(await create().tokensFor(contextOf('opaque'))).toBeUndefined();
  });

  it('are none when the claim is missing or holds no tokens', async () => {
    for (const tokens of [undefined, null, 'x', ['y'], { notes: '' }, { notes: 7 }, { notes: null }]) {
      expect(await create().tokensFor(contextOf(await tokenWith('a', tokens)))).toEqual(new Map());
    }
  });

  it('are refused with the JWT they are in', async () => {
    const token = await tokenWith('a', { notes: 'x' });
    const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(43)}`;
    await expect(create().tokensFor(contextOf(forged))).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    });
    time += 100_000;
    await expect(create().tokensFor(contextOf(token))).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    });
  });

  it('are out of reach while the keys are', async () => {
    const hostile = await createHostileIssuer({ behaviour: 'down' });
    const provider = new JWTAuthProvider({ issuer: hostile.issuer, extractTokens: true });
    const token = await hostile.sign({ sub: 'a', aud: RESOURCE });
    await expect(provider.tokensFor(contextOf(token))).rejects.toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
    });
    await hostile.close();
  });
});

describe('the life cycle', () => {
  it('fetches keys ahead, and starts without them', async () => {
    const provider = createProvider();
    await provider.initialize();
    await provider.authenticate(contextOf(await aliceToken()));
    expect(issuer.requests.jwks).toBe(1);
    const hostile = await createHostileIssuer({ behaviour: 'down' });
    await new JWTAuthProvider({ issuer: hostile.issuer }).initialize();
    await hostile.close();
  });

  it('trusts nobody after its end', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    await provider.authenticate(contextOf(token));
    await provider.cleanup();
    expect(await provider.authenticate(contextOf(token))).toMatchObject({ reason: 'unavailable' });
  });
});
