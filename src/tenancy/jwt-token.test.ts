import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { AuthenticationError, ConfigurationError, TokenResolutionError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { JWTTokenResolver, type RequestTokens } from './jwt-token.ts';

const keys = await generateKeyPair('ES256');
const jwks = createLocalJWKSet({ keys: [await exportJWK(keys.publicKey)] });

/** Reads the tokens of the JWT in the request, as a provider with `extractTokens` does. */
const provider: RequestTokens = {
  extractsTokens: true,
  async tokensFor(context) {
    if (context.credential?.kind !== 'bearer') return undefined;
    const { payload } = await jwtVerify(context.credential.token.reveal(), jwks, {
      currentDate: context.timestamp,
    }).catch(() => {
      throw new AuthenticationError();
    });
    const tokens = Object.entries(payload.tokens ?? {});
    return new Map(tokens.map(([type, token]) => [type, new Secret(String(token))]));
  },
};

async function requestWith(tokens: object, at = new Date()): Promise<RequestContext> {
  const jwt = await new SignJWT({ tokens })
    .setProtectedHeader({ alg: 'ES256' })
    .setSubject('ann')
    .setExpirationTime(Math.floor(at.getTime() / 1000) + 60)
    .sign(keys.privateKey);
  return { transport: 'http', timestamp: at, credential: { kind: 'bearer', token: new Secret(jwt) } };
}

describe('JWTTokenResolver', () => {
  it('[mcp-auth/providers.jwt-token] answers the token of the JWT for the type', async () => {
    const resolver = new JWTTokenResolver({ authProvider: provider });
    const context = await requestWith({ github: 'gh', slack: 'sl' });
    expect(await resolver.resolveToken('ann', 'github', context)).toBe('gh');
    expect(await resolver.resolveToken('ann', 'slack', context)).toBe('sl');
  });

  it('[mcp-auth/defect.token-cache-by-user] two JWTs of one user each answer for themselves', async () => {
    const resolver = new JWTTokenResolver({ authProvider: provider });
    const first = await requestWith({ github: 'first' });
    const second = await requestWith({ github: 'second' });
    const third = await requestWith({});
    expect(await resolver.resolveToken('ann', 'github', first)).toBe('first');
    expect(await resolver.resolveToken('ann', 'github', second)).toBe('second');
    expect(await resolver.resolveToken('ann', 'github', first)).toBe('first');
    expect(await resolver.resolveToken('ann', 'github', third)).toBeNull();
    expect(await resolver.resolveToken('ann', 'github')).toBeNull();
  });

  it('[mcp-auth/defect.token-cache-by-user] no token outlives its JWT', async () => {
    const resolver = new JWTTokenResolver({ authProvider: provider });
    const context = await requestWith({ github: 'gh' });
    expect(await resolver.resolveToken('ann', 'github', context)).toBe('gh');
    const later = { ...context, timestamp: new Date(context.timestamp.getTime() + 3_600_000) };
    await expect(resolver.resolveToken('ann', 'github', later)).rejects.toThrow(AuthenticationError);
  });

  it('[mcp-auth/providers.jwt-token] throwOnMissing throws where null would be the answer', async () => {
    const resolver = new JWTTokenResolver({ authProvider: provider, throwOnMissing: true });
    const context = await requestWith({ github: '' });
    for (const [type, request] of [
      ['slack', context],
      ['github', context],
      ['github', undefined],
    ] as const) {
      await expect(resolver.resolveToken('ann', type, request)).rejects.toMatchObject({
        code: 'TOKEN_RESOLUTION_FAILED',
        message: 'The token of this request holds no credential for this service',
      });
    }
    const lenient = new JWTTokenResolver({ authProvider: provider });
    expect(await lenient.resolveToken('ann', 'github', context)).toBeNull();
    expect(await lenient.resolveToken('ann', '__proto__', context)).toBeNull();
  });

  it('a provider that fails is an outage, and its words stay inside', async () => {
    const failing: RequestTokens = {
      extractsTokens: true,
      tokensFor: () => Promise.reject(new RangeError('secret inside')),
    };
    const error: unknown = await new JWTTokenResolver({ authProvider: failing })
      .resolveToken('ann', 'github', await requestWith({}))
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TokenResolutionError);
    expect(error).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE', detail: 'the provider threw RangeError' });
    expect((error as Error).message).not.toContain('secret');
  });

  it('[mcp-auth/providers.jwt-token] is not created on a provider that extracts no tokens', () => {
    const wrong = [undefined, {}, { extractsTokens: true }, { ...provider, extractsTokens: false }];
    for (const authProvider of wrong) {
      expect(() => new JWTTokenResolver({ authProvider: authProvider as RequestTokens })).toThrow(
        ConfigurationError,
      );
    }
  });
});
