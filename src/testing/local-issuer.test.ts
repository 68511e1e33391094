import { createRemoteJWKSet, decodeProtectedHeader, importSPKI, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { createLocalIssuer } from './local-issuer.ts';

describe('the local issuer', () => {
  it('publishes its metadata at every well-known place, and its public keys only', async () => {
    const issuer = await createLocalIssuer({ path: '/tenant' });
    const { origin } = new URL(issuer.issuer);
    const urls = [
      `${origin}/.well-known/oauth-authorization-server/tenant`,
      `${origin}/tenant/.well-known/openid-configuration`,
    ];
    for (const url of urls) {
      expect(await (await fetch(url)).json()).toMatchObject({
        issuer: issuer.issuer,
        jwks_uri: issuer.jwksUri,
      });
    }
    const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: object[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toHaveProperty('d');
    expect((await fetch(`${origin}/else`)).status).toBe(404);
    expect(issuer.requests).toEqual({ metadata: 2, jwks: 1, total: 4 });
    await issuer.close();
  });

  it('issues access tokens that an independent library verifies', async () => {
    const issuer = await createLocalIssuer();
    const keys = createRemoteJWKSet(new URL(issuer.jwksUri));
    const token = await issuer.token({ subject: 'a', audience: ['x', 'y'], scopes: ['r', 'w'], tenant: 't' });
    const { payload } = await jwtVerify(token, keys, { issuer: issuer.issuer, audience: 'y', typ: 'at+jwt' });
    expect(payload).toMatchObject({ sub: 'a', scope: 'r w', tenant: 't', client_id: 'local-client' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
    const pem = await importSPKI(await issuer.publicKeyPem(), 'ES256');
    expect((await jwtVerify(token, pem)).payload.sub).toBe('a');
    await issuer.close();
  });

  it('makes the mistakes it is asked for', async () => {
    const issuer = await createLocalIssuer({ algorithm: 'EdDSA' });
    const token = await issuer.sign(
      { iss: 'other', exp: undefined },
      { kid: null, typ: null, header: { x: 1 } },
    );
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', x: 1 });
    await issuer.close();
  });

  it('withdraws its old keys when it makes new ones, unless told to keep them', async () => {
    const issuer = await createLocalIssuer();
    const kids = async () => {
      const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: { kid: string }[] };
      return keys.map((key) => key.kid);
    };
    const [first] = await kids();
    await issuer.rotateKeys({ keepOld: true });
    expect(await kids()).toHaveLength(2);
    expect(await kids()).toContain(first);
    await issuer.rotateKeys();
    expect(await kids()).toHaveLength(1);
    expect(await kids()).not.toContain(first);
    await issuer.close();
  });

  it('listens on loopback only', async () => {
    for (const host of ['0.0.0.0', '::', '192.168.0.1', 'example.com', '127.0.0.1.example']) {
      await expect(createLocalIssuer({ host })).rejects.toThrow(ConfigurationError);
    }
    await expect(createLocalIssuer({ path: 'tenant' })).rejects.toThrow(ConfigurationError);
  });

  it('has other keys each time', async () => {
    const [one, two] = await Promise.all([createLocalIssuer(), createLocalIssuer()]);
    expect(await one.publicKeyPem()).not.toBe(await two.publicKeyPem());
    await Promise.all([one.close(), two.close()]);
    await expect(fetch(one.jwksUri)).rejects.toThrow();
  });
});
