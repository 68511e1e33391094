import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError, TokenResolutionError } from '../core/errors.ts';
import { createPrincipal } from '../core/principal.ts';
import { Secret } from '../core/secret.ts';
import { APITokenResolver } from './api-token.ts';
import type { APITokenResolverOptions } from './api-token-options.ts';
import type { TokenContext } from './token-resolver.ts';

const SERVICE_TOKEN = 'service-token-of-this-server';
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A tenant manager on a real port; `seen` holds the requests that reached it. */
async function tenantManager(answer: Answer) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const json =
  (body: unknown): Answer =>
  (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  };

/** Answers a token that names the path it was asked at. */
const tokenOfPath: Answer = (request, response) =>
  json({ accessToken: `token of ${request.url}` })(request, response);

function resolverAt(url: string, more: Partial<APITokenResolverOptions> = {}) {
  return new APITokenResolver({ tenantManagerUrl: url, serviceToken: SERVICE_TOKEN, ...more });
}

const contextOf = (more: Partial<TokenContext> = {}): TokenContext => ({
  transport: 'http',
  timestamp: new Date(),
  ...more,
});

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('APITokenResolver: the request', () => {
  it('[mcp-auth/providers.api-token] asks for the user and the type, as the service, with the ids in headers', async () => {
    const { url, seen } = await tenantManager(json({ accessToken: 'upstream' }));
    const resolver = resolverAt(`${url}/base/`, { customHeaders: { 'X-Region': 'eu' } });
    expect(await resolver.resolveToken('ann', 'github', contextOf({ requestId: 'req-1' }))).toBe('upstream');
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/base/api/credentials/ann/github' });
    expect(seen[0]?.headers).toMatchObject({
      authorization: `Bearer ${SERVICE_TOKEN}`,
      'x-user-id': 'ann',
      'x-request-id': 'req-1',
      'x-region': 'eu',
    });
  });

  it('[mcp-auth/providers.api-token] takes another path', async () => {
    const { url } = await tenantManager(tokenOfPath);
    const resolver = resolverAt(url, { endpointPath: '/v2/:resourceType/of/:userId' });
    expect(await resolver.resolveToken('ann', 'github')).toBe('token of /v2/github/of/ann');
  });

  it.each(['accessToken', 'access_token', 'token'])(
    '[mcp-auth/providers.api-token] reads %s',
    async (name) => {
      const { url } = await tenantManager(
        json({ [name]: 'upstream', userId: 'ann', resourceType: 'github' }),
      );
      expect(await resolverAt(url).resolveToken('ann', 'github')).toBe('upstream');
    },
  );

  it('[mcp-auth/defect.ids-cleaned] keeps ids apart whatever they hold', async () => {
    const { url, seen } = await tenantManager(tokenOfPath);
    const resolver = resolverAt(url);
    const ids = [
      ['a/b', 'c'],
      ['a', 'b/c'],
      ['a', 'b'],
      ['a%2Fb', 'c'],
      ['a', '..%2fc'],
      ['...', 'c'],
      ['a?b', 'c'],
      ['a#b', 'c'],
      ['é', 'c'],
      ['%C3%A9', 'c'],
      ['a b', 'c'],
      [' a', 'c'],
      ['a\\b', 'c'],
      ['","', 'c'],
      [':resourceType', 'c'],
    ] as const;
    const tokens = await Promise.all(ids.map(([user, type]) => resolver.resolveToken(user, type)));
    expect(new Set(tokens).size).toBe(ids.length);
    for (const [index, [user, type]] of ids.entries()) {
      expect(tokens[index]).toBe(
        `token of /api/credentials/${encodeURIComponent(user)}/${encodeURIComponent(type)}`,
      );
    }
    const users = new Set(ids.map(([user]) => user));
    expect(new Set(seen.map((request) => request.headers['x-user-id'])).size).toBe(users.size);
  });

  it('[mcp-auth/defect.ids-cleaned] refuses what no path segment can hold', async () => {
    const { url, seen } = await tenantManager(tokenOfPath);
    const resolver = resolverAt(url);
    for (const id of ['', '.', '..', 'a\nb', 'a\u0000', '\u007f', '\u0085', '\ud800', 'x'.repeat(1025)]) {
      for (const work of [resolver.resolveToken(id, 'github'), resolver.resolveToken('ann', id)]) {
        const error = await failureOf(work);
        expect(error).toBeInstanceOf(TokenResolutionError);
        expect(error).toMatchObject({ code: 'TOKEN_RESOLUTION_FAILED' });
      }
    }
    expect(seen).toHaveLength(0);
  });

  it('leaves out a request id that no header can hold', async () => {
    const { url, seen } = await tenantManager(tokenOfPath);
    expect(
      await resolverAt(url).resolveToken('ann', 'x', contextOf({ requestId: 'a\r\nx-evil: 1' })),
    ).toBeTruthy();
    expect(seen[0]?.headers).not.toHaveProperty('x-request-id');
    expect(seen[0]?.headers).not.toHaveProperty('x-evil');
  });
});

describe('APITokenResolver: what counts as an outage', () => {
  /** Every way to fail; the token of a lying answer must not get out. */
  const failures: readonly (readonly [string, Answer, RegExp])[] = [
    ['500', (_, response) => response.writeHead(500).end('{"accessToken":"leak"}'), /answered 500/],
    ['503', (_, response) => response.writeHead(503).end(), /answered 503/],
    ['429', (_, response) => response.writeHead(429).end(), /answered 429/],
    ['400', (_, response) => response.writeHead(400).end(), /answered 400/],
    ['401: our own token is wrong', (_, response) => response.writeHead(401).end(), /answered 401/],
    ['403: our own token may not', (_, response) => response.writeHead(403).end(), /answered 403/],
    ['204', (_, response) => response.writeHead(204).end(), /answered 204/],
    ['201', (_, response) => response.writeHead(201).end('{"accessToken":"leak"}'), /answered 201/],
    ['a closed connection', (request) => request.socket.destroy(), /request failed/],
    ['half a body', halfBody, /request failed/],
    ['an endless body', endlessBody, /larger than 65536 bytes/],
    ['no body', (_, response) => response.end(), /not JSON/],
    ['HTML', (_, response) => response.end('<html>leak</html>'), /not JSON/],
    [
      'bytes that are no text',
      (_, response) => response.end(Buffer.from([0x7b, 0xff, 0x7d])),
      /request failed/,
    ],
    ['a list', json([{ accessToken: 'leak' }]), /no JSON object/],
    ['a string', json('leak'), /no JSON object/],
    ['null', json(null), /no JSON object/],
    ['no token', json({}), /no usable token/],
    ['an inherited name', json({ __proto__: null, toString: 'leak' }), /no usable token/],
    ['an empty token', json({ accessToken: '' }), /no usable token/],
    ['a token that is no text', json({ accessToken: { value: 'leak' } }), /no usable token/],
    ['a token with a line break', json({ accessToken: 'leak\r\nx-evil: 1' }), /no usable token/],
    ['a token too long', json({ accessToken: 'x'.repeat(16_385) }), /token is too long/],
    ['another userId', json({ accessToken: 'leak', userId: 'bob' }), /another userId/],
    ['another user_id', json({ accessToken: 'leak', user_id: 'bob' }), /another user_id/],
    ['a userId that is no text', json({ accessToken: 'leak', userId: ['ann'] }), /another userId/],
    ['another resourceType', json({ accessToken: 'leak', resourceType: 'slack' }), /another resourceType/],
    [
      'an expiry in the past',
      json({ accessToken: 'leak', expires_at: '2020-01-01T00:00:00Z' }),
      /expired already/,
    ],
    ['an epoch in the past', json({ accessToken: 'leak', expiresAt: 1_600_000_000_000 }), /expired already/],
    ['seconds for milliseconds', json({ accessToken: 'leak', expiresAt: 4_000_000_000 }), /expired already/],
    ['an expiry that is no time', json({ accessToken: 'leak', expires_at: 'tomorrow' }), /not an ISO 8601/],
    ['an expiry as a number', json({ accessToken: 'leak', expires_at: 4e12 }), /not an ISO 8601/],
    ['an epoch as text', json({ accessToken: 'leak', expiresAt: '4000000000000' }), /not epoch milliseconds/],
  ];

  it.each(failures)('[mcp-auth/providers.api-token] %s', async (_name, answer, detail) => {
    const { url } = await tenantManager(answer);
    expectOutage(await failureOf(resolverAt(url).resolveToken('ann', 'github')), detail);
  });

  it('[mcp-auth/providers.api-token] a redirect is not followed, and the service token stays here', async () => {
    const target = await tenantManager(json({ accessToken: 'leak' }));
    const { url } = await tenantManager((_, response) =>
      response.writeHead(302, { location: target.url }).end(),
    );
    expectOutage(await failureOf(resolverAt(url).resolveToken('ann', 'github')), /request failed/);
    expect(target.seen).toHaveLength(0);
  });

  it('[mcp-auth/providers.api-token] a tenant manager that is down', async () => {
    const { url } = await tenantManager(json({}));
    await stops.splice(0)[0]?.();
    expectOutage(await failureOf(resolverAt(url).resolveToken('ann', 'github')), /ECONNREFUSED/);
  });

  it.each<[string, Answer]>([
    ['no headers', () => undefined],
    ['headers, but no body', (_, response) => response.flushHeaders()],
    ['half a body, then nothing', (_, response) => response.write('{"accessToken":"leak"')],
  ])('[mcp-auth/providers.api-token] nothing in time: %s', async (_name, answer) => {
    const { url, seen } = await tenantManager(answer);
    const error = await failureOf(resolverAt(url, { timeoutMs: 150 }).resolveToken('ann', 'github'));
    expectOutage(error, /no complete answer within 150 ms/);
    await expect.poll(() => seen[0]?.socket.destroyed).toBe(true);
  });

  it('gives up on a fetch that does not listen to its signal', async () => {
    const fetch: typeof globalThis.fetch = () => new Promise(() => undefined);
    const resolver = resolverAt('http://127.0.0.1:1', { timeoutMs: 20, fetch });
    expectOutage(await failureOf(resolver.resolveToken('ann', 'github')), /within 20 ms/);
  });

  it('tells logs what failed without the words of the failure', async () => {
    const fetch: typeof globalThis.fetch = () =>
      Promise.reject(new TypeError(`bad header Bearer ${SERVICE_TOKEN}`));
    const error = await failureOf(resolverAt('http://127.0.0.1:1', { fetch }).resolveToken('ann', 'github'));
    expectOutage(error, /request failed: TypeError/);
    expect((error as Error).cause).toBeUndefined();
  });

  it('[mcp-auth/providers.api-token] an outage is not remembered: the next call asks again', async () => {
    let calls = 0;
    const { url } = await tenantManager((request, response) => {
      calls += 1;
      if (calls === 1) response.writeHead(500).end();
      else json({ accessToken: 'upstream' })(request, response);
    });
    const resolver = resolverAt(url);
    expectOutage(await failureOf(resolver.resolveToken('ann', 'github')), /500/);
    expect(await resolver.resolveToken('ann', 'github')).toBe('upstream');
  });

  it('[mcp-auth/providers.api-token] an outage does not become "not linked", nor the other way round', async () => {
    const { url } = await tenantManager((_, response) =>
      response.writeHead(404).end('{"accessToken":"leak"}'),
    );
    expect(await resolverAt(url).resolveToken('ann', 'github')).toBeNull();
  });
});

function expectOutage(error: unknown, detail: RegExp): void {
  expect(error).toBeInstanceOf(TokenResolutionError);
  expect(error).toMatchObject({
    code: 'CREDENTIALS_UNAVAILABLE',
    status: 503,
    message: 'The credential service is not available',
    detail: expect.stringMatching(detail),
  });
  const { message, detail: written } = error as TokenResolutionError;
  expect(`${message} ${written}`).not.toMatch(new RegExp(`leak|${SERVICE_TOKEN}`));
}

function halfBody(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 1000 });
  response.write('{"accessToken":"leak"', () => response.destroy());
}

function endlessBody(_request: IncomingMessage, response: ServerResponse): void {
  const chunk = Buffer.alloc(16_384, ' ');
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

describe('APITokenResolver: the cache', () => {
  it('[mcp-auth/providers.api-token] asks again after 300 s', async () => {
    const clock = { ms: 1_000_000 };
    const { url, seen } = await tenantManager(json({ accessToken: 'upstream' }));
    const resolver = resolverAt(url, { now: () => clock.ms });
    for (const [ms, requests] of [
      [0, 1],
      [299_999, 1],
      [1, 2],
      [1000, 2],
    ] as const) {
      clock.ms += ms;
      expect(await resolver.resolveToken('ann', 'github')).toBe('upstream');
      expect(seen).toHaveLength(requests);
    }
    clock.ms -= 500_000;
    await resolver.resolveToken('ann', 'github');
    expect(seen).toHaveLength(3);
  });

  it.each([
    ['expires_at', (ms: number) => new Date(ms).toISOString()],
    ['expires_at', (ms: number) => new Date(ms).toISOString().replace('Z', '')],
    ['expires_at', (ms: number) => new Date(ms + 7_200_000).toISOString().replace('Z', '+02:00')],
    ['expiresAt', (ms: number) => ms],
  ])('[mcp-auth/defect.token-cache-by-user] keeps no token past its %s', async (name, spell) => {
    vi.stubEnv('TZ', 'America/New_York');
    const clock = { ms: Date.UTC(2030, 0, 1) };
    const expiry = clock.ms + 10_000;
    const { url, seen } = await tenantManager((request, response) => {
      json(seen.length === 1 ? { token: 'first', [name]: spell(expiry) } : { token: 'second' })(
        request,
        response,
      );
    });
    const resolver = resolverAt(url, { now: () => clock.ms });
    expect(await resolver.resolveToken('ann', 'github')).toBe('first');
    clock.ms = expiry - 1;
    expect(await resolver.resolveToken('ann', 'github')).toBe('first');
    clock.ms = expiry;
    expect(await resolver.resolveToken('ann', 'github')).toBe('second');
  });

  it('the earlier of two expiries counts', async () => {
    const clock = { ms: Date.UTC(2030, 0, 1) };
    const expires_at = new Date(clock.ms + 60_000).toISOString();
    const { url, seen } = await tenantManager(
      json({ token: 'x', expires_at, expiresAt: clock.ms + 120_000 }),
    );
    const resolver = resolverAt(url, { now: () => clock.ms });
    await resolver.resolveToken('ann', 'github');
    clock.ms += 59_999;
    await resolver.resolveToken('ann', 'github');
    expect(seen).toHaveLength(1);
  });

  it('[mcp-auth/defect.token-cache-by-user] principals with one user id do not share', async () => {
    const { url, seen } = await tenantManager((request, response) => {
      json({ accessToken: `token ${seen.length}` })(request, response);
    });
    const resolver = resolverAt(url);
    const of = (issuer: string, tenantId?: string) =>
      resolver.resolveToken(
        'ann',
        'github',
        contextOf({ principal: createPrincipal({ issuer, tenantId, subject: 'ann' }) }),
      );
    const answers = [await of('a'), await of('b'), await of('a', 'x'), await of('a', 'y')];
    expect(new Set(answers).size).toBe(4);
    expect([await of('a'), await of('b'), await of('a', 'x'), await of('a', 'y')]).toEqual(answers);
    expect(await resolver.resolveToken('ann', 'github')).toBe('token 5');
  });

  it('[mcp-auth/providers.api-token] keeps nothing without cacheTokens or with cacheTtl 0', async () => {
    const { url, seen } = await tenantManager(json({ accessToken: 'upstream' }));
    for (const more of [{ cacheTokens: false }, { cacheTtl: 0 }]) {
      seen.length = 0;
      const resolver = resolverAt(url, more);
      await resolver.resolveToken('ann', 'github');
      await resolver.resolveToken('ann', 'github');
      expect(seen).toHaveLength(2);
    }
  });

  it('remembers "not linked" for a second only', async () => {
    const clock = { ms: 0 };
    const { url, seen } = await tenantManager((_, response) => response.writeHead(404).end());
    const resolver = resolverAt(url, { now: () => clock.ms });
    for (const [ms, requests] of [
      [0, 1],
      [999, 1],
      [1000, 2],
    ] as const) {
      clock.ms = ms;
      expect(await resolver.resolveToken('ann', 'github')).toBeNull();
      expect(seen).toHaveLength(requests);
    }
  });

  it('[mcp-auth/providers.api-token] holds maxCacheEntries, the least recently used goes first', async () => {
    const { url, seen } = await tenantManager(tokenOfPath);
    const resolver = resolverAt(url, { maxCacheEntries: 2 });
    for (const user of ['a', 'b', 'a', 'c', 'a']) await resolver.resolveToken(user, 'github');
    expect(seen.map((request) => request.url?.split('/')[3])).toEqual(['a', 'b', 'c']);
    await resolver.resolveToken('b', 'github');
    expect(seen).toHaveLength(4);
  });

  it('[mcp-auth/providers.api-token] refreshToken asks again and later calls get the new one', async () => {
    const { url, seen } = await tenantManager((request, response) => {
      json({ accessToken: `token ${seen.length}` })(request, response);
    });
    const resolver = resolverAt(url);
    expect(await resolver.resolveToken('ann', 'github')).toBe('token 1');
    expect(await resolver.refreshToken('ann', 'github')).toBe('token 2');
    expect(await resolver.resolveToken('ann', 'github')).toBe('token 2');
  });
});

describe('APITokenResolver: one request for many callers', () => {
  /** Holds every answer back until told; then answers a token that counts the requests. */
  async function patientManager() {
    const held: ((status?: number) => void)[] = [];
    const manager = await tenantManager((request, response) => {
      const number = held.length + 1;
      held.push((status = 200) => {
        response.statusCode = status;
        json({ accessToken: `token ${number}` })(request, response);
      });
    });
    const arrived = async (count: number) => {
      while (held.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    return { ...manager, held, arrived };
  }

  it('[mcp-auth/providers.api-token] 50 at once make one request, with and without cache', async () => {
    for (const cacheTokens of [true, false]) {
      const manager = await patientManager();
      const resolver = resolverAt(manager.url, { cacheTokens });
      const calls = Array.from({ length: 50 }, () => resolver.resolveToken('ann', 'github'));
      await manager.arrived(1);
      manager.held[0]?.();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['token 1']));
      expect(manager.seen).toHaveLength(1);
    }
  });

  it('all of them hear of a failure, and the next one asks again', async () => {
    const manager = await patientManager();
    const resolver = resolverAt(manager.url);
    const calls = Array.from({ length: 5 }, () => failureOf(resolver.resolveToken('ann', 'github')));
    await manager.arrived(1);
    manager.held[0]?.(500);
    for (const error of await Promise.all(calls)) expectOutage(error, /500/);
    const next = resolver.resolveToken('ann', 'github');
    await manager.arrived(2);
    manager.held[1]?.();
    expect(await next).toBe('token 2');
  });

  it('[mcp-auth/providers.api-token] a caller who goes away ends its own wait only', async () => {
    const manager = await patientManager();
    const resolver = resolverAt(manager.url);
    const leaving = new AbortController();
    const first = failureOf(resolver.resolveToken('ann', 'github', contextOf({ signal: leaving.signal })));
    const second = resolver.resolveToken(
      'ann',
      'github',
      contextOf({ signal: new AbortController().signal }),
    );
    await manager.arrived(1);
    leaving.abort();
    expect(await first).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE', detail: 'the caller went away' });
    manager.held[0]?.();
    expect(await second).toBe('token 1');
    expect(await resolver.resolveToken('ann', 'github')).toBe('token 1');
    expect(manager.seen).toHaveLength(1);
  });

  it('asks nothing for a caller who has gone already', async () => {
    const manager = await patientManager();
    const gone = contextOf({ signal: AbortSignal.abort() });
    expect(await failureOf(resolverAt(manager.url).resolveToken('ann', 'github', gone))).toBeInstanceOf(
      TokenResolutionError,
    );
    expect(manager.seen).toHaveLength(0);
  });

  it('[mcp-auth/providers.api-token] invalidate discards the answer under way, also for those who wait', async () => {
    const manager = await patientManager();
    const resolver = resolverAt(manager.url);
    const waiting = resolver.resolveToken('ann', 'github');
    await manager.arrived(1);
    resolver.invalidate('ann');
    const later = resolver.resolveToken('ann', 'github');
    await manager.arrived(2);
    manager.held[1]?.();
    manager.held[0]?.();
    expect(await later).toBe('token 2');
    expect(await waiting).toBe('token 2');
    expect(await resolver.resolveToken('ann', 'github')).toBe('token 2');
    expect(manager.seen).toHaveLength(2);
  });

  it('gives up when every answer is discarded', async () => {
    const manager = await patientManager();
    const resolver = resolverAt(manager.url);
    const waiting = failureOf(resolver.resolveToken('ann', 'github'));
    for (const attempt of [1, 2, 3]) {
      await manager.arrived(attempt);
      resolver.invalidate();
      manager.held[attempt - 1]?.();
    }
    expectOutage(await waiting, /changed each time/);
  });

  it('refuses more different requests at once than it may remember', async () => {
    const manager = await patientManager();
    const resolver = resolverAt(manager.url, { maxCacheEntries: 2 });
    const calls = ['a', 'b'].map((user) => resolver.resolveToken(user, 'github'));
    expectOutage(await failureOf(resolver.resolveToken('c', 'github')), /too many requests/);
    await manager.arrived(2);
    for (const answer of manager.held) answer();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['token 1', 'token 2']));
  });
});

describe('APITokenResolver: invalidate', () => {
  it.each([
    [undefined, undefined, [] as string[]],
    ['ann', undefined, ['bob github', 'bob slack']],
    ['ann', 'github', ['ann slack', 'bob github', 'bob slack']],
    [undefined, 'slack', ['ann github', 'bob github']],
    ['an', undefined, ['ann github', 'ann slack', 'bob github', 'bob slack']],
  ])('[mcp-auth/providers.api-token] invalidate(%j, %j) keeps %j', async (userId, resourceType, kept) => {
    const { url, seen } = await tenantManager(tokenOfPath);
    const resolver = resolverAt(url);
    const askAll = async () => {
      const before = seen.length;
      for (const user of ['ann', 'bob']) {
        for (const type of ['github', 'slack']) await resolver.resolveToken(user, type);
      }
      return seen.slice(before).map((request) => request.url?.split('/').slice(3).join(' '));
    };
    const all = await askAll();
    resolver.invalidate(userId, resourceType);
    expect(await askAll()).toEqual(all.filter((name) => !kept.includes(name ?? '')));
    await resolver.cleanup();
    expect(await askAll()).toEqual(all);
  });
});

describe('APITokenResolver: the second contract, with the user’s own JWT', () => {
  const AUDIENCE = 'https://tenant-manager.example.com';
  const contextWith = (aud: unknown, jwt = 'jwt-of-ann'): TokenContext =>
    contextOf({
      principal: createPrincipal({ issuer: 'i', subject: 'ann', claims: { aud } }),
      credential: { kind: 'bearer', token: new Secret(jwt) },
    });

  it('[mcp-auth/providers.api-token] sends the JWT as bearer beside the service token', async () => {
    const { url, seen } = await tenantManager(json({ access_token: 'upstream' }));
    const resolver = resolverAt(url, { forwardUserToken: { audience: AUDIENCE } });
    for (const aud of [AUDIENCE, ['https://mcp.example.com', AUDIENCE]]) {
      expect(await resolver.resolveToken('ann', 'github', contextWith(aud))).toBe('upstream');
    }
    expect(seen).toHaveLength(1);
    expect(seen[0]?.url).toBe('/api/v1/credentials/ann');
    expect(seen[0]?.headers).toMatchObject({
      authorization: 'Bearer jwt-of-ann',
      'x-service-token': SERVICE_TOKEN,
      'x-user-id': 'ann',
    });
  });

  it('[mcp-auth/providers.api-token] never sends a token that is not meant for the tenant manager', async () => {
    const { url, seen } = await tenantManager(json({ access_token: 'upstream' }));
    const resolver = resolverAt(url, { forwardUserToken: { audience: AUDIENCE } });
    const good = contextWith(AUDIENCE);
    const wrong: (TokenContext | undefined)[] = [
      undefined,
      contextOf(),
      contextWith(undefined),
      contextWith('https://mcp.example.com'),
      contextWith(`${AUDIENCE}/`),
      contextWith([`${AUDIENCE}.evil.example`]),
      contextWith({ [AUDIENCE]: true }),
      { ...good, credential: { kind: 'apiKey', key: new Secret('mcp_x') } },
      { ...good, credential: { kind: 'dpop', token: new Secret('t'), proof: 'p' } },
    ];
    for (const context of wrong) {
      const error = await failureOf(resolver.resolveToken('ann', 'github', context));
      expect(error).toMatchObject({
        code: 'TOKEN_RESOLUTION_FAILED',
        detail: expect.stringContaining('exchange the token'),
      });
    }
    expect(seen).toHaveLength(0);
  });

  it('[mcp-auth/defect.token-cache-by-user] another JWT of the same user is asked for by itself', async () => {
    const { url, seen } = await tenantManager((request, response) => {
      json({ access_token: `for ${request.headers.authorization}` })(request, response);
    });
    const resolver = resolverAt(url, { forwardUserToken: { audience: AUDIENCE } });
    for (const jwt of ['one', 'two', 'one', 'two']) {
      const answer = await resolver.resolveToken('ann', 'github', contextWith(AUDIENCE, jwt));
      expect(answer).toBe(`for Bearer ${jwt}`);
    }
    expect(seen).toHaveLength(2);
  });
});

describe('APITokenResolver: options', () => {
  const url = 'https://tenant-manager.example.com';

  it('[mcp-auth/providers.api-token] names everything that is missing or wrong at once', () => {
    const make = () =>
      new APITokenResolver({
        tenantManagerUrl: undefined,
        serviceToken: undefined,
        endpointPath: 'api/:userId',
        timeoutMs: 0,
        cacheTtl: -1,
        maxCacheEntries: 0,
        customHeaders: { Authorization: 'x', 'bad name': 'x', 'x-ok': 'a\nb' },
        forwardUserToken: { audience: '' },
      });
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(expect.objectContaining({ problems: expect.objectContaining({ length: 10 }) }));
  });

  it.each([
    'http://tenant-manager.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'ftp://127.0.0.1',
    'tenant-manager',
    'https://user:secret@tenant-manager.example.com',
    'https://tenant-manager.example.com?a=b',
    'https://tenant-manager.example.com#a',
  ])('refuses the address %s, without repeating it', (tenantManagerUrl) => {
    const make = () => new APITokenResolver({ tenantManagerUrl, serviceToken: 'x' });
    expect(make).toThrow(/^tenantManagerUrl/);
    expect(make).not.toThrow(/secret/);
  });

  it.each(['http://localhost:1', 'http://127.8.9.1', 'http://[::1]:1/x', 'https://x.example.com/y/'])(
    'takes the address %s',
    (tenantManagerUrl) => {
      expect(() => new APITokenResolver({ tenantManagerUrl, serviceToken: 'x' })).not.toThrow();
    },
  );

  it.each([
    '/api/credentials',
    '/api/:resourceType',
    '/api/:userId.json',
    '/api/:userId-:resourceType',
    '/api/:userId/:tenant',
    '/api/../:userId',
    '/api/%2e%2e/:userId',
    '/api/:userId?type=:resourceType',
    '/api/:userId#x',
    '/api\\:userId/:userId',
    '//evil.example.com/:userId',
  ])('refuses the path %s', (endpointPath) => {
    expect(() => resolverAt(url, { endpointPath })).toThrow(/endpointPath/);
  });

  it.each(['line\nbreak', 'trailing ', 'é'])(
    'refuses the service token %j, without repeating it',
    (serviceToken) => {
      const make = () => new APITokenResolver({ tenantManagerUrl: url, serviceToken });
      expect(make).toThrow(/^serviceToken must be printable ASCII without spaces or line breaks$/);
    },
  );
});
