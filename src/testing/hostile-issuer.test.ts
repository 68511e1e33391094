import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostileIssuer, type HostileIssuer } from './hostile-issuer.ts';

let issuer: HostileIssuer;

beforeEach(async () => {
  issuer = await createHostileIssuer();
});
afterEach(() => issuer.close());

const keysOf = async (): Promise<readonly Record<string, unknown>[]> =>
  ((await (await fetch(issuer.jwksUri)).json()) as { keys: Record<string, unknown>[] }).keys;
const metadataUrl = () => `${issuer.issuer}/.well-known/openid-configuration`;

describe('the hostile issuer', () => {
  it('is honest until told otherwise, and again afterwards', async () => {
    expect(await keysOf()).toHaveLength(1);
    issuer.behaviour = 'no-keys';
    expect(await keysOf()).toHaveLength(0);
    issuer.behaviour = 'honest';
    expect(await keysOf()).toHaveLength(1);
    expect(issuer.requests).toMatchObject({ jwks: 3, metadata: 0, total: 3 });
  });

  it('hangs up, fails, or keeps its caller waiting', async () => {
    issuer.behaviour = 'down';
    await expect(fetch(issuer.jwksUri)).rejects.toThrow();
    issuer.behaviour = 'error';
    expect((await fetch(issuer.jwksUri)).status).toBe(500);
    issuer.behaviour = 'silent';
    await expect(fetch(issuer.jwksUri, { signal: AbortSignal.timeout(50) })).rejects.toThrow();
    issuer.behaviour = 'slow';
    const response = await fetch(issuer.jwksUri, { signal: AbortSignal.timeout(100) });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it('sends more than anyone can read', async () => {
    issuer.behaviour = 'huge';
    const response = await fetch(issuer.jwksUri);
    let size = 0;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > 4 * 1024 * 1024) break;
    }
    expect(size).toBeGreaterThan(4 * 1024 * 1024);
  });

  it('redirects to sound documents, and counts who follows', async () => {
    issuer.behaviour = 'redirect';
    expect((await fetch(issuer.jwksUri, { redirect: 'manual' })).status).toBe(302);
    expect(issuer.redirectsFollowed).toBe(0);
    expect(await keysOf()).toHaveLength(1);
    expect(issuer.redirectsFollowed).toBe(1);
  });

  it('lies about itself', async () => {
    issuer.behaviour = 'wrong-issuer';
    expect(await (await fetch(metadataUrl())).json()).toMatchObject({ issuer: 'https://issuer.example' });
    issuer.behaviour = 'foreign-jwks-uri';
    expect(await (await fetch(metadataUrl())).json()).toMatchObject({ jwks_uri: 'http://keys.example/jwks' });
    issuer.behaviour = 'not-json';
    await expect((await fetch(metadataUrl())).json()).rejects.toThrow();
    issuer.behaviour = 'not-a-key-set';
    expect(await (await fetch(issuer.jwksUri)).json()).toEqual([]);
  });

  it('publishes keys of every wrong kind', async () => {
    const [honest] = await keysOf();
    issuer.behaviour = 'symmetric-keys';
    expect(await keysOf()).toMatchObject([{ kty: 'oct', alg: 'HS256' }]);
    expect((await issuer.signSymmetric({})).split('.')).toHaveLength(3);
    issuer.behaviour = 'private-keys';
    expect((await keysOf())[0]).toHaveProperty('d');
    issuer.behaviour = 'encryption-keys';
    expect(await keysOf()).toMatchObject([{ use: 'enc' }]);
    issuer.behaviour = 'mismatched-alg';
    expect(await keysOf()).toMatchObject([{ alg: 'ES384' }]);
    issuer.behaviour = 'duplicate-kids';
    expect(new Set((await keysOf()).map((key) => key.kid))).toEqual(new Set([honest?.kid]));
    issuer.behaviour = 'too-many-keys';
    expect(await keysOf()).toHaveLength(101);
    issuer.behaviour = 'broken-keys';
    expect(await keysOf()).toContain(null);
  });
});
