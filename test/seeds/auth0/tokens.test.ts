import { exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { createLocalIssuer } from 'mcp-gatehouse/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../../../examples/auth-token/parts/serve.ts';
import type { LocalTenant } from '../../../examples/auth0/local-tenant.ts';
import { type AppWithTenant, startApp, startWithTenant } from './running-app.ts';

const NOW = Math.floor(Date.now() / 1000);

/** What a token of an administrator says. */
function claimsOf({ env, issuer }: LocalTenant) {
  return {
    iss: issuer,
    sub: 'auth0|admin456',
    aud: [env.AUTH0_AUDIENCE, `${issuer}userinfo`],
    azp: env.AUTH0_CLIENT_ID,
    iat: NOW,
    exp: NOW + 600,
    scope: 'openid profile email',
    permissions: ['read:profile', 'write:profile', 'read:users', 'write:users', 'admin:all'],
  };
}

const statusOf = async (app: AppWithTenant, token: string, path = '/api/admin/users') =>
  (await app.send(path, { authorization: `Bearer ${token}` })).status;

describe('a token of the tenant', () => {
  it('lets its user in: what the tests below change is what they are refused for', async () => {
    const app = await startWithTenant();
    expect(await statusOf(app, await app.tenant.sign(claimsOf(app.tenant)))).toBe(200);
  });

  it.each<[string, (tenant: LocalTenant) => Promise<string> | string]>([
    [
      'forged with a key of one’s own',
      async (tenant) => {
        const { privateKey } = await generateKeyPair('RS256');
        return new SignJWT(claimsOf(tenant))
          .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
          .sign(privateKey);
      },
    ],
    [
      'forged under the id of the tenant’s key',
      async (tenant) => {
        const real = await tenant.sign(claimsOf(tenant));
        const { kid } = JSON.parse(Buffer.from(real.split('.')[0] ?? '', 'base64url').toString()) as {
          kid: string;
        };
        const { privateKey } = await generateKeyPair('RS256');
        return new SignJWT(claimsOf(tenant)).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey);
      },
    ],
    [
      'with other claims under the same signature',
      async (tenant) => {
        const [header, , signature] = (await tenant.sign({ ...claimsOf(tenant), permissions: [] })).split(
          '.',
        );
        const payload = Buffer.from(JSON.stringify(claimsOf(tenant))).toString('base64url');
        return [header, payload, signature].join('.');
      },
    ],
    [
      'signed with the public key as a secret',
      async (tenant) => {
        const { publicKey } = await generateKeyPair('RS256', { extractable: true });
        const secret = new TextEncoder().encode(await exportSPKI(publicKey));
        return new SignJWT(claimsOf(tenant)).setProtectedHeader({ alg: 'HS256' }).sign(secret);
      },
    ],
    ['with alg none', (tenant) => new UnsecuredJWT(claimsOf(tenant)).encode()],
    ['with another algorithm of the tenant', (tenant) => tenant.sign(claimsOf(tenant), { alg: 'PS256' })],
    ['without exp', (tenant) => tenant.sign({ ...claimsOf(tenant), exp: undefined })],
    ['that has expired', (tenant) => tenant.sign({ ...claimsOf(tenant), exp: NOW - 60 })],
    ['with an end that is no number', (tenant) => tenant.sign({ ...claimsOf(tenant), exp: 'never' })],
    ['not valid yet', (tenant) => tenant.sign({ ...claimsOf(tenant), nbf: NOW + 600 })],
    [
      'for another audience',
      (tenant) => tenant.sign({ ...claimsOf(tenant), aud: 'https://other.example.com' }),
    ],
    [
      'for this client, as ID tokens are',
      (tenant) => tenant.sign({ ...claimsOf(tenant), aud: tenant.env.AUTH0_CLIENT_ID }),
    ],
    ['without an audience', (tenant) => tenant.sign({ ...claimsOf(tenant), aud: undefined })],
    [
      'of another issuer',
      (tenant) => tenant.sign({ ...claimsOf(tenant), iss: 'https://other.example.com/' }),
    ],
    [
      'of the same issuer without the slash',
      (tenant) => tenant.sign({ ...claimsOf(tenant), iss: tenant.issuer.slice(0, -1) }),
    ],
    ['without an issuer', (tenant) => tenant.sign({ ...claimsOf(tenant), iss: undefined })],
    [
      'with an unknown critical header',
      (tenant) => tenant.sign(claimsOf(tenant), { header: { crit: ['x'], x: 1 } }),
    ],
    ['with two dots and nothing else', () => '..'],
    ['that is a mock token', () => 'mock-jwt-admin'],
  ])('is refused when it is %s', async (_what, make) => {
    const app = await startWithTenant();
    const authorization = `Bearer ${await make(app.tenant)}`;
    const { headers, json, status } = await app.send('/api/admin/users', { authorization });
    expect([status, json]).toEqual([401, { error: 'Invalid token', message: 'Token validation failed' }]);
    expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('of another tenant of the same kind is refused', async () => {
    const app = await startWithTenant();
    const other = await createLocalIssuer({ algorithm: 'RS256' });
    onTestFinished(() => other.close());
    expect(await statusOf(app, await other.sign(claimsOf(app.tenant)))).toBe(401);
  });

  it('ends while the app runs', async () => {
    const app = await startWithTenant();
    const token = await app.tenant.sign(claimsOf(app.tenant));
    expect(await statusOf(app, token)).toBe(200);
    app.pass(660);
    expect(await statusOf(app, token)).toBe(401);
  });
});

const ROUTES = [
  ['GET', '/api/profile'],
  ['PUT', '/api/profile'],
  ['GET', '/api/email'],
  ['GET', '/api/users'],
  ['POST', '/api/users'],
  ['GET', '/api/admin/users'],
  ['POST', '/api/admin/permissions'],
  ['GET', '/api/auth0/user/auth0%7Cuser123'],
] as const;

describe('claims that are missing or of no use', () => {
  it.each([
    ['no permissions and no scope', { permissions: undefined, scope: undefined }],
    ['permissions that are no list', { permissions: 'admin:all', scope: 5 }],
    ['a list of other things', { permissions: [{ admin: 'all' }, 5, null], scope: ['email'] }],
    ['permissions by number', { permissions: { 0: 'admin:all', length: 1 }, scope: null }],
  ])('give no rights: %s', async (_what, claims) => {
    const app = await startWithTenant();
    const authorization = `Bearer ${await app.tenant.sign({ ...claimsOf(app.tenant), ...claims })}`;
    const statuses: Record<string, number> = {};
    for (const [method, path] of ROUTES) {
      const body = method === 'GET' ? undefined : {};
      statuses[`${method} ${path}`] = (await app.send(path, { method, authorization, body })).status;
    }
    // Nothing but the scope openid lets the app ask who the user is, which a profile cannot do without.
    expect(statuses).toEqual(Object.fromEntries(ROUTES.map(([method, path]) => [`${method} ${path}`, 403])));
  });

  it.each([
    ['no subject', undefined],
    ['a subject that is no text', 5],
    ['an empty subject', ''],
  ])('name nobody: %s', async (_what, sub) => {
    const app = await startWithTenant();
    const authorization = `Bearer ${await app.tenant.sign({ ...claimsOf(app.tenant), sub })}`;
    for (const [method, path] of ROUTES) {
      const { status } = await app.send(path, { method, authorization });
      // A sub of the wrong type makes it no JWT (RFC 7519 §4.1.2).
      expect([401, 403], `${method} ${path}`).toContain(status);
    }
  });

  it('are told of in the words of the contract', async () => {
    const app = await startWithTenant();
    const claims = { ...claimsOf(app.tenant), permissions: ['read:profile'], scope: 'openid profile' };
    const authorization = `Bearer ${await app.tenant.sign(claims)}`;
    const [users, email] = [
      await app.send('/api/users', { authorization }),
      await app.send('/api/email', { authorization }),
    ];
    expect([users.status, users.json]).toEqual([
      403,
      {
        error: 'Insufficient permissions',
        message: "Permission 'read:users' required",
        userPermissions: ['read:profile'],
      },
    ]);
    expect([email.status, email.json]).toEqual([
      403,
      { error: 'Insufficient scope', message: "Scope 'email' required", userScopes: ['openid', 'profile'] },
    ]);
  });

  it('are taken from the token where it has them, and from nobody else then', async () => {
    const app = await startWithTenant();
    const own = { name: 'Own Name', email: 'own@example.com', email_verified: false, scope: 'email' };
    const authorization = `Bearer ${await app.tenant.sign({ ...claimsOf(app.tenant), ...own })}`;
    expect((await app.send('/api/profile', { authorization })).json).toMatchObject({
      profile: { id: 'auth0|admin456', email: 'own@example.com', name: 'Own Name' },
    });
    expect((await app.send('/api/email', { authorization })).json).toEqual({
      email: 'own@example.com',
      verified: false,
    });
  });

  it('of a machine, which is no user, are no profile', async () => {
    const app = await startWithTenant();
    const { AUTH0_CLIENT_ID: id } = app.tenant.env;
    const authorization = `Bearer ${await app.tenant.sign({ ...claimsOf(app.tenant), sub: `${id}@clients` })}`;
    const { json, status } = await app.send('/api/profile', { authorization });
    expect([status, json]).toEqual([
      403,
      { error: 'Insufficient claims', message: "Claim 'email' required" },
    ]);
    expect((await app.send('/api/users', { authorization })).status).toBe(200);
  });
});

describe('what the tenant says of a user', () => {
  /** An app with a tenant that has the keys of one issuer and says the same of everybody. */
  async function startWithWords(status: number, said: unknown) {
    const issuer = await createLocalIssuer({ algorithm: 'RS256' });
    onTestFinished(() => issuer.close());
    const { close, url } = await serve(
      () => async (request, response) => {
        const isKeys = request.url === '/.well-known/jwks.json';
        const body: unknown = isKeys ? await (await fetch(issuer.jwksUri)).json() : said;
        response.writeHead(isKeys ? 200 : status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      },
      { port: 0 },
    );
    onTestFinished(close);
    const env = {
      AUTH0_DOMAIN: url,
      AUTH0_AUDIENCE: 'https://api.example.com',
      AUTH0_CLIENT_ID: 'client',
      AUTH0_CLIENT_SECRET: 'secret',
    };
    const claims = { iss: `${url}/`, sub: 'auth0|a', aud: env.AUTH0_AUDIENCE, scope: 'openid email' };
    return { ...(await startApp(env)), authorization: `Bearer ${await issuer.sign(claims)}` };
  }

  it.each([
    ['the user', 200, { sub: 'auth0|a', email: 'a@example.com', name: 'A' }, 200],
    ['somebody else', 200, { sub: 'auth0|b', email: 'b@example.com', name: 'B' }, 403],
    ['nobody', 200, { email: 'b@example.com', name: 'B' }, 403],
    ['the user, without an address', 200, { sub: 'auth0|a', name: 'A' }, 403],
    ['the user, without a name', 200, { sub: 'auth0|a', email: 'a@example.com' }, 403],
    ['the user, with an address of another type', 200, { sub: 'auth0|a', email: ['a'], name: 'A' }, 403],
    ['nothing to this token', 401, { error: 'invalid_token' }, 403],
    ['a list', 200, [], 403],
  ])('is taken for a profile where it is about the user: %s', async (_what, status, said, expected) => {
    const app = await startWithWords(status, said);
    const reply = await app.send('/api/profile', { authorization: app.authorization });
    expect(reply.status).toBe(expected);
  });

  it('says whether an address is proved, and is not believed to when it does not', async () => {
    const app = await startWithWords(200, { sub: 'auth0|a', email: 'a@example.com', name: 'A' });
    const { json } = await app.send('/api/email', { authorization: app.authorization });
    expect(json).toEqual({ email: 'a@example.com', verified: false });
  });
});
