import { describe, expect, it } from 'vitest';
import { type RunningApp, startApp } from './running-app.ts';

const guess = (app: RunningApp) =>
  app.send('/auth/login', { body: { username: 'alice', password: 'guess' } }).then(({ status }) => status);

describe('logging in', () => {
  it.each([
    ['no body', undefined],
    ['no object', '[]'],
    ['no names', {}],
    ['a name of another type', { username: ['alice'], password: 'password123' }],
    ['a password of another type', { username: 'alice', password: { toString: 'password123' } }],
    ['a name that objects have', { username: '__proto__', password: '' }],
    ['an empty name and password', { username: '', password: '' }],
  ])('is refused for %s', async (_what, body) => {
    const app = await startApp();
    const { json, status } = await app.send('/auth/login', { method: 'POST', body });
    expect([status, json]).toEqual([401, { error: 'Invalid credentials' }]);
  });

  it('is slowed down for an address that guesses, whatever it sends then', async () => {
    const app = await startApp();
    for (let attempt = 0; attempt < 20; attempt++) expect(await guess(app)).toBe(401);
    app.pass(30);
    const body = { username: 'alice', password: 'password123' };
    const { headers, json, status } = await app.send('/auth/login', { body });
    expect([status, json, headers.get('retry-after')]).toEqual([429, { error: 'Too many attempts' }, '30']);
    app.pass(30);
    expect((await app.send('/auth/login', { body })).status).toBe(200);
  });

  it('counts guesses that are made at once', async () => {
    const app = await startApp();
    const statuses = await Promise.all(Array.from({ length: 30 }, () => guess(app)));
    expect(statuses.filter((status) => status === 401)).toHaveLength(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(10);
  });

  it('counts nothing against those who know their password', async () => {
    const app = await startApp();
    for (let attempt = 0; attempt < 40; attempt++) await app.signIn();
    expect(await guess(app)).toBe(401);
  });

  it('does not keep those out who have signed in', async () => {
    const app = await startApp();
    for (let attempt = 0; attempt < 21; attempt++) await guess(app);
    expect((await app.send('/user/profile', { authorization: 'Bearer user-token-123' })).status).toBe(200);
  });

  it('is never cached', async () => {
    const app = await startApp();
    const { headers } = await app.send('/auth/login', { body: { username: 'bob', password: 'admin123' } });
    expect(headers.get('cache-control')).toBe('no-store');
  });
});
