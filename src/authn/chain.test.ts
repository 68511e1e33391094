import { describe, expect, it } from 'vitest';
import {
  AuthenticationError,
  ConfigurationError,
  InvalidTokenError,
  MissingCredentialsError,
} from '../core/errors.ts';
import { createPrincipal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { createLocalIssuer } from '../testing/local-issuer.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import { createChain } from './chain.ts';
import { EnvAuthProvider } from './env.ts';
import { JWTAuthProvider } from './jwt.ts';

const ANYONE: RequestContext = { transport: 'http', timestamp: new Date() };
const WITH_CREDENTIAL: RequestContext = { ...ANYONE, credential: { kind: 'bearer', token: new Secret('x') } };
const YES: AuthResult = { authenticated: true, userId: 'alice' };
const NO_ONE: AuthResult = { authenticated: false, reason: 'absent' };

function answer(result: AuthResult, more: Partial<AuthProvider> = {}): AuthProvider {
  return { authenticate: () => Promise.resolve(result), ...more };
}

function failing(error: unknown): AuthProvider {
  return {
    authenticate: async () => {
      throw error as Error;
    },
  };
}

function resultOf(context: RequestContext, ...providers: AuthProvider[]): Promise<AuthResult> {
  return createChain(providers).authenticate(context);
}

describe('a chain of providers', () => {
  it('asks the next one only when the first found nothing', async () => {
    const yes = answer(YES);
    expect(await resultOf(ANYONE, answer(NO_ONE), yes)).toMatchObject(YES);
    for (const reason of ['invalid', 'unavailable', undefined] as const) {
      expect(await resultOf(ANYONE, answer({ authenticated: false, reason, error: 'x' }), yes)).toEqual({
        authenticated: false,
        reason,
        error: 'x',
      });
    }
    expect(await resultOf(ANYONE, yes, failing(new Error('never asked')))).toMatchObject(YES);
  });

  it('tells a credential nobody knows from none at all', async () => {
    expect(await resultOf(ANYONE, answer(NO_ONE))).toMatchObject({ reason: 'absent' });
    expect(await resultOf(WITH_CREDENTIAL, answer(NO_ONE))).toMatchObject({ reason: 'invalid' });
    expect(await resultOf({ ...ANYONE, credential: { kind: 'environment' } }, answer(NO_ONE))).toMatchObject({
      reason: 'absent',
    });
  });

  it('takes an authentication error for a no, with its own text', async () => {
    for (const error of [
      new AuthenticationError('no'),
      new InvalidTokenError('no'),
      new MissingCredentialsError('no'),
    ]) {
      expect(await resultOf(ANYONE, failing(error), answer(YES))).toMatchObject({
        reason: 'invalid',
        error: 'no',
      });
    }
  });

  it('fails closed on anything else that goes wrong, and tells nothing of it', async () => {
    const broken = [
      failing(new Error('password=hunter2')),
      failing('text'),
      failing(undefined),
      {
        authenticate: () => {
          throw new TypeError('hunter2');
        },
      },
      answer({ authenticated: true }),
      answer({ authenticated: true, userId: '' }),
      answer(undefined as unknown as AuthResult),
    ];
    for (const provider of broken) {
      const result = await resultOf(ANYONE, provider, answer(YES));
      expect(result).toMatchObject({ authenticated: false, reason: 'unavailable' });
      expect(JSON.stringify(result)).not.toContain('hunter2');
    }
  });

  it('makes a principal of a bare user id, and refuses an id that could forge a line', async () => {
    const named = await resultOf(ANYONE, answer(YES));
    expect(named.principal).toMatchObject({ issuer: 'urn:gatehouse:provider', subject: YES.userId });
    const forged = await resultOf(ANYONE, answer({ authenticated: true, userId: 'alice\nadmin' }));
    expect(forged).toMatchObject({ authenticated: false, reason: 'invalid' });
  });

  it('tells apart the users of two providers that name them by the same id', async () => {
    const chain = [answer(NO_ONE), answer(YES), answer(YES)];
    const second = await resultOf(ANYONE, ...chain);
    const third = await resultOf(ANYONE, answer(NO_ONE), answer(NO_ONE), answer(YES));
    expect(second.principal).toMatchObject({ issuer: 'urn:gatehouse:provider:2', subject: YES.userId });
    expect(third.principal).toMatchObject({ issuer: 'urn:gatehouse:provider:3', subject: YES.userId });
    expect((await resultOf(ANYONE, ...chain)).principal?.key).toBe(second.principal?.key);
  });

  it('passes a revoked token on to every provider, as a fingerprint to those that know no other way', () => {
    const revoked: string[] = [];
    const revoke = (fingerprint: string) => void revoked.push(fingerprint);
    const revokeToken = (token: string) => void revoked.push(token);
    createChain([
      answer(NO_ONE, { revoke }),
      answer(NO_ONE),
      answer(NO_ONE, { revoke, revokeToken }),
    ]).revokeToken?.('t');
    expect(revoked).toEqual([new Secret('t').fingerprint(), 't']);
  });

  it('passes a revocation on to every provider', () => {
    const revoked: string[] = [];
    const provider = { ...answer(NO_ONE), revoke: (fingerprint: string) => void revoked.push(fingerprint) };
    createChain([provider, answer(NO_ONE), provider]).revoke?.('f');
    expect(revoked).toEqual(['f', 'f']);
  });

  it('takes a principal without a userId', async () => {
    const principal = createPrincipal({ issuer: 'a', subject: 'b' });
    expect(await resultOf(ANYONE, answer({ authenticated: true, principal }))).toMatchObject({ principal });
  });

  it('is not empty', () => {
    expect(() => createChain([])).toThrow(ConfigurationError);
  });

  it('unites what its providers are and know', async () => {
    const heard: string[] = [];
    const revoking = answer(NO_ONE, {
      onRevoked: (listener) => {
        listener('fingerprint');
        return () => heard.push('stopped');
      },
    });
    const chain = createChain([
      answer(NO_ONE, {
        authorizationServers: ['https://a', 'https://b'],
        validate: () => Promise.reject(new Error('x')),
      }),
      answer(NO_ONE, { authorizationServers: ['https://b'], isKnown: () => true }),
      answer(NO_ONE, { validate: (token) => Promise.resolve(token === 'good') }),
      revoking,
    ]);
    expect(chain.authorizationServers).toEqual(['https://a', 'https://b']);
    expect(chain.isKnown?.(ANYONE)).toBe(true);
    expect(await chain.validate?.('good')).toBe(true);
    expect(await chain.validate?.('bad')).toBe(false);
    chain.onRevoked?.((fingerprint) => heard.push(fingerprint))();
    expect(heard).toEqual(['fingerprint', 'stopped']);
    expect(chain.ambient).toBe(false);
    const plain = createChain([answer(NO_ONE), new EnvAuthProvider({ env: {} })]);
    expect(plain.ambient).toBe(true);
    expect(plain.authorizationServers).toBeUndefined();
    expect(plain.isKnown?.(ANYONE)).toBe(false);
  });
});

describe('the life cycle of a chain', () => {
  const traced = (name: string, calls: string[], more: Partial<AuthProvider> = {}) =>
    answer(NO_ONE, {
      initialize: async () => void calls.push(`start ${name}`),
      cleanup: async () => void calls.push(`stop ${name}`),
      ...more,
    });

  it('starts in order and ends in reverse', async () => {
    const calls: string[] = [];
    const chain = createChain([traced('a', calls), answer(NO_ONE), traced('b', calls)]);
    await chain.initialize?.();
    await chain.cleanup?.();
    expect(calls).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('ends what had started when one fails to start', async () => {
    const calls: string[] = [];
    const chain = createChain([
      traced('a', calls),
      traced('b', calls, { initialize: () => Promise.reject(new Error('no keys')) }),
      traced('c', calls),
    ]);
    await expect(chain.initialize?.()).rejects.toThrow('no keys');
    expect(calls).toEqual(['start a', 'stop b', 'stop a']);
  });

  it('ends all even if one cannot be ended', async () => {
    const calls: string[] = [];
    const chain = createChain([
      traced('a', calls),
      traced('b', calls, { cleanup: () => Promise.reject(new Error('stuck')) }),
    ]);
    await expect(chain.cleanup?.()).rejects.toThrow(AggregateError);
    expect(calls).toEqual(['stop a']);
  });
});

describe('[config/jwt-rules] several issuers', () => {
  it('each sign in their own users, and no one else does', async () => {
    const resource = 'https://mcp.example.com/mcp';
    const [one, two, stranger] = await Promise.all([
      createLocalIssuer(),
      createLocalIssuer(),
      createLocalIssuer(),
    ]);
    const chain = createChain([one, two].map(({ issuer }) => new JWTAuthProvider({ issuer })));
    const ask = async (token: string) =>
      chain.authenticate({ ...ANYONE, resource, credential: { kind: 'bearer', token: new Secret(token) } });
    const init = { subject: 'alice', audience: resource };
    const [first, second] = [await ask(await one.token(init)), await ask(await two.token(init))];
    expect([first.principal?.issuer, second.principal?.issuer]).toEqual([one.issuer, two.issuer]);
    expect(first.principal?.key).not.toBe(second.principal?.key);
    expect(await ask(await stranger.token(init))).toMatchObject({ reason: 'invalid' });
    const forged = await stranger.token({ ...init, claims: { iss: one.issuer } });
    expect(await ask(forged)).toMatchObject({ reason: 'invalid' });
    expect(chain.authorizationServers).toEqual([one.issuer, two.issuer]);
    await Promise.all([one, two, stranger].map((issuer) => issuer.close()));
  });
});
