import { environment } from '../config/environment.ts';
import { ConfigurationError } from '../core/errors.ts';
import { createPrincipal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import { isIdentifier, MAX_IDENTIFIER_LENGTH } from './identifier.ts';
import { ABSENT, authenticated, INVALID_TOKEN } from './results.ts';

/** Options of {@link EnvAuthProvider}. */
export interface EnvAuthOptions {
  /** Default `MCP_USER_ID`. */
  readonly userIdEnvVar?: string | undefined;
  /** Who it is when the variable is not set. Default `local-user`. */
  readonly defaultUserId?: string | undefined;
  /** The variable must be set; no default stands in for it. Default false. */
  readonly requireUserId?: boolean | undefined;
  /** Default: the environment at construction. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** A variable with a token that tells who it is, in place of a user id. Needs `tokenProvider`. */
  readonly tokenEnvVar?: string | undefined;
  /** Verifies the token in `tokenEnvVar`, anew for each request. Its life cycle is this provider's. */
  readonly tokenProvider?: AuthProvider | undefined;
}

// The issuer of users named by the environment.
const ENVIRONMENT_ISSUER = 'urn:gatehouse:environment';

/**
 * Signs everyone in as the one user the environment names: for stdio, where whoever started the process is
 * its user. It is `ambient`, hence refused over HTTP, and stands back from a request that brings a
 * credential of its own. An empty variable counts as not set.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) at construction, for a missing or unusable user id too.
 */
export class EnvAuthProvider implements AuthProvider {
  readonly ambient = true;
  readonly #token: Secret | undefined;
  readonly #tokenProvider: AuthProvider | undefined;
  readonly #result: AuthResult;

  constructor(options: EnvAuthOptions = {}) {
    const env = options.env ?? environment();
    const problems: string[] = [];
    const token = options.tokenEnvVar === undefined ? undefined : env[options.tokenEnvVar];
    if ((options.tokenEnvVar === undefined) !== (options.tokenProvider === undefined)) {
      problems.push('tokenEnvVar and tokenProvider need each other');
    }
    const userId = findUserId(options, env);
    if (options.tokenEnvVar === undefined && !isIdentifier(userId)) {
      problems.push(problemOf(options, userId));
    }
    if (problems.length > 0) throw new ConfigurationError(problems);
    this.#tokenProvider = options.tokenProvider;
    this.#token = token === undefined || token === '' ? undefined : new Secret(token);
    this.#result = isIdentifier(userId)
      ? authenticated(createPrincipal({ issuer: ENVIRONMENT_ISSUER, subject: userId }))
      : ABSENT;
  }

  async authenticate(context: RequestContext): Promise<AuthResult> {
    const { credential } = context;
    if (credential !== undefined && credential.kind !== 'environment') return ABSENT;
    if (this.#tokenProvider === undefined) return this.#result;
    if (this.#token === undefined) return ABSENT;
    const result = await this.#tokenProvider.authenticate({
      ...context,
      ...(context.signal && { signal: context.signal }),
      credential: { kind: 'bearer', token: this.#token },
    });
    // The token is there: a provider that does not know it leaves nobody else to ask.
    return result.reason === 'absent' ? INVALID_TOKEN : result;
  }

  async initialize(): Promise<void> {
    await this.#tokenProvider?.initialize?.();
  }

  async cleanup(): Promise<void> {
    await this.#tokenProvider?.cleanup?.();
  }

  onRevoked(listener: (credentialFingerprint: string) => void): () => void {
    return this.#tokenProvider?.onRevoked?.(listener) ?? (() => undefined);
  }
}

function findUserId(options: EnvAuthOptions, env: NonNullable<EnvAuthOptions['env']>): string | undefined {
  const value = env[options.userIdEnvVar ?? 'MCP_USER_ID'];
  if (value !== undefined && value !== '') return value;
  return options.requireUserId === true ? undefined : (options.defaultUserId ?? 'local-user');
}

function problemOf(options: EnvAuthOptions, userId: string | undefined): string {
  const name = options.userIdEnvVar ?? 'MCP_USER_ID';
  return userId === undefined
    ? `the environment variable ${name} must name the user`
    : `the user id of ${name} must have 1 to ${MAX_IDENTIFIER_LENGTH} characters and no control characters`;
}
