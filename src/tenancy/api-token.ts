import { TokenResolutionError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import {
  type APITokenResolverOptions,
  type ResolvedAPITokenOptions,
  resolveAPITokenOptions,
} from './api-token-options.ts';
import { outage } from './credential-answer.ts';
import { checkSubject } from './credential-endpoint.ts';
import { askCredentialService, type CredentialQuery } from './credential-service.ts';
import { createTokenCache, type TokenCache, type TokenKey } from './token-cache.ts';
import type { ResourceTokenResolver, TokenContext } from './token-resolver.ts';

/** Serves a list and the call that follows it, and is over before someone who has just linked tries again. */
const UNLINKED_TTL_MS = 1000;

/**
 * Asks a tenant manager for the token of a user: `GET <url>/api/credentials/:userId/:resourceType`.
 *
 * 200 is a token, 404 an account that is not linked (`null`), and everything else an outage, also a 401
 * or 403 (our own token is wrong), a redirect, an answer about someone else and one that has expired.
 * An outage is never cached and never turned into "not linked".
 *
 * Everyone who asks for the same token meanwhile shares one request; a caller who goes away ends only
 * its own wait. Answers are kept per principal and resource type, no longer than they are valid.
 */
export class APITokenResolver implements ResourceTokenResolver {
  readonly #options: ResolvedAPITokenOptions;
  readonly #cache: TokenCache;

  /** @throws ConfigurationError `CONFIGURATION_ERROR` with every wrong option */
  constructor(options: APITokenResolverOptions) {
    this.#options = resolveAPITokenOptions(options);
    this.#cache = createTokenCache({
      ttlMs: this.#options.cacheTtlMs,
      unlinkedTtlMs: UNLINKED_TTL_MS,
      maxEntries: this.#options.maxCacheEntries,
      now: this.#options.now,
    });
  }

  /**
   * @throws TokenResolutionError `TOKEN_RESOLUTION_FAILED` for ids that no path can hold, and for a user's
   *   token that may not be passed on; `CREDENTIALS_UNAVAILABLE` for an outage
   */
  async resolveToken(userId: string, resourceType: string, context?: TokenContext): Promise<string | null> {
    return this.#resolve(this.#request(userId, resourceType, context), context);
  }

  /** Asks again although a token is cached: for one that the service it is meant for has refused. */
  async refreshToken(userId: string, resourceType: string, context?: TokenContext): Promise<string | null> {
    const request = this.#request(userId, resourceType, context);
    this.#cache.drop(request);
    return this.#resolve(request, context);
  }

  /** For revocation: forgets what is cached and discards what is under way, for one user id or for all. */
  invalidate(userId?: string, resourceType?: string): void {
    this.#cache.invalidate(userId, resourceType);
  }

  async cleanup(): Promise<void> {
    this.#cache.invalidate();
  }

  #request(userId: string, resourceType: string, context: TokenContext | undefined): TokenRequest {
    checkSubject({ userId, resourceType });
    const { audience } = this.#options;
    const userToken = audience === undefined ? undefined : tokenMeantFor(audience, context);
    // JSON keeps the parts apart whatever they hold.
    const id = JSON.stringify([context?.principal?.key, userId, resourceType, userToken?.fingerprint()]);
    return { id, userId, resourceType, requestId: context?.requestId, userToken };
  }

  async #resolve(request: TokenRequest, context: TokenContext | undefined): Promise<string | null> {
    const cached = this.#cache.find(request);
    if (cached !== undefined) return cached.token?.reveal() ?? null;
    const load = () => askCredentialService(request, this.#options.service);
    const token = await whileWanted(context?.signal, () => this.#cache.resolve(request, load));
    return token?.reveal() ?? null;
  }
}

type TokenRequest = TokenKey & CredentialQuery;

/**
 * The token of this request, if the tenant manager is one of its audiences.
 *
 * MCP authorization, "Token Passthrough": a token issued for this server is never sent on to another.
 */
function tokenMeantFor(audience: string, context: TokenContext | undefined): Secret {
  const credential = context?.credential;
  const named: unknown = context?.principal?.claims.aud;
  const audiences: readonly unknown[] = Array.isArray(named) ? named : [named];
  if (credential?.kind === 'bearer' && audiences.includes(audience)) return credential.token;
  throw new TokenResolutionError('This login cannot be used to look up credentials', {
    detail:
      `forwardUserToken sends only a bearer token whose aud names ${audience}: ` +
      'have the issuer add it, exchange the token, or use the service token alone',
  });
}

/** Ends the wait when the caller goes away; the work goes on for others who wait for it. */
async function whileWanted<Value>(
  signal: AbortSignal | undefined,
  work: () => Promise<Value>,
): Promise<Value> {
  if (signal === undefined) return work();
  if (signal.aborted) throw outage('the caller went away');
  let onAbort = (): void => undefined;
  const gone = new Promise<never>((_, reject) => {
    onAbort = () => reject(outage('the caller went away'));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work(), gone]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
