import type { AuthProvider } from '../authn/auth-provider.ts';
import { createChain } from '../authn/chain.ts';
import { EnvAuthProvider } from '../authn/env.ts';
import { JWTAuthProvider } from '../authn/jwt.ts';
import type { ResolvedAuth, ResolvedJwt } from '../config/resolved-options.ts';

/** The chain of providers, and the one whose tokens hold upstream tokens, if any does. */
export interface BuiltAuth {
  readonly provider: AuthProvider;
  readonly tokenSource: JWTAuthProvider | undefined;
}

export function buildAuth(
  entries: readonly ResolvedAuth[],
  env: Readonly<Record<string, string | undefined>>,
): BuiltAuth {
  const providers = entries.map((entry) => buildProvider(entry, env));
  const tokenSource = providers.find(
    (provider): provider is JWTAuthProvider => provider instanceof JWTAuthProvider && provider.extractsTokens,
  );
  // A chain of one, too: it tells a credential that nobody knows from none.
  return { provider: createChain(providers), tokenSource };
}

function buildProvider(entry: ResolvedAuth, env: Readonly<Record<string, string | undefined>>): AuthProvider {
  switch (entry.type) {
    case 'jwt':
      return buildJwt(entry);
    case 'environment': {
      const { userIdEnvVar, defaultUserId, requireUserId } = entry;
      return new EnvAuthProvider({ userIdEnvVar, defaultUserId, requireUserId, env });
    }
    case 'custom':
      return entry.provider;
  }
}

function buildJwt(entry: ResolvedJwt): JWTAuthProvider {
  const { type: _, secret, clockToleranceSeconds, clientIds, ...same } = entry;
  return new JWTAuthProvider({
    ...same,
    ...(secret !== undefined && { jwtSecret: secret.reveal() }),
    clockTolerance: clockToleranceSeconds,
    clientId: clientIds,
  });
}
