import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TenantUnavailableError } from '../../../examples/auth0/identity-source.ts';
import { createManagementApi } from '../../../examples/auth0/management-api.ts';
import { startWithOwnTenant, startWithTenant } from './running-app.ts';

const TOKEN = { access_token: 'token-of-the-app', token_type: 'Bearer', expires_in: 3600 };
const USER = {
  user_id: 'auth0|a',
  email: 'a@example.com',
  name: 'A',
  created_at: '2024-01-01T00:00:00.000Z',
};

/** A tenant whose answers a test chooses, by path. */
async function startTenant(answers: Record<string, readonly [status: number, body: unknown]>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    request.resume();
    const [status, body] = answers[path] ?? [404, { error: 'Not Found' }];
    response.writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let now = Date.parse('2026-01-01T00:00:00Z');
  const config = {
    domain: origin,
    origin,
    issuer: `${origin}/`,
    audience: 'https://api.example.com',
    clientId: 'client',
    clientSecret: 'secret',
  };
  const api = createManagementApi(config, () => now);
  return { api, asked, pass: (seconds: number) => void (now += seconds * 1000) };
}

const FOUND = {
  '/oauth/token': [200, TOKEN],
  '/api/v2/users/auth0%7Ca': [200, USER],
  '/api/v2/users/auth0%7Ca/permissions?per_page=100': [200, []],
} as const;

const tokensIn = (asked: readonly string[]) => asked.filter((path) => path === '/oauth/token').length;

describe('looking a user up at the tenant', () => {
  it('tells what the tenant knows, and of permissions only those at this API', async () => {
    const { tenant, ...app } = await startWithTenant();
    const authorization = `Bearer ${await tenant.token('viewer@example.com')}`;
    const { json } = await app.send('/api/auth0/user/auth0%7Creadonly789', { authorization });
    expect(json).toEqual({
      user_id: 'auth0|readonly789',
      email: 'viewer@example.com',
      name: 'View Only',
      permissions: ['read:profile', 'read:users'],
      created_at: '2024-02-01T09:00:00.000Z',
    });
  });

  it('takes one token of the app for all who ask, and another one before that ends', async () => {
    const { api, asked, pass } = await startTenant({ ...FOUND });
    await Promise.all([api.findUser('auth0|a'), api.findUser('auth0|a'), api.findUser('auth0|b')]);
    pass(3539);
    await api.findUser('auth0|a');
    expect(tokensIn(asked)).toBe(1);
    pass(1);
    await api.findUser('auth0|a');
    expect(tokensIn(asked)).toBe(2);
  });

  it('gives what the tenant leaves out as nothing', async () => {
    const path = '/api/v2/users/auth0%7Ca';
    const { api } = await startTenant({
      ...FOUND,
      [path]: [200, { email: 5 }],
      [`${path}/permissions?per_page=100`]: [200, [null, 5, { permission_name: 5 }]],
    });
    expect(await api.findUser('auth0|a')).toEqual({
      user_id: 'auth0|a',
      email: null,
      name: null,
      permissions: [],
      created_at: null,
    });
  });

  it.each(['', '.', '..', 'a'.repeat(257)])('asks nobody for %j', async (id) => {
    const { api, asked } = await startTenant({ ...FOUND });
    expect([await api.findUser(id), asked]).toEqual([undefined, []]);
  });

  it.each(['../clients', '%2e%2e', 'a/../../oauth/token', 'a?b', 'a#b'])(
    'asks for %j as for any other id',
    async (id) => {
      const { api, asked } = await startTenant({ ...FOUND });
      expect(await api.findUser(id)).toBeUndefined();
      expect(asked.at(-1)).toBe(`/api/v2/users/${encodeURIComponent(id)}`);
    },
  );

  it.each<[string, Record<string, readonly [number, unknown]>]>([
    ['refuses the app a token', { '/oauth/token': [401, { error: 'access_denied' }] }],
    ['fails at tokens', { '/oauth/token': [500, {}] }],
    ['has no token in its answer', { '/oauth/token': [200, {}] }],
    ['leads elsewhere', { '/oauth/token': [307, {}] }],
    ['refuses the token', { ...FOUND, '/api/v2/users/auth0%7Ca': [401, {}] }],
    ['has had enough', { ...FOUND, '/api/v2/users/auth0%7Ca': [429, {}] }],
    ['speaks no JSON', { ...FOUND, '/api/v2/users/auth0%7Ca': [200, '<html>'] }],
  ])('says that it is not known when the tenant %s', async (_what, answers) => {
    const { api } = await startTenant(answers);
    await expect(api.findUser('auth0|a')).rejects.toThrow(TenantUnavailableError);
  });

  it('asks for another token once one has been refused', async () => {
    const path = '/api/v2/users/auth0%7Ca';
    const answers: Record<string, readonly [number, unknown]> = { ...FOUND, [path]: [401, {}] };
    const { api, asked } = await startTenant(answers);
    await expect(api.findUser('auth0|a')).rejects.toThrow(TenantUnavailableError);
    answers[path] = [200, USER];
    expect((await api.findUser('auth0|a'))?.name).toBe('A');
    expect(tokensIn(asked)).toBe(2);
  });
});

describe('a tenant that does not answer', () => {
  it('lets nobody in, and says that this may change', async () => {
    const { tenant, ...app } = await startWithOwnTenant();
    const token = await tenant.token('admin@example.com');
    await tenant.close();
    const { headers, json, status } = await app.send('/api/users', { authorization: `Bearer ${token}` });
    expect([status, json, headers.get('retry-after')]).toEqual([
      503,
      { error: 'Service unavailable', message: 'The identity provider does not answer' },
      '5',
    ]);
    expect((await app.send('/')).status).toBe(200);
  });

  it('is not needed to refuse what cannot be a token', async () => {
    const { tenant, ...app } = await startWithOwnTenant();
    await tenant.close();
    expect((await app.send('/api/users', { authorization: 'Bearer mock-jwt-admin' })).status).toBe(401);
    expect((await app.send('/api/users')).status).toBe(401);
  });

  it('is no reason to guess who a user is', async () => {
    const { tenant, ...app } = await startWithOwnTenant();
    const authorization = `Bearer ${await tenant.token('admin@example.com')}`;
    expect((await app.send('/api/profile', { authorization })).status).toBe(200);
    await tenant.close();
    // Its keys are known, but not what it would say of the user.
    expect((await app.send('/api/profile', { authorization })).status).toBe(503);
    expect((await app.send('/api/users', { authorization })).status).toBe(200);
  });
});
