import { describe, expect, it } from 'vitest';
import { AuthenticationError, ConfigurationError } from '../core/errors.ts';
import { createPrincipal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import type { AuthResult } from './auth-provider.ts';
import { type BaseAuthOptions, BaseAuthProvider } from './base-auth-provider.ts';

type Decide = (context: RequestContext) => AuthResult | Promise<AuthResult>;

class TestProvider extends BaseAuthProvider {
  calls = 0;
  readonly #decide: Decide;

  constructor(decide: Decide, options?: BaseAuthOptions) {
    super(options);
    this.#decide = decide;
  }

  protected async doAuthenticate(context: RequestContext): Promise<AuthResult> {
    this.calls += 1;
    return this.#decide(context);
  }
}

const BASE: RequestContext = { transport: 'http', timestamp: new Date() };
const bearer = (token: string) => ({ credential: { kind: 'bearer', token: new Secret(token) } as const });
const user = (userId: unknown): AuthResult =>
  typeof userId === 'string' ? { authenticated: true, userId } : { authenticated: false, reason: 'absent' };

/** Signs in whoever a header names, as a provider of one's own might. */
function byHeader(name: string, options: BaseAuthOptions = { cacheResults: true }): TestProvider {
  return new TestProvider((context) => user(context.headers?.[name]), options);
}

describe('[mcp-auth/defect.auth-cache-key] the cache of BaseAuthProvider', () => {
  it('remembers a yes for the credential that was used', async () => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    const contexts = [bearer('a'), bearer('a'), bearer('b'), { headers: { authorization: 'Bearer a' } }];
    for (const context of contexts) await provider.authenticate({ ...BASE, ...context });
    expect(provider.calls).toBe(3);
  });

  it('is off unless asked for', async () => {
    const provider = new TestProvider(() => user('alice'));
    for (let n = 0; n < 2; n += 1) await provider.authenticate({ ...BASE, ...bearer('a') });
    expect(provider.calls).toBe(2);
  });

  it('never answers with another user, whichever header the provider reads', async () => {
    const provider = byHeader('x-custom-user');
    for (const credential of [{}, bearer('shared'), { headers: { authorization: 'Basic shared' } }]) {
      const users: unknown[] = [];
      for (const name of ['alice', 'bob', 'alice', undefined]) {
        const headers = { ...('headers' in credential ? credential.headers : {}), 'x-custom-user': name };
        users.push((await provider.authenticate({ ...BASE, ...credential, headers })).userId);
      }
      expect(users).toEqual(['alice', 'bob', 'alice', undefined]);
    }
  });

  it.each<[string, Partial<RequestContext>, Partial<RequestContext>]>([
    ['resource', { resource: 'https://a/mcp' }, { resource: 'https://b/mcp' }],
    ['address', { remoteAddress: '10.0.0.1' }, { remoteAddress: '10.0.0.2' }],
    ['host', { host: 'a.example' }, { host: 'b.example' }],
    ['path', { path: '/a' }, { path: '/b' }],
    ['transport', { transport: 'http' }, { transport: 'websocket' }],
    ['query', { query: { user: 'a' } }, { query: { user: 'b' } }],
    ['metadata', { metadata: { user: 'a' } }, { metadata: { user: 'b' } }],
    ['cookie', { headers: { cookie: 'a' } }, { headers: { cookie: 'b' } }],
    [
      'certificate',
      { clientCertificate: { raw: new Uint8Array([1]), authorized: true } },
      { clientCertificate: { raw: new Uint8Array([2]), authorized: true } },
    ],
    [
      'verdict on a certificate',
      { clientCertificate: { raw: new Uint8Array([1]), authorized: true } },
      { clientCertificate: { raw: new Uint8Array([1]), authorized: false } },
    ],
  ])('is not shared by requests that differ in their %s', async (_, one, other) => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    await provider.authenticate({ ...BASE, ...bearer('a'), ...one });
    await provider.authenticate({ ...BASE, ...bearer('a'), ...other });
    await provider.authenticate({ ...BASE, ...bearer('a'), ...one });
    expect(provider.calls).toBe(2);
  });

  it('overlooks what differs in every request', async () => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    for (const id of ['1', '2']) {
      const headers = { 'x-request-id': id, 'content-length': id, traceparent: id };
      await provider.authenticate({
        ...BASE,
        ...bearer('a'),
        headers,
        requestId: id,
        timestamp: new Date(Number(id)),
      });
    }
    expect(provider.calls).toBe(1);
  });

  it('holds nothing for requests without a credential of their own, or that cannot be compared', async () => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    const contexts: Partial<RequestContext>[] = [
      {},
      { credential: { kind: 'environment' } },
      { credential: { kind: 'dpop', token: new Secret('a'), proof: 'p' } },
      { ...bearer('a'), metadata: { big: 1n } },
    ];
    for (const context of contexts) {
      await provider.authenticate({ ...BASE, ...context });
      await provider.authenticate({ ...BASE, ...context });
    }
    expect(provider.calls).toBe(8);
  });

  it('keeps apart a key and a session that are spelt alike', async () => {
    const provider = new TestProvider(({ credential }) => user(credential?.kind), { cacheResults: true });
    const kinds: unknown[] = [];
    const secret = new Secret('x');
    const raw = new TextEncoder().encode('x');
    for (const credential of [
      { kind: 'apiKey', key: secret },
      { kind: 'session', id: secret },
      { kind: 'bearer', token: secret },
      { kind: 'clientCertificate', certificate: { raw, authorized: true } },
    ] as const) {
      kinds.push((await provider.authenticate({ ...BASE, credential })).userId);
    }
    expect(kinds).toEqual(['apiKey', 'session', 'bearer', 'clientCertificate']);
  });

  it('outlives neither its time nor the principal', async () => {
    let time = 1_000_000;
    const principal = createPrincipal({ issuer: 'a', subject: 'b', expiresAt: 1_005 });
    const short = new TestProvider(() => ({ authenticated: true, principal }), {
      cacheResults: true,
      now: () => time,
    });
    const long = new TestProvider(() => user('alice'), {
      cacheResults: true,
      cacheTtl: 10_000,
      now: () => time,
    });
    const ask = async () => {
      for (const provider of [short, long]) await provider.authenticate({ ...BASE, ...bearer('a') });
      return [short.calls, long.calls];
    };
    expect(await ask()).toEqual([1, 1]);
    time += 4_999;
    expect(await ask()).toEqual([1, 1]);
    time += 1;
    expect(await ask()).toEqual([2, 1]);
    time += 5_000;
    expect(await ask()).toEqual([3, 2]);
  });

  it('holds no refusal', async () => {
    let isOpen = false;
    const provider = new TestProvider(() => user(isOpen ? 'alice' : undefined), { cacheResults: true });
    expect((await provider.authenticate({ ...BASE, ...bearer('a') })).authenticated).toBe(false);
    isOpen = true;
    expect((await provider.authenticate({ ...BASE, ...bearer('a') })).authenticated).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a map', new Map([['user', 'a']])],
    ['a secret', new Secret('a')],
    [
      'an instance of a class',
      new (class User {
        readonly id = 'a';
      })(),
    ],
    ['a function', () => 'a'],
    ['no number', Number.NaN],
    ['nothing', undefined],
    ['a hole', Array(2)],
    ['a symbol', { [Symbol('user')]: 'a' }],
  ])('holds nothing for metadata with %s in it', async (_, value) => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    for (const metadata of [{ value }, { deep: [{ value }] }]) {
      for (let n = 0; n < 2; n += 1) await provider.authenticate({ ...BASE, ...bearer('a'), metadata });
    }
    expect(provider.calls).toBe(4);
  });

  it('holds a yes for metadata of plain values', async () => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    for (let n = 0; n < 2; n += 1) {
      const metadata = { a: [1, null, true, { b: 'c' }], d: Object.create(null) as object };
      await provider.authenticate({ ...BASE, ...bearer('a'), metadata });
    }
    expect(provider.calls).toBe(1);
  });

  it('is emptied at the end', async () => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    await provider.initialize();
    await provider.authenticate({ ...BASE, ...bearer('a') });
    await provider.cleanup();
    await provider.authenticate({ ...BASE, ...bearer('a') });
    expect(provider.calls).toBe(2);
  });

  it('is bounded', async () => {
    const provider = new TestProvider(() => user('alice'), { cacheResults: true });
    for (let n = 0; n <= 10_000; n += 1) await provider.authenticate({ ...BASE, ...bearer(String(n)) });
    await provider.authenticate({ ...BASE, ...bearer('10000') });
    expect(provider.calls).toBe(10_001);
    await provider.authenticate({ ...BASE, ...bearer('0') });
    expect(provider.calls).toBe(10_002);
  });

  it('can be filed under a key of the provider’s own', async () => {
    class ByKey extends TestProvider {
      protected override getCacheKey(context: RequestContext): string | undefined {
        const key = context.headers?.['x-key'];
        return typeof key === 'string' ? key : undefined;
      }
    }
    const provider = new ByKey((context) => user(context.headers?.['x-key']), { cacheResults: true });
    const users: unknown[] = [];
    for (const key of ['a', 'b', 'a', undefined, undefined]) {
      users.push((await provider.authenticate({ ...BASE, headers: { 'x-key': key } })).userId);
    }
    expect(users).toEqual(['a', 'b', 'a', undefined, undefined]);
    expect(provider.calls).toBe(4);
  });
});

describe('what BaseAuthProvider tells callers', () => {
  it('is never the text of an unexpected error', async () => {
    const provider = new TestProvider(() => {
      throw new Error('password=hunter2');
    });
    const result = await provider.authenticate(BASE);
    expect(result).toMatchObject({ authenticated: false, reason: 'unavailable' });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('is the text of an authentication error', async () => {
    const provider = new TestProvider(() => {
      throw new AuthenticationError('Unknown badge');
    });
    expect(await provider.authenticate(BASE)).toMatchObject({ reason: 'invalid', error: 'Unknown badge' });
  });

  it('can be worded by reason', async () => {
    const errorMessages = { absent: 'Sign in', invalid: 'Wrong', unavailable: 'Later' };
    const textOf = async (decide: Decide) =>
      (await new TestProvider(decide, { errorMessages }).authenticate(BASE)).error;
    expect(await textOf(() => user(undefined))).toBe('Sign in');
    expect(await textOf(() => ({ authenticated: false, error: 'x' }))).toBe('Wrong');
    expect(await textOf(() => Promise.reject(new Error('x')))).toBe('Later');
  });
});

describe('cacheTtl', () => {
  it.each<unknown>([0, -1, Number.NaN, Infinity, 3_600_001, '60000', [60_000]])(
    '%j is refused',
    (cacheTtl) => {
      expect(() => byHeader('x', { cacheTtl } as BaseAuthOptions)).toThrow(ConfigurationError);
    },
  );
});
