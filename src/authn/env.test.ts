import { SignJWT } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import type { AuthProvider } from './auth-provider.ts';
import { type EnvAuthOptions, EnvAuthProvider } from './env.ts';
import { JWTAuthProvider } from './jwt.ts';

const STDIO: RequestContext = { transport: 'stdio', timestamp: new Date() };
const SECRET = 'a secret that is long enough, by far';

afterEach(() => vi.unstubAllEnvs());

async function userOf(options: EnvAuthOptions): Promise<string | undefined> {
  return (await new EnvAuthProvider(options).authenticate(STDIO)).userId;
}

describe('[mcp-auth/providers.env] EnvAuthProvider', () => {
  it('signs in the user that the environment names', async () => {
    expect(await userOf({ env: { MCP_USER_ID: 'alice' } })).toBe('alice');
    expect(await userOf({ env: { WHO: 'bob', MCP_USER_ID: 'alice' }, userIdEnvVar: 'WHO' })).toBe('bob');
    const { principal } = await new EnvAuthProvider({ env: { MCP_USER_ID: 'alice' } }).authenticate(STDIO);
    expect(principal).toMatchObject({ issuer: 'urn:gatehouse:environment', subject: 'alice', scopes: [] });
  });

  it('falls back to the default user, unless a user id is required', async () => {
    expect(await userOf({ env: {} })).toBe('local-user');
    expect(await userOf({ env: {}, defaultUserId: 'carol' })).toBe('carol');
    expect(await userOf({ env: { MCP_USER_ID: '' }, defaultUserId: 'carol' })).toBe('carol');
    for (const MCP_USER_ID of [undefined, '']) {
      const options = { env: { MCP_USER_ID }, requireUserId: true, defaultUserId: 'carol' };
      expect(() => new EnvAuthProvider(options)).toThrow(/MCP_USER_ID must name the user/);
    }
  });

  it('reads the environment of the process, once, when it is given none', async () => {
    vi.stubEnv('MCP_USER_ID', 'dave');
    const provider = new EnvAuthProvider();
    vi.stubEnv('MCP_USER_ID', 'eve');
    expect((await provider.authenticate(STDIO)).userId).toBe('dave');
  });

  it('[mcp-auth/defect.ids-cleaned] refuses an id it would have to clean', () => {
    for (const MCP_USER_ID of ['alice\n', 'a\u0000b', 'x'.repeat(257)]) {
      expect(() => new EnvAuthProvider({ env: { MCP_USER_ID } })).toThrow(ConfigurationError);
    }
  });

  it('says that it signs in everyone, and stands back from those with a credential of their own', async () => {
    const provider = new EnvAuthProvider({ env: { MCP_USER_ID: 'alice' } });
    expect(provider.ambient).toBe(true);
    const ask = async (credential: NonNullable<RequestContext['credential']>) =>
      (await provider.authenticate({ ...STDIO, credential })).reason;
    expect(await ask({ kind: 'bearer', token: new Secret('x') })).toBe('absent');
    expect(await ask({ kind: 'apiKey', key: new Secret('x') })).toBe('absent');
    expect(await ask({ kind: 'environment' })).toBeUndefined();
  });
});

describe('[mcp-auth/providers.env] a token in the environment', () => {
  const tokenProvider = new JWTAuthProvider({ jwtSecret: SECRET });
  const create = (MCP_AUTH_TOKEN: string | undefined) =>
    new EnvAuthProvider({
      env: { MCP_AUTH_TOKEN, MCP_USER_ID: 'mallory' },
      tokenEnvVar: 'MCP_AUTH_TOKEN',
      tokenProvider,
    });
  const sign = (expiresInSeconds: number) =>
    new SignJWT({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + expiresInSeconds })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(SECRET));

  it('tells who it is, in place of a user id', async () => {
    expect(await create(await sign(60)).authenticate(STDIO)).toMatchObject({
      authenticated: true,
      userId: 'alice',
    });
  });

  it('signs nobody in when it is missing, over or wrong', async () => {
    expect(await create(undefined).authenticate(STDIO)).toMatchObject({ reason: 'absent' });
    expect(await create('').authenticate(STDIO)).toMatchObject({ reason: 'absent' });
    expect(await create(await sign(-60)).authenticate(STDIO)).toMatchObject({ reason: 'invalid' });
    expect(await create('opaque').authenticate(STDIO)).toMatchObject({ reason: 'invalid' });
  });

  it('needs a provider that verifies it', () => {
    expect(() => new EnvAuthProvider({ env: {}, tokenEnvVar: 'MCP_AUTH_TOKEN' })).toThrow(/need each other/);
    expect(() => new EnvAuthProvider({ env: {}, tokenProvider })).toThrow(/need each other/);
  });

  it('shares the life cycle of that provider', async () => {
    const calls: string[] = [];
    const fake: AuthProvider = {
      authenticate: () => Promise.resolve({ authenticated: false }),
      initialize: async () => void calls.push('initialize'),
      cleanup: async () => void calls.push('cleanup'),
      onRevoked: (listener) => {
        listener('fingerprint');
        return () => void calls.push('stop');
      },
    };
    const provider = new EnvAuthProvider({ env: {}, tokenEnvVar: 'T', tokenProvider: fake });
    await provider.initialize();
    provider.onRevoked((fingerprint) => calls.push(fingerprint))();
    await provider.cleanup();
    expect(calls).toEqual(['initialize', 'fingerprint', 'stop', 'cleanup']);
  });
});
