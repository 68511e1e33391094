import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { createLocalIssuer, type LocalIssuer } from '../testing/local-issuer.ts';
import { ASYMMETRIC_ALGORITHMS } from './algorithms.ts';
import { JWTAuthProvider } from './jwt.ts';
import type { JWTAuthOptions } from './jwt-options.ts';

const RESOURCE = 'https://mcp.example.com/mcp';
const SECRET = 'a secret that is long enough, by far';
const INVALID = { authenticated: false, reason: 'invalid', error: 'The token is not valid' };
const CLAIMS = { sub: 'alice', aud: RESOURCE };

let issuer: LocalIssuer;

beforeAll(async () => {
  issuer = await createLocalIssuer({ path: '/tenant-1' });
});
afterAll(() => issuer.close());

function contextOf(token: string, resource?: string): RequestContext {
  return {
    transport: 'http',
    timestamp: new Date(),
    credential: { kind: 'bearer', token: new Secret(token) },
    ...(resource !== undefined && { resource }),
  };
}

function signWithSecret(claims: Record<string, unknown>, alg = 'HS256', secret = SECRET): Promise<string> {
  return new SignJWT({ exp: Math.floor(Date.now() / 1000) + 60, ...claims })
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret));
}

function signUnchecked(header: object, claims: object, signer: (content: string) => Buffer): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const content = `${encode(header)}.${encode(claims)}`;
  return `${content}.${signer(content).toString('base64url')}`;
}

async function isAccepted(options: JWTAuthOptions, token: string, resource?: string): Promise<boolean> {
  const result = await new JWTAuthProvider(options).authenticate(contextOf(token, resource));
  if (!result.authenticated) expect(result).toEqual(INVALID);
  return result.authenticated;
}

describe('[config/jwt-rules] algorithms', () => {
  it.each(ASYMMETRIC_ALGORITHMS)('%s is verified with keys from a key set', async (alg) => {
    const token = await issuer.sign(CLAIMS, { alg });
    expect(await isAccepted({ issuer: issuer.issuer, jwksUri: issuer.jwksUri }, token, RESOURCE)).toBe(true);
  });

  it.each(['HS256', 'HS384', 'HS512'])('%s is verified with a secret', async (alg) => {
    expect(await isAccepted({ jwtSecret: SECRET }, await signWithSecret({ sub: 'alice' }, alg))).toBe(true);
    expect(await isAccepted({ jwtSecret: `${SECRET}!` }, await signWithSecret({ sub: 'alice' }, alg))).toBe(
      false,
    );
  });

  it('a list that is configured is the only one', async () => {
    const options = { issuer: issuer.issuer, jwksUri: issuer.jwksUri, algorithms: ['RS256'] };
    expect(await isAccepted(options, await issuer.sign(CLAIMS, { alg: 'ES256' }), RESOURCE)).toBe(false);
    expect(await isAccepted(options, await issuer.sign(CLAIMS, { alg: 'RS256' }), RESOURCE)).toBe(true);
    const secret = { jwtSecret: SECRET, algorithms: ['HS512'] };
    expect(await isAccepted(secret, await signWithSecret({ sub: 'alice' }, 'HS256'))).toBe(false);
  });

  it('a public key is never taken for a secret', async () => {
    const pem = await issuer.publicKeyPem('RS256');
    const claims = { ...CLAIMS, iss: issuer.issuer, exp: Math.floor(Date.now() / 1000) + 60 };
    for (const secret of [pem, pem.trim()]) {
      const token = signUnchecked({ alg: 'HS256', typ: 'JWT' }, claims, (content) =>
        createHmac('sha256', secret).update(content).digest(),
      );
      expect(await isAccepted({ issuer: issuer.issuer, publicKey: pem }, token, RESOURCE)).toBe(false);
      expect(await isAccepted({ issuer: issuer.issuer, jwksUri: issuer.jwksUri }, token, RESOURCE)).toBe(
        false,
      );
    }
  });

  it.each(['none', 'None', 'NONE', '', 'HS1', undefined])('alg %s signs nobody in', async (alg) => {
    const claims = { ...CLAIMS, iss: issuer.issuer, exp: Math.floor(Date.now() / 1000) + 60 };
    const token = signUnchecked({ alg }, claims, () => Buffer.alloc(0));
    expect(await isAccepted({ issuer: issuer.issuer, jwksUri: issuer.jwksUri }, token, RESOURCE)).toBe(false);
    expect(await isAccepted({ jwtSecret: SECRET }, token, RESOURCE)).toBe(false);
  });

  it('keys that a token brings along are not looked at', async () => {
    const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = attacker.publicKey.export({ format: 'jwk' });
    const header = {
      alg: 'ES256',
      jwk,
      jku: 'https://evil.example/jwks',
      x5u: 'https://evil.example/',
      x5c: ['AA=='],
    };
    const claims = { ...CLAIMS, iss: issuer.issuer, exp: Math.floor(Date.now() / 1000) + 60 };
    const forged = signUnchecked(header, claims, (content) => signEs256(content, attacker.privateKey));
    const options = { issuer: issuer.issuer, jwksUri: issuer.jwksUri };
    expect(await isAccepted(options, forged, RESOURCE)).toBe(false);
    const genuine = await issuer.sign(CLAIMS, { header: { jwk, jku: 'https://evil.example/jwks' } });
    expect(await isAccepted(options, genuine, RESOURCE)).toBe(true);
  });
});

function signEs256(content: string, key: KeyObject): Buffer {
  return sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' });
}

// A self-signed P-256 certificate, whose key is gone.
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUQ29VIOOFV5LgYSw5JXdoyFQufwwwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOaXNzdWVyLmV4YW1wbGUwIBcNMjYxMTIxMTIyODM4WhgPMjEy
NjEwMjgxMjI4MzhaMBkxFzAVBgNVBAMMDmlzc3Vlci5leGFtcGxlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEkfFV/VQrrNbMOu+cQUPYJtQ3gQR8Y4cGsx8P3L6s
Lp0zvyi+DTLiy5ABjBu9pzVk7aCB3H0ZN+Xy/3w3sff8vqNTMFEwHQYDVR0OBBYE
FOv0Jg7nVS4QdLuqNPZTo76UDGkgMB8GA1UdIwQYMBaAFOv0Jg7nVS4QdLuqNPZT
o76UDGkgMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgPqk0MpJL
CKdClxBMjrj2jf5PdZTfs6R/DCCZ0m3g/FoCIQDcULnwaHJ5qAQIW7qtL/tYpA4a
LQzL2PbBc4NAmidSUw==
-----END CERTIFICATE-----`;
// Signed with it; valid until the year 2100.
const CERTIFICATE_TOKEN = [
  'eyJhbGciOiJFUzI1NiJ9',
  'eyJpc3MiOiJhY21lIiwic3ViIjoiYWxpY2UiLCJhdWQiOiJodHRwczovL21jcC5leGFtcGxlLmNvbS9tY3AiLCJleHAiOjQxMDI0NDQ4MDB9',
  't4YrDyvm4kszK8VPqPWSta7com3Q5MhSEfdHBQKEQgBx3MSyUZ3NTWil537NAScJBv_9FGfKTxQ7sSiT3DIC6A',
].join('.');

describe('[mcp-auth/providers.jwt] a public key', () => {
  it('is read from PEM or from a JWK, as an object or as JSON', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const jwk = publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
    const claims = { ...CLAIMS, iss: 'acme', exp: Math.floor(Date.now() / 1000) + 60 };
    const token = signUnchecked({ alg: 'ES256', kid: 'any' }, claims, (content) =>
      signEs256(content, privateKey),
    );
    for (const key of [pem, `\n${pem}`, jwk, JSON.stringify(jwk)]) {
      expect(await isAccepted({ issuer: 'acme', publicKey: key }, token, RESOURCE)).toBe(true);
    }
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    const wrong = other.export({ type: 'spki', format: 'pem' }).toString();
    expect(await isAccepted({ issuer: 'acme', publicKey: wrong }, token, RESOURCE)).toBe(false);
  });

  it('is read from a certificate', async () => {
    const options = { issuer: 'acme', publicKey: CERTIFICATE };
    const [header, payload] = CERTIFICATE_TOKEN.split('.');
    expect(await isAccepted(options, CERTIFICATE_TOKEN, RESOURCE)).toBe(true);
    expect(await isAccepted(options, `${header}.${payload}.${'A'.repeat(86)}`, RESOURCE)).toBe(false);
  });

  it('names its issuer as an authorization server; a secret names none', () => {
    const jwks = new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri });
    const secret = new JWTAuthProvider({ issuer: issuer.issuer, jwtSecret: SECRET });
    expect(jwks.authorizationServers).toEqual([issuer.issuer]);
    expect(secret.authorizationServers).toBeUndefined();
  });

  it('is found through the metadata of the issuer', async () => {
    const before = issuer.requests.metadata;
    expect(await isAccepted({ issuer: issuer.issuer }, await issuer.sign(CLAIMS), RESOURCE)).toBe(true);
    expect(issuer.requests.metadata).toBe(before + 1);
  });
});

describe('[config/jwt-rules] a secret alone', () => {
  it('takes a token without audience and issuer, under a name of its own', async () => {
    const token = await signWithSecret({ sub: 'alice' });
    const named = await new JWTAuthProvider({ jwtSecret: SECRET, name: 'portal' }).authenticate(
      contextOf(token),
    );
    const unnamed = await new JWTAuthProvider({ jwtSecret: SECRET }).authenticate(contextOf(token));
    expect(named.principal?.issuer).toBe('urn:gatehouse:secret:portal');
    expect(unnamed.principal?.issuer).toBe('urn:gatehouse:secret:jwt');
  });

  it('wants an audience that is there to match', async () => {
    const token = await signWithSecret({ sub: 'alice', aud: RESOURCE });
    expect(await isAccepted({ jwtSecret: SECRET }, token, RESOURCE)).toBe(true);
    expect(await isAccepted({ jwtSecret: SECRET }, token, `${RESOURCE}/`)).toBe(false);
    expect(await isAccepted({ jwtSecret: SECRET }, token)).toBe(false);
  });

  it('wants what is configured to be there', async () => {
    const bare = await signWithSecret({ sub: 'alice' });
    const full = await signWithSecret({ sub: 'alice', iss: 'acme', aud: 'api' });
    expect(await isAccepted({ jwtSecret: SECRET, audience: 'api' }, bare)).toBe(false);
    expect(await isAccepted({ jwtSecret: SECRET, issuer: 'acme' }, bare)).toBe(false);
    expect(await isAccepted({ jwtSecret: SECRET, issuer: 'acme', audience: 'api' }, full)).toBe(true);
  });

  it('lets no token claim an identity of the gate itself', async () => {
    for (const iss of ['urn:gatehouse:anonymous', 'urn:gatehouse:environment', '', 7]) {
      expect(await isAccepted({ jwtSecret: SECRET }, await signWithSecret({ sub: 'alice', iss }))).toBe(
        false,
      );
    }
  });

  it('demands exp', async () => {
    expect(
      await isAccepted({ jwtSecret: SECRET }, await signWithSecret({ sub: 'alice', exp: undefined })),
    ).toBe(false);
  });
});

function problemsOf(options: JWTAuthOptions): readonly string[] {
  try {
    const { authorizationServers } = new JWTAuthProvider(options);
    return [`accepted ${String(authorizationServers)}`];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).problems;
  }
}

describe('[config/jwt-rules] options', () => {
  const jwksUri = 'https://issuer.example/jwks';
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const strong = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pemOf = (key: KeyObject) =>
    key
      .export(key.type === 'public' ? { type: 'spki', format: 'pem' } : { type: 'pkcs8', format: 'pem' })
      .toString();

  it.each<[string, JWTAuthOptions, RegExp]>([
    ['no key source', {}, /is required/],
    ['an unset secret', { jwtSecret: undefined }, /jwtSecret has no value/],
    ['an empty secret', { jwtSecret: '' }, /jwtSecret has no value/],
    [
      'an unset secret beside an issuer',
      { jwtSecret: undefined, issuer: 'https://a.example' },
      /jwtSecret has no value/,
    ],
    ['a short secret', { jwtSecret: 'x'.repeat(31) }, /32 bytes/],
    ['two key sources', { jwtSecret: SECRET, jwksUri, issuer: 'a' }, /only one of jwtSecret, jwksUri/],
    ['a key set without issuer', { jwksUri }, /issuer is required with jwksUri/],
    ['a key set and an unset issuer', { jwksUri, issuer: undefined }, /issuer is required with jwksUri/],
    ['a secret and an unset issuer', { jwtSecret: SECRET, issuer: undefined }, /issuer has no value/],
    ['a secret and an unset audience', { jwtSecret: SECRET, audience: undefined }, /audience has no value/],
    ['a key without issuer', { publicKey: pemOf(strong.publicKey) }, /issuer is required with publicKey/],
    ['plain http', { jwksUri: 'http://issuer.example/jwks', issuer: 'a' }, /https/],
    ['a host that only looks like loopback', { jwksUri: 'http://127.0.0.1.example/', issuer: 'a' }, /https/],
    ['a password in the address', { jwksUri: 'https://a:b@issuer.example/', issuer: 'a' }, /https/],
    ['a file', { jwksUri: 'file:///etc/keys.json', issuer: 'a' }, /https/],
    ['an issuer that is no URL', { issuer: 'acme' }, /issuer must be an https URL/],
    ['an issuer with a query', { issuer: 'https://a.example/?x' }, /issuer must be an https URL/],
    ['a private key', { publicKey: pemOf(strong.privateKey), issuer: 'a' }, /publicKey must be/],
    [
      'a private JWK',
      { publicKey: { ...strong.privateKey.export({ format: 'jwk' }) }, issuer: 'a' },
      /publicKey must be/,
    ],
    ['a symmetric JWK', { publicKey: { kty: 'oct', k: 'AAAA' }, issuer: 'a' }, /publicKey must be/],
    ['a weak key', { publicKey: pemOf(weak.publicKey), issuer: 'a' }, /publicKey must be/],
    ['a key that is none', { publicKey: 'hello', issuer: 'a' }, /publicKey must be/],
    ['none', { jwtSecret: SECRET, algorithms: ['none'] }, /none is not supported/],
    ['no algorithm', { jwtSecret: SECRET, algorithms: [] }, /must not be empty/],
    ['mixed families', { jwtSecret: SECRET, algorithms: ['HS256', 'RS256'] }, /RS256 does not fit/],
    ['HMAC with a key set', { jwksUri, issuer: 'a', algorithms: ['HS256'] }, /HS256 does not fit/],
    [
      'an algorithm of another key',
      { publicKey: pemOf(strong.publicKey), issuer: 'a', algorithms: ['RS256'] },
      /RS256 does not fit/,
    ],
    [
      'two user claims',
      { jwtSecret: SECRET, userIdClaim: 'sub', claims: { user: 'uid' } },
      /different claims/,
    ],
    ['an empty claim name', { jwtSecret: SECRET, claims: { roles: '' } }, /claims.roles must not be empty/],
    ['an empty audience', { jwtSecret: SECRET, audience: ['a', ''] }, /audience must not be empty/],
    ['no audience', { jwtSecret: SECRET, audience: [] }, /audience must not be empty/],
    ['a client as audience', { jwtSecret: SECRET, audience: 'app', clientId: ['app'] }, /client ids/],
    ['a long tolerance', { jwtSecret: SECRET, clockTolerance: 601 }, /clockTolerance/],
    ['no tolerance at all', { jwtSecret: SECRET, clockTolerance: Number.NaN }, /clockTolerance/],
    ['a boundless cache', { jwtSecret: SECRET, cache: { maxEntries: Infinity } }, /maxEntries/],
    ['an endless cache', { jwtSecret: SECRET, cache: { ttlMs: Infinity } }, /ttlMs/],
  ])('%s is refused', (_, options, problem) => {
    expect(problemsOf(options).join('\n')).toMatch(problem);
  });

  it('are judged all at once, and never quoted', () => {
    const problems = problemsOf({ jwtSecret: 'hunter2', algorithms: ['none'], clockTolerance: -1 });
    expect(problems).toHaveLength(3);
    expect(problems.join()).not.toContain('hunter2');
  });
});
