import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ValidationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { createHostileIssuer } from '../testing/hostile-issuer.ts';
import { createLocalIssuer, type LocalIssuer } from '../testing/local-issuer.ts';
import { createChain } from './chain.ts';
import { JWTAuthProvider } from './jwt.ts';

const RESOURCE = 'https://mcp.example.com/mcp';
const INVALID = { authenticated: false, reason: 'invalid', error: 'The token is not valid' };
/** Order of the P-256 group: (r, s) and (r, n - s) are signatures of the same content. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

let issuer: LocalIssuer;

beforeEach(async () => {
  issuer = await createLocalIssuer();
});
afterEach(() => issuer.close());

function contextOf(token: string): RequestContext {
  const credential = { kind: 'bearer', token: new Secret(token) } as const;
  return { transport: 'http', timestamp: new Date(), credential, resource: RESOURCE };
}

const createProvider = () => new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri });
const aliceToken = () => issuer.token({ subject: 'alice', audience: RESOURCE });

function twinOf(token: string): string {
  const [header, payload, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex');
  return `${header}.${payload}.${Buffer.concat([bytes.subarray(0, 32), other]).toString('base64url')}`;
}

describe('revoking a token by its text', () => {
  it('holds for its other signature, whether or not it was seen before', async () => {
    for (const seen of ['neither', 'token', 'twin']) {
      const provider = createProvider();
      const token = await aliceToken();
      const twin = twinOf(token);
      if (seen === 'token') expect((await provider.authenticate(contextOf(token))).authenticated).toBe(true);
      if (seen === 'twin') expect((await provider.authenticate(contextOf(twin))).authenticated).toBe(true);
      createChain([provider]).revokeToken?.(token);
      for (const spelling of [token, twin]) {
        expect(await provider.authenticate(contextOf(spelling))).toEqual(INVALID);
        expect(provider.isKnown(contextOf(spelling))).toBe(false);
      }
      expect((await provider.authenticate(contextOf(await aliceToken()))).authenticated).toBe(true);
    }
  });

  it('announces every fingerprint it is in use under', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    const heard: string[] = [];
    provider.onRevoked((fingerprint) => heard.push(fingerprint));
    await provider.authenticate(contextOf(twinOf(token)));
    provider.revokeToken(token);
    const expected = [token, twinOf(token)].map((spelling) => new Secret(spelling).fingerprint());
    expect(heard.toSorted()).toEqual(expected.toSorted());
  });

  it('holds for a twin that is just being verified', async () => {
    const provider = createProvider();
    const token = await aliceToken();
    const result = provider.authenticate(contextOf(twinOf(token)));
    provider.revokeToken(token);
    expect(await result).toEqual(INVALID);
  });

  it('needs no keys', async () => {
    const hostile = await createHostileIssuer({ behaviour: 'down' });
    const provider = new JWTAuthProvider({ issuer: hostile.issuer });
    const token = await hostile.sign({ sub: 'a', aud: RESOURCE });
    provider.revokeToken(token);
    for (const spelling of [token, twinOf(token)]) {
      expect(await provider.authenticate(contextOf(spelling))).toEqual(INVALID);
    }
    expect(hostile.requests.total).toBe(0);
    await hostile.close();
  });

  it('takes a token of any kind, and nothing but a text', () => {
    const provider = createProvider();
    provider.revokeToken('opaque');
    provider.revokeToken('opaque.with.dots!');
    for (const wrong of ['', undefined, 7]) {
      expect(() => provider.revokeToken(wrong as string)).toThrow(ValidationError);
    }
  });
});
