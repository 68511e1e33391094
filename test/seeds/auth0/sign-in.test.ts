import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signIn } from '../../../examples/auth0/browser.ts';
import { type AppWithTenant, startApp, startWithTenant } from './running-app.ts';

const FAILED = { error: 'Invalid credentials', message: 'Authentication failed' };

async function begin(app: AppWithTenant) {
  const { headers, status } = await app.send('/auth/login', {
    body: { email: 'user@example.com', password: 'x' },
  });
  const [cookieLine = ''] = headers.getSetCookie();
  return {
    status,
    location: new URL(headers.get('location') ?? ''),
    cookieLine,
    cookie: cookieLine.split(';')[0] ?? '',
  };
}

/** Where the tenant sends the browser back to. */
async function atTenant(location: URL): Promise<URL> {
  const response = await fetch(location, { redirect: 'manual' });
  return new URL(response.headers.get('location') ?? '');
}

const finish = (app: AppWithTenant, back: URL, cookie?: string) =>
  app.send(`${back.pathname}${back.search}`, { ...(cookie !== undefined && { headers: { cookie } }) });

describe('signing in at a tenant', () => {
  it('leads there with a challenge, and never with the password', async () => {
    const app = await startWithTenant();
    const { cookieLine, location, status } = await begin(app);
    const { AUTH0_AUDIENCE, AUTH0_CLIENT_ID, AUTH0_DOMAIN } = app.tenant.env;
    expect([status, location.origin, location.pathname]).toEqual([303, AUTH0_DOMAIN, '/authorize']);
    const state = location.searchParams.get('state');
    expect(Object.fromEntries(location.searchParams)).toEqual({
      response_type: 'code',
      client_id: AUTH0_CLIENT_ID,
      redirect_uri: `${app.url}/auth/callback`,
      scope: 'openid profile email',
      audience: AUTH0_AUDIENCE,
      state: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      login_hint: 'user@example.com',
    });
    expect(cookieLine).toContain(`auth0_login=${state}`);
    expect(cookieLine).toContain('HttpOnly');
    expect(cookieLine).toContain('SameSite=Lax');
  });

  it('can be begun with a link', async () => {
    const app = await startWithTenant();
    const { headers, status } = await app.send('/auth/login');
    expect([status, new URL(headers.get('location') ?? '').searchParams.has('login_hint')]).toEqual([
      303,
      false,
    ]);
  });

  it('ends with a token for this API and who it is for', async () => {
    const app = await startWithTenant();
    const signedIn = await signIn(app.url, 'admin@example.com');
    expect(signedIn).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 3600,
      user: { sub: 'auth0|admin456', email: 'admin@example.com', name: 'Jane Admin' },
    });
    const authorization = `Bearer ${signedIn.access_token}`;
    expect((await app.send('/api/admin/users', { authorization })).status).toBe(200);
    expect(app.lines.join('\n')).not.toContain(signedIn.access_token);
  });

  it('ends once for each beginning', async () => {
    const app = await startWithTenant();
    const { cookie, location } = await begin(app);
    // The tenant gives a code each time; it is the app that takes its state once.
    const [back, another] = [await atTenant(location), await atTenant(location)];
    expect((await finish(app, back, cookie)).status).toBe(200);
    const again = await finish(app, another, cookie);
    expect([again.status, again.json]).toEqual([401, FAILED]);
  });

  it.each<[string, (back: URL, cookie: string) => string | undefined]>([
    ['in another browser', () => undefined],
    ['with the cookie of another login', () => 'auth0_login=another'],
    [
      'without a state',
      (back, cookie) => {
        back.searchParams.delete('state');
        return cookie;
      },
    ],
    [
      'without either',
      (back) => {
        back.searchParams.delete('state');
        return undefined;
      },
    ],
    [
      'with a state of one’s own in both places',
      (back) => {
        back.searchParams.set('state', 'mine');
        return 'auth0_login=mine';
      },
    ],
    [
      'with a code that nobody gave',
      (back, cookie) => {
        back.searchParams.set('code', 'mine');
        return cookie;
      },
    ],
    [
      'without a code',
      (back, cookie) => {
        back.searchParams.delete('code');
        return cookie;
      },
    ],
    [
      'with an error',
      (back, cookie) => {
        back.searchParams.set('error', 'access_denied');
        return cookie;
      },
    ],
    [
      'with the name of another issuer',
      (back, cookie) => {
        back.searchParams.set('iss', 'https://other.example.com/');
        return cookie;
      },
    ],
  ])('does not end %s', async (_what, change) => {
    const app = await startWithTenant();
    const { cookie, location } = await begin(app);
    const back = await atTenant(location);
    const reply = await finish(app, back, change(back, cookie));
    expect([reply.status, reply.json]).toEqual([401, FAILED]);
  });

  it('does not end with a code that another browser asked for', async () => {
    const app = await startWithTenant();
    const [mine, theirs] = [await begin(app), await begin(app)];
    const [back, stolen] = [await atTenant(mine.location), await atTenant(theirs.location)];
    back.searchParams.set('code', stolen.searchParams.get('code') ?? '');
    // Its verifier is not the one that the code was asked with.
    expect((await finish(app, back, mine.cookie)).status).toBe(401);
  });

  it('does not wait for ever', async () => {
    const app = await startWithTenant();
    const { cookie, location } = await begin(app);
    const back = await atTenant(location);
    app.pass(601);
    expect((await finish(app, back, cookie)).status).toBe(401);
  });

  it('has nothing to do with the mock table', async () => {
    const app = await startWithTenant();
    const { status } = await app.send('/auth/login', {
      body: { email: 'user@example.com', password: 'password' },
    });
    expect(status).toBe(303);
  });
});

describe('signing in at the mock table', () => {
  it('is slowed down for an address that guesses', async () => {
    const app = await startApp();
    const guess = () => app.send('/auth/login', { body: { email: 'user@example.com', password: 'guess' } });
    for (let attempt = 0; attempt < 20; attempt++) expect((await guess()).json).toEqual(FAILED);
    expect((await guess()).status).toBe(429);
    app.pass(60);
    expect((await guess()).status).toBe(401);
  });

  it('leaves no secret in the audit log', async () => {
    const app = await startApp();
    await app.send('/auth/login', { body: { email: 'typed@example.com', password: 'password' } });
    await app.send('/auth/login', { body: { email: 'user@example.com', password: 'password' } });
    await app.send('/api/profile', { authorization: 'Bearer mock-jwt-user' });
    await app.send('/api/profile', { authorization: 'Bearer wrong-token' });
    const actions = app.lines.map(
      (line) => JSON.parse(line) as { action: string; outcome: string; user?: string },
    );
    expect(actions.map(({ action, outcome, user }) => [action, outcome, user])).toEqual([
      ['login', 'refused', undefined],
      ['login', 'ok', 'auth0|user123'],
      ['authenticate', 'ok', 'auth0|user123'],
      ['authenticate', 'refused', undefined],
    ]);
    const log = app.lines.join('\n');
    expect(
      ['typed@example.com', 'password', 'mock-jwt', 'wrong-token'].filter((text) => log.includes(text)),
    ).toEqual([]);
  });
});

describe('the tenant of the story', () => {
  it.each([
    ['another client', { client_id: 'another' }],
    ['an address that is not the client’s', { redirect_uri: 'https://evil.example.com/auth/callback' }],
  ])('sends nobody anywhere for %s', async (_what, change) => {
    const app = await startWithTenant();
    const { location } = await begin(app);
    for (const [name, value] of Object.entries(change)) location.searchParams.set(name, value);
    const response = await fetch(location, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([400, null]);
  });

  it.each([
    ['no challenge', 'code_challenge', ''],
    ['a plain challenge', 'code_challenge_method', 'plain'],
    ['another audience', 'audience', 'https://other.example.com'],
    ['a token at once', 'response_type', 'token'],
  ])('refuses %s', async (_what, name, value) => {
    const app = await startWithTenant();
    const { location } = await begin(app);
    location.searchParams.set(name, value);
    const back = await atTenant(location);
    expect([back.searchParams.get('error'), back.searchParams.has('code')]).toEqual([
      'invalid_request',
      false,
    ]);
  });

  it('asks who is there, and does not write what it is sent into its page', async () => {
    const app = await startWithTenant();
    const { location } = await begin(app);
    location.searchParams.set('login_hint', 'nobody');
    location.searchParams.set('state', '"><script>alert(1)</script>');
    const page = await (await fetch(location)).text();
    expect(page).toContain('John Doe');
    expect(page).not.toContain('<script');
  });

  it('gives each code for the verifier that it was asked with', async () => {
    const app = await startWithTenant();
    const { location } = await begin(app);
    location.searchParams.set('code_challenge', createHash('sha256').update('mine').digest('base64url'));
    const code = (await atTenant(location)).searchParams.get('code') ?? '';
    const { AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET, AUTH0_DOMAIN } = app.tenant.env;
    const redeem = (code_verifier: string) =>
      fetch(`${AUTH0_DOMAIN}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code,
          code_verifier,
          redirect_uri: `${app.url}/auth/callback`,
          client_id: AUTH0_CLIENT_ID,
          client_secret: AUTH0_CLIENT_SECRET,
        }),
      }).then(({ status }) => status);
    expect([await redeem('not mine'), await redeem('mine')]).toEqual([403, 403]);
  });
});
