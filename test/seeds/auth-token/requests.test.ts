import { get } from 'node:https';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp } from '../../../examples/auth-token/app.ts';
import { readTls, serve } from '../../../examples/auth-token/parts/serve.ts';
import { createIdentity } from '../../hosts/certificates.ts';
import { startApp } from './running-app.ts';

describe('the audit log', () => {
  it('has one line for each attempt, and no secret in it', async () => {
    const app = await startApp();
    const session = await app.signIn();
    await app.send('/auth/login', {
      body: { username: 'my-password-typed-here', password: 'wrong-password' },
    });
    await app.send('/user/profile?token=in-the-query', { authorization: `Bearer ${session}` });
    await app.send('/user/profile', { authorization: 'Bearer invalid-token' });
    await app.send('/service/metrics', { authorization: 'ApiKey api-key-789' });
    await app.send('/user/profile');
    const common = { time: '2026-01-01T00:00:00.000Z', address: '127.0.0.1' };
    expect(app.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { ...common, action: 'login', outcome: 'ok', user: 'alice', method: 'POST', path: '/auth/login' },
      {
        ...common,
        action: 'login',
        outcome: 'refused',
        reason: 'Invalid credentials',
        method: 'POST',
        path: '/auth/login',
      },
      {
        ...common,
        action: 'authenticate',
        outcome: 'ok',
        scheme: 'Bearer',
        user: 'alice',
        method: 'GET',
        path: '/user/profile',
      },
      {
        ...common,
        action: 'authenticate',
        outcome: 'refused',
        scheme: 'Bearer',
        reason: 'Invalid token',
        method: 'GET',
        path: '/user/profile',
      },
      {
        ...common,
        action: 'authenticate',
        outcome: 'ok',
        scheme: 'ApiKey',
        user: 'service',
        method: 'GET',
        path: '/service/metrics',
      },
      {
        ...common,
        action: 'authenticate',
        outcome: 'refused',
        reason: 'No authorization header',
        method: 'GET',
        path: '/user/profile',
      },
    ]);
    const secrets = [session, 'password', 'invalid-token', 'api-key-789', 'in-the-query'];
    expect(secrets.filter((secret) => app.lines.join('\n').includes(secret))).toEqual([]);
  });

  it('tells of guesses that were not looked at', async () => {
    const app = await startApp();
    for (let attempt = 0; attempt < 21; attempt++) await app.send('/auth/login', { body: {} });
    expect(JSON.parse(app.lines.at(-1) ?? '')).toMatchObject({
      outcome: 'refused',
      reason: 'Too many attempts',
    });
  });
});

describe('a request', () => {
  it.each([
    ['bearer user-token-123', 200],
    ['BEARER   user-token-123', 200],
    ['apikey api-key-789', 200],
    ['Bearer', 401],
    ['Bearer ', 401],
    ['Bearer user-token-123 more', 401],
    ['Bearer user-token-12', 401],
    ['Bearer __proto__', 401],
    ['Bearer session-', 401],
    ['ApiKey admin-token-456', 401],
  ])('with %j is answered with %i', async (authorization, status) => {
    const app = await startApp();
    expect((await app.send('/user/profile', { authorization })).status).toBe(status);
  });

  it('is told what kind of credential there is', async () => {
    const app = await startApp();
    const { headers } = await app.send('/user/profile');
    expect(headers.get('www-authenticate')).toBe('Bearer realm="auth-token"');
  });

  it.each([
    ['a body that is no JSON', '{"username"', 400],
    ['a body that is too large', JSON.stringify({ username: 'a'.repeat(200_000) }), 413],
  ])('with %s is the sender’s mistake', async (_what, body, status) => {
    const app = await startApp();
    const reply = await app.send('/auth/login', { body });
    expect([reply.status, reply.json]).toEqual([status, { error: 'Bad request' }]);
  });

  it.each([
    ['nothing', undefined],
    ['no role', { userId: 1 }],
    ['no user', { role: 'admin' }],
    ['a user of another type', { userId: [1], role: 'admin' }],
  ])('for a grant with %s is refused', async (_what, body) => {
    const app = await startApp();
    const reply = await app.send('/admin/grant', {
      method: 'POST',
      authorization: 'Bearer admin-token-456',
      body,
    });
    expect(reply.status).toBe(400);
  });

  it('for settings may be without any', async () => {
    const app = await startApp();
    const { json } = await app.send('/user/settings', {
      method: 'PUT',
      authorization: 'Bearer user-token-123',
    });
    expect(json).toEqual({ message: 'Settings updated', userId: 1, settings: {} });
  });
});

describe('the story over HTTPS', () => {
  it('is served with a certificate', async () => {
    const { cert, certPath, keyPath } = await createIdentity();
    const tls = readTls({ TLS_CERT: certPath, TLS_KEY: keyPath });
    const { close, url } = await serve(() => createApp({ audit: () => undefined }), { port: 0, tls });
    onTestFinished(close);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      get(`${url}/public/info`, { ca: cert }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
    expect([url.startsWith('https:'), status]).toEqual([true, 200]);
  });

  it('is not asked for by half', () => {
    expect(readTls({})).toBeUndefined();
    expect(() => readTls({ TLS_CERT: '/nowhere' })).toThrow('TLS_KEY');
  });
});
