import { describe, expect, it } from 'vitest';
import { createApp } from '../../../examples/auth0/app.ts';
import { readTenantConfig } from '../../../examples/auth0/tenant-config.ts';
import { startApp } from './running-app.ts';

const ENV = {
  AUTH0_DOMAIN: 'your-tenant.auth0.com',
  AUTH0_AUDIENCE: 'https://your-api.example.com',
  AUTH0_CLIENT_ID: 'client',
  AUTH0_CLIENT_SECRET: 'secret',
};

describe('the tenant that the environment names', () => {
  it.each([
    ['your-tenant.auth0.com', 'https://your-tenant.auth0.com'],
    ['Your-Tenant.EU.auth0.com', 'https://your-tenant.eu.auth0.com'],
    ['https://login.example.com', 'https://login.example.com'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://localhost:8080/', 'http://localhost:8080'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('is at %s', (domain, origin) => {
    const config = readTenantConfig({ ...ENV, AUTH0_DOMAIN: domain });
    expect([config?.origin, config?.issuer]).toEqual([origin, `${origin}/`]);
  });

  it.each([
    'http://your-tenant.auth0.com',
    'http://127.0.0.1.example.com',
    'https://your-tenant.auth0.com/path',
    'https://user@your-tenant.auth0.com',
    'your-tenant.auth0.com/path',
    'your-tenant.auth0.com@evil.example.com',
    'file:///etc/passwd',
    'tenant',
  ])('is not at %s', (domain) => {
    expect(() => createApp({ env: { ...ENV, AUTH0_DOMAIN: domain } })).toThrow('AUTH0_DOMAIN');
  });

  it.each(Object.keys(ENV))('cannot do without %s', (name) => {
    expect(() => createApp({ env: { ...ENV, [name]: undefined } })).toThrow(name);
    expect(() => createApp({ env: { ...ENV, [name]: '' } })).toThrow(name);
  });

  it('is not told apart from its client by half', () => {
    expect(() => createApp({ env: { ...ENV, AUTH0_AUDIENCE: 'client' } })).toThrow('AUTH0_AUDIENCE');
  });

  it('is told at the root, without a secret', async () => {
    const app = await startApp(ENV);
    const { json, text } = await app.send('/');
    expect(json).toMatchObject({
      auth0: { mode: 'tenant', domain: ENV.AUTH0_DOMAIN, audience: ENV.AUTH0_AUDIENCE },
    });
    expect(text).not.toContain('secret');
  });

  it('is none where the environment names none', async () => {
    expect(readTenantConfig({})).toBeUndefined();
    const app = await startApp();
    expect((await app.send('/')).json).toMatchObject({ auth0: { mode: 'mock' } });
  });
});

describe('requests that are no use', () => {
  it.each([
    ['POST', '/api/users', { name: 'New User' }],
    ['POST', '/api/users', []],
    ['POST', '/api/admin/permissions', { userId: 'auth0|user123' }],
    ['POST', '/api/admin/permissions', { userId: 'auth0|user123', permissions: 'admin:all' }],
    ['POST', '/api/admin/permissions', { userId: 5, permissions: [] }],
  ])('%s %s with %j is a 400', async (method, path, body) => {
    const app = await startApp();
    const { status } = await app.send(path, { method, body, authorization: 'Bearer mock-jwt-admin' });
    expect(status).toBe(400);
  });
});
