import { describe, expect, it } from 'vitest';
import { startApp } from './running-app.ts';

const INVALID = { error: 'Invalid token' };

describe('a session', () => {
  it('ends after the seconds that were told', async () => {
    const app = await startApp();
    const authorization = `Bearer ${await app.signIn()}`;
    app.pass(3599);
    expect((await app.send('/user/profile', { authorization })).status).toBe(200);
    app.pass(1);
    const late = await app.send('/user/profile', { authorization });
    expect([late.status, late.json]).toEqual([401, INVALID]);
  });

  it('is not counted once it is over', async () => {
    const app = await startApp();
    await app.signIn();
    app.pass(3600);
    const { json } = await app.send('/admin/users', { authorization: 'Bearer admin-token-456' });
    expect(json).toMatchObject({ sessions: 0 });
  });

  it('is another one each time', async () => {
    const app = await startApp();
    expect(await app.signIn()).not.toBe(await app.signIn());
  });

  it('can be renewed, and then no longer holds itself', async () => {
    const app = await startApp();
    const old = `Bearer ${await app.signIn()}`;
    app.pass(3000);
    const { json, status } = await app.send('/auth/refresh', { method: 'POST', authorization: old });
    expect([status, json]).toEqual([
      200,
      {
        token: expect.stringMatching(/^session-[0-9a-f]{32}$/),
        user: { id: 1, username: 'alice', role: 'user' },
        expiresIn: 3600,
      },
    ]);
    const authorization = `Bearer ${(json as { token: string }).token}`;
    expect((await app.send('/user/profile', { authorization: old })).json).toEqual(INVALID);
    expect((await app.send('/auth/refresh', { method: 'POST', authorization: old })).status).toBe(401);
    app.pass(3599);
    expect((await app.send('/user/profile', { authorization })).status).toBe(200);
  });

  it('cannot be carried on for more than twelve hours', async () => {
    const app = await startApp();
    let token = await app.signIn();
    const lifetimes: number[] = [];
    for (let hour = 0; hour < 12; hour++) {
      app.pass(3599);
      const { json } = await app.send('/auth/refresh', { method: 'POST', authorization: `Bearer ${token}` });
      const session = json as { token: string; expiresIn: number };
      token = session.token;
      lifetimes.push(session.expiresIn);
    }
    expect(lifetimes.slice(0, 11)).toEqual(Array.from({ length: 11 }, () => 3600));
    expect(lifetimes[11]).toBe(12);
    app.pass(12);
    expect((await app.send('/user/profile', { authorization: `Bearer ${token}` })).status).toBe(401);
  });

  it.each([
    ['a token that does not end', 'Bearer user-token-123', 400],
    ['an API key', 'ApiKey api-key-789', 400],
    ['nothing', undefined, 401],
  ])('does not come out of %s', async (_what, authorization, status) => {
    const app = await startApp();
    expect((await app.send('/auth/refresh', { method: 'POST', authorization })).status).toBe(status);
  });

  it('gives way to newer ones when there are too many', async () => {
    const app = await startApp();
    const first = await app.signIn();
    for (let index = 0; index < 1000; index++) await app.signIn();
    expect((await app.send('/user/profile', { authorization: `Bearer ${first}` })).status).toBe(401);
    const { json } = await app.send('/admin/users', { authorization: 'Bearer admin-token-456' });
    expect(json).toMatchObject({ sessions: 1000 });
  });
});
