import { ConfigurationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import { ABSENT, INVALID_TOKEN, resultOfError, UNAVAILABLE } from './results.ts';
import { toPrincipal } from './to-principal.ts';

/**
 * Several providers as one, asked in order. The first that finds something decides: only `absent` lets the
 * next one be asked. A credential that nobody knows is `invalid`, never the same as none. A provider that
 * throws something other than an authentication error, or answers yes without naming anyone, could not
 * check: `unavailable`. A user named by id alone becomes a principal here ({@link toPrincipal}).
 * Its issuer is `urn:gatehouse:provider` for the first provider and `urn:gatehouse:provider:<n>` for the nth, so
 * two providers never share a user; moving a provider renames its users.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) without a provider.
 */
export function createChain(providers: readonly AuthProvider[]): AuthProvider {
  if (providers.length === 0)
    throw new ConfigurationError('at least one authentication provider is required');
  const chain = [...providers];
  const issuers = [...new Set(chain.flatMap((provider) => provider.authorizationServers ?? []))];
  return {
    authenticate: (context) => authenticateInOrder(chain, context),
    recall: (context) => recallInOrder(chain, context),
    initialize: () => initializeAll(chain),
    cleanup: () => cleanupAll(chain),
    validate: (token) => validateWithAny(chain, token),
    isKnown: (context) => chain.some((provider) => provider.isKnown?.(context) === true),
    onRevoked: (listener) => {
      const stops = chain.map((provider) => provider.onRevoked?.(listener));
      return () => {
        for (const stop of stops) stop?.();
      };
    },
    revoke: (fingerprint) => {
      for (const provider of chain) provider.revoke?.(fingerprint);
    },
    revokeToken: (token) => {
      for (const provider of chain) {
        if (provider.revokeToken !== undefined) provider.revokeToken(token);
        else provider.revoke?.(new Secret(token).fingerprint());
      }
    },
    authorizationServers: issuers.length === 0 ? undefined : issuers,
    ambient: chain.some((provider) => provider.ambient === true),
  };
}

async function authenticateInOrder(
  chain: readonly AuthProvider[],
  context: RequestContext,
): Promise<AuthResult> {
  for (const [index, provider] of chain.entries()) {
    const result = await ask(provider, context, providerIssuer(index));
    if (result.authenticated || result.reason !== 'absent') return result;
  }
  const brought = context.credential !== undefined && context.credential.kind !== 'environment';
  return brought ? INVALID_TOKEN : ABSENT;
}

/** Knows only what every provider asked on the way knows. */
function recallInOrder(chain: readonly AuthProvider[], context: RequestContext): AuthResult | undefined {
  for (const provider of chain) {
    const result = provider.recall?.(context);
    if (result?.reason === 'absent' && !result.authenticated) continue;
    return result?.principal === undefined ? undefined : result;
  }
  return undefined;
}

/** The issuer of users whom the provider at this place of the chain names by id alone. */
function providerIssuer(index: number): string {
  return index === 0 ? 'urn:gatehouse:provider' : `urn:gatehouse:provider:${index + 1}`;
}

async function ask(provider: AuthProvider, context: RequestContext, issuer: string): Promise<AuthResult> {
  try {
    const result = await provider.authenticate(context);
    if (!result.authenticated) return result;
    return namesSomeone(result) ? { ...result, principal: toPrincipal(result, issuer) } : UNAVAILABLE;
  } catch (error) {
    return resultOfError(error);
  }
}

function namesSomeone(result: AuthResult): boolean {
  return result.principal !== undefined || (result.userId !== undefined && result.userId !== '');
}

async function validateWithAny(chain: readonly AuthProvider[], token: string): Promise<boolean> {
  for (const provider of chain) {
    try {
      if ((await provider.validate?.(token)) === true) return true;
    } catch {
      // What could not be checked does not hold; another provider may still know the token.
      continue;
    }
  }
  return false;
}

async function initializeAll(chain: readonly AuthProvider[]): Promise<void> {
  const started: AuthProvider[] = [];
  try {
    for (const provider of chain) {
      started.push(provider);
      await provider.initialize?.();
    }
  } catch (error) {
    // What started the failure is what its caller wants to know, not what followed from it.
    await cleanupAll(started).catch(() => undefined);
    throw error;
  }
}

async function cleanupAll(chain: readonly AuthProvider[]): Promise<void> {
  const failures: unknown[] = [];
  for (const provider of chain.toReversed()) {
    try {
      await provider.cleanup?.();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0)
    throw new AggregateError(failures, 'Not every authentication provider could be closed');
}
