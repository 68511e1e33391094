import { ConfigurationError, MCPAuthError, TokenResolutionError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { Secret } from '../core/secret.ts';
import type { ResourceTokenResolver, TokenContext } from './token-resolver.ts';

/** What the resolver needs of an authentication provider; `JWTAuthProvider` has it. */
export interface RequestTokens {
  /** Whether the provider takes resource tokens out of its JWTs (its option `extractTokens`). */
  readonly extractsTokens: boolean;
  /** Resource type → token, of the verified JWT in this request; undefined when it holds none. */
  tokensFor(context: RequestContext): Promise<ReadonlyMap<string, Secret> | undefined>;
}

export interface JWTTokenResolverOptions {
  readonly authProvider: RequestTokens;
  /** Throws where a token is missing, instead of answering `null`. Default false. */
  readonly throwOnMissing?: boolean | undefined;
}

/**
 * The resource token inside the JWT of the request at hand. Nothing is kept: another JWT of the same
 * user never answers for this one, and no token outlives its JWT.
 *
 * Without a request context there is no JWT, and so no token.
 *
 * @throws ConfigurationError `CONFIGURATION_ERROR` at creation, when the provider extracts no tokens
 */
export class JWTTokenResolver implements ResourceTokenResolver {
  readonly #source: RequestTokens;
  readonly #throwOnMissing: boolean;

  constructor(options: JWTTokenResolverOptions) {
    checkSource(options.authProvider);
    this.#source = options.authProvider;
    this.#throwOnMissing = options.throwOnMissing ?? false;
  }

  /**
   * @throws TokenResolutionError `TOKEN_RESOLUTION_FAILED` when the token is missing and `throwOnMissing`
   *   is set; `CREDENTIALS_UNAVAILABLE` when the provider fails
   */
  async resolveToken(_userId: string, resourceType: string, context?: TokenContext): Promise<string | null> {
    const token = context === undefined ? '' : await this.#find(resourceType, context);
    if (token !== '') return token;
    if (!this.#throwOnMissing) return null;
    throw new TokenResolutionError('The token of this request holds no credential for this service', {
      detail: `no token for resource type ${JSON.stringify(resourceType)}`,
    });
  }

  async #find(resourceType: string, context: TokenContext): Promise<string> {
    try {
      const tokens = await this.#source.tokensFor(context);
      return tokens?.get(resourceType)?.reveal() ?? '';
    } catch (error) {
      if (error instanceof MCPAuthError) throw error;
      throw new TokenResolutionError('The credentials in the token could not be read', {
        outage: true,
        detail: error instanceof Error ? `the provider threw ${error.name}` : 'the provider threw',
      });
    }
  }
}

function checkSource(source: Partial<RequestTokens> | undefined): void {
  if (typeof source?.tokensFor !== 'function') {
    throw new ConfigurationError(
      'authProvider must be a JWTAuthProvider: other providers hold no resource tokens',
    );
  }
  if (source.extractsTokens !== true) {
    throw new ConfigurationError(
      'authProvider must be created with extractTokens: true for JWTTokenResolver',
    );
  }
}
