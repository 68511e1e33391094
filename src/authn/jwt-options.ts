import { systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import { ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS } from './algorithms.ts';
import { type ClaimNames, createClaimReaders } from './claims.ts';
import { type KeyOptions, type ResolvedKeys, resolveKeys } from './jwt-keys.ts';
import type { TokenCheck, TokenRules } from './token-rules.ts';

/** How a {@link JWTAuthProvider} judges tokens. `issuer` and `audience` must have a value where they are named. */
export interface JWTAuthOptions extends KeyOptions {
  /** Tells providers apart in the identity of tokens without an issuer. Default `jwt`. */
  readonly name?: string | undefined;
  /** Compared exactly. Without it, the resource asked for is the audience. */
  readonly audience?: string | readonly string[] | undefined;
  /** Default: every algorithm of the key's kind. */
  readonly algorithms?: readonly string[] | undefined;
  /** Default `sub`; the same thing as `claims.user`. */
  readonly userIdClaim?: string | undefined;
  readonly claims?: ClaimNames | undefined;
  /** Whether upstream tokens inside the JWT are offered to a `JWTTokenResolver`. Default false. */
  readonly extractTokens?: boolean | undefined;
  /** Top-level claim with `{resourceType: token}`. Default `tokens`. */
  readonly tokensClaim?: string | undefined;
  /** Seconds by which clocks may differ; 0 to 600. Default 10. */
  readonly clockTolerance?: number | undefined;
  /** Which `typ` a token must have: `at+jwt` (RFC 9068), `jwt` (JWT or none), or any of these. Default `any`. */
  readonly profile?: 'at+jwt' | 'jwt' | 'any' | undefined;
  /** Ids of our own OAuth clients: a token with one as its audience is an ID token and refused. */
  readonly clientId?: string | readonly string[] | undefined;
  readonly cache?: TokenCacheOptions | undefined;
  /** Told what a token was refused for; holds no part of the token. */
  readonly onRefused?: ((check: TokenCheck) => void) | undefined;
}

export interface TokenCacheOptions {
  /** 1 to 1 000 000. Default 10 000. */
  readonly maxEntries?: number | undefined;
  /** Milliseconds after which a token is verified again: 0 (each time) to one hour. Default 60 000. */
  readonly ttlMs?: number | undefined;
}

export interface ResolvedJwtOptions {
  readonly rules: TokenRules;
  readonly cache: { readonly maxEntries: number; readonly ttlMs: number };
  readonly createKeys: ResolvedKeys['create'];
}

/** @throws ConfigurationError (CONFIGURATION_ERROR) listing every problem. */
export function resolveJwtOptions(options: JWTAuthOptions): ResolvedJwtOptions {
  const problems: string[] = [];
  const keys = resolveKeys(options, problems);
  const audiences = toList(options.audience);
  const clientIds = new Set(toList(options.clientId));
  const cache = { maxEntries: options.cache?.maxEntries ?? 10_000, ttlMs: options.cache?.ttlMs ?? 60_000 };
  const toleranceSeconds = options.clockTolerance ?? 10;
  checkKnown(options, problems);
  checkNames(options, problems);
  if (audiences?.some((audience) => clientIds.has(audience)) === true) {
    problems.push('audience must not be one of our client ids: ID tokens would pass for access tokens');
  }
  checkRange(problems, { name: 'clockTolerance', value: toleranceSeconds, min: 0, max: 600 });
  checkRange(problems, { name: 'cache.maxEntries', value: cache.maxEntries, min: 1, max: 1_000_000 });
  checkRange(problems, { name: 'cache.ttlMs', value: cache.ttlMs, min: 0, max: 3_600_000 });
  const algorithms = resolveAlgorithms(options.algorithms, keys, problems);
  if (problems.length > 0 || keys === undefined) throw new ConfigurationError(problems);
  const user = options.userIdClaim ?? options.claims?.user;
  return {
    cache,
    createKeys: keys.create,
    rules: {
      keyKind: keys.kind,
      issuer: options.issuer,
      audiences,
      algorithms,
      profile: options.profile ?? 'any',
      clientIds,
      toleranceSeconds,
      extractTokens: options.extractTokens ?? false,
      identity: {
        readers: createClaimReaders({ ...options.claims, user }),
        tokensClaim: options.tokensClaim ?? 'tokens',
        fallbackIssuer: `urn:gatehouse:secret:${options.name ?? 'jwt'}`,
      },
      now: options.now ?? systemClock,
    },
  };
}

function resolveAlgorithms(
  chosen: readonly string[] | undefined,
  keys: ResolvedKeys | undefined,
  problems: string[],
): readonly string[] {
  if (chosen?.length === 0) problems.push('algorithms must not be empty');
  const known = [...HMAC_ALGORITHMS, ...ASYMMETRIC_ALGORITHMS];
  for (const algorithm of chosen ?? []) {
    if (!known.includes(algorithm)) problems.push(`algorithms: ${algorithm} is not supported`);
    else if (keys !== undefined && !keys.algorithms.includes(algorithm)) {
      problems.push(`algorithms: ${algorithm} does not fit the key`);
    }
  }
  return chosen ?? keys?.algorithms ?? [];
}

const OPTIONS: Readonly<Record<keyof JWTAuthOptions, true>> = {
  jwtSecret: true,
  jwksUri: true,
  publicKey: true,
  issuer: true,
  name: true,
  audience: true,
  algorithms: true,
  userIdClaim: true,
  claims: true,
  extractTokens: true,
  tokensClaim: true,
  clockTolerance: true,
  profile: true,
  clientId: true,
  cache: true,
  onRefused: true,
  now: true,
  fetch: true,
};
const MAX_SHOWN_NAME = 64;

// A misspelt `audience` or `algorithms` would be a check that is never made.
function checkKnown(options: JWTAuthOptions, problems: string[]): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(OPTIONS, name)) continue;
    const shown = JSON.stringify(name.slice(0, MAX_SHOWN_NAME));
    problems.push(`${shown} is no option; options are ${Object.keys(OPTIONS).join(', ')}`);
  }
}

const PROFILES: readonly unknown[] = [undefined, 'at+jwt', 'jwt', 'any'];

function checkNames(options: JWTAuthOptions, problems: string[]): void {
  const { claims, userIdClaim } = options;
  if (!PROFILES.includes(options.profile)) problems.push('profile must be at+jwt, jwt or any');
  if (userIdClaim !== undefined && claims?.user !== undefined && userIdClaim !== claims.user) {
    problems.push('userIdClaim and claims.user name different claims');
  }
  const named = { name: options.name, issuer: options.issuer, userIdClaim, tokensClaim: options.tokensClaim };
  const mapped = Object.entries(claims ?? {}).map(([key, value]) => [`claims.${key}`, value] as const);
  for (const [key, value] of [...Object.entries(named), ...mapped]) {
    if (value === '') problems.push(`${key} must not be empty`);
  }
  for (const key of ['issuer', 'audience'] as const) {
    // An unset variable must not turn into a check that is never made.
    if (Object.hasOwn(options, key) && options[key] === undefined) problems.push(`${key} has no value`);
  }
  for (const key of ['audience', 'clientId'] as const) {
    const list = toList(options[key]);
    if (list?.length === 0 || list?.includes('') === true) problems.push(`${key} must not be empty`);
  }
}

interface Range {
  readonly name: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

function checkRange(problems: string[], { name, value, min, max }: Range): void {
  if (!(value >= min && value <= max)) problems.push(`${name} must be between ${min} and ${max}`);
}

function toList(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === 'string' ? [value] : value;
}
