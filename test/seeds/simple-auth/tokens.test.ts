import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../../../examples/auth-token/parts/serve.ts';
import { createTokens, type User } from '../../../examples/simple-auth/step-4-jwt.ts';
import { createLoginApp, REFRESH_SECONDS } from '../../../examples/simple-auth/step-5-refresh.ts';
import { send } from '../auth-token/running-app.ts';

const secret = 'a secret of this test, more than 32 bytes';
const key = new TextEncoder().encode(secret);
const jane: User = { id: '1', name: 'Jane', admin: false, role: 'user', permissions: ['User.Read'] };
const soon = () => Math.floor(Date.now() / 1000) + 600;

/** The app of step 5, with a clock that can be moved. */
async function startApp() {
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const tokens = createTokens({ secret, now });
  const { close, url } = await serve(() => createLoginApp({ tokens, now }), { port: 0 });
  onTestFinished(close);
  const body = { username: 'jane.doe', password: 'secure123' };
  return {
    pass: (seconds: number) => void (ahead += seconds * 1000),
    get: (path: string, token: string) => send(url + path, { authorization: `Bearer ${token}` }),
    login: async () => (await send(`${url}/login`, { body })).json as Tokens,
    guess: () => send(`${url}/login`, { body: { ...body, password: 'guess' } }),
    refresh: (refreshToken: unknown) => send(`${url}/refresh`, { body: { refreshToken } }),
  };
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

describe('a token', () => {
  it('says who it is for, and from when until when', async () => {
    const token = await createTokens({ secret, now: () => 1_800_000_000_000 }).sign(jane);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(decodeJwt(token)).toEqual({
      sub: '1',
      name: 'Jane',
      admin: false,
      role: 'user',
      permissions: ['User.Read'],
      iat: 1_800_000_000,
      exp: 1_800_003_600,
    });
  });

  it('is not signed with a secret that can be guessed', () => {
    expect(() => createTokens({ secret: 'your-secret-key' })).toThrow('32 bytes');
  });

  it.each<[string, () => Promise<string> | string]>([
    ['another key', () => createTokens({ secret: secret.toUpperCase() }).sign(jane)],
    [
      'another algorithm',
      () => new SignJWT({ sub: '1', exp: soon() }).setProtectedHeader({ alg: 'HS512' }).sign(key),
    ],
    ['alg none', () => new UnsecuredJWT({ sub: '1', exp: soon() }).encode()],
    ['no exp', () => new SignJWT({ sub: '1' }).setProtectedHeader({ alg: 'HS256' }).sign(key)],
    ['no sub', () => new SignJWT({ exp: soon() }).setProtectedHeader({ alg: 'HS256' }).sign(key)],
    [
      'a part too few',
      async () => (await createTokens({ secret }).sign(jane)).split('.').slice(0, 2).join('.'),
    ],
  ])('does not hold with %s', async (_what, make) => {
    const app = await startApp();
    const { json, status } = await app.get('/protected', await make());
    expect([status, json]).toEqual([401, { error: 'Invalid token' }]);
  });

  it('gives no rights that it does not spell out', async () => {
    const token = await new SignJWT({
      sub: '1',
      exp: soon(),
      admin: 'true',
      permissions: 'User.Read',
      name: 5,
    })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(key);
    expect(await createTokens({ secret }).verify(token)).toEqual({
      id: '1',
      name: '',
      admin: false,
      role: '',
      permissions: [],
    });
  });
});

describe('refreshing', () => {
  it('carries on where the access token has ended', async () => {
    const app = await startApp();
    const first = await app.login();
    app.pass(16 * 60);
    const late = await app.get('/resource', first.accessToken);
    expect([late.status, late.json]).toEqual([401, { error: 'Token expired' }]);
    const { json, status } = await app.refresh(first.refreshToken);
    const second = json as Tokens;
    expect(status).toBe(200);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    const resource = await app.get('/resource', second.accessToken);
    expect(resource.json).toEqual({ data: 'The resources of Jane Doe' });
  });

  it('takes each token once; one that comes again ends its family', async () => {
    const app = await startApp();
    const first = await app.login();
    const second = (await app.refresh(first.refreshToken)).json as Tokens;
    const third = (await app.refresh(second.refreshToken)).json as Tokens;
    const reuse = await app.refresh(first.refreshToken);
    expect([reuse.status, reuse.json]).toEqual([401, { error: 'Invalid refresh token' }]);
    expect((await app.refresh(third.refreshToken)).status).toBe(401);
  });

  it('lets one of many win who come at once, and ends the family for all', async () => {
    const app = await startApp();
    const { refreshToken } = await app.login();
    const replies = await Promise.all(Array.from({ length: 10 }, () => app.refresh(refreshToken)));
    const won = replies.filter(({ status }) => status === 200).map(({ json }) => json as Tokens);
    expect(won).toHaveLength(1);
    expect((await app.refresh(won[0]?.refreshToken)).status).toBe(401);
  });

  it('leaves other families alone', async () => {
    const app = await startApp();
    const [one, other] = [await app.login(), await app.login()];
    await app.refresh(one.refreshToken);
    await app.refresh(one.refreshToken);
    expect((await app.refresh(other.refreshToken)).status).toBe(200);
  });

  it('ends with the refresh token', async () => {
    const app = await startApp();
    const { refreshToken } = await app.login();
    app.pass(REFRESH_SECONDS);
    const late = await app.refresh(refreshToken);
    expect([late.status, late.json]).toEqual([401, { error: 'Refresh token expired' }]);
    expect((await app.refresh(refreshToken)).json).toEqual({ error: 'Invalid refresh token' });
  });

  it.each([undefined, null, 5, '', '.', 'a.b', '__proto__.x'])('is not for %j', async (token) => {
    const app = await startApp();
    expect((await app.refresh(token)).status).toBe(401);
  });

  it('is not done with an access token, nor resources had with a refresh token', async () => {
    const app = await startApp();
    const { accessToken, refreshToken } = await app.login();
    expect((await app.refresh(accessToken)).status).toBe(401);
    expect((await app.get('/resource', refreshToken)).status).toBe(401);
  });

  it('and logging in are slowed down for an address that guesses', async () => {
    const app = await startApp();
    for (let attempt = 0; attempt < 10; attempt++) {
      expect((await app.guess()).status).toBe(401);
      expect((await app.refresh('guess')).status).toBe(401);
    }
    expect([(await app.guess()).status, (await app.refresh('guess')).status]).toEqual([429, 429]);
  });
});
