import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { baseUrlProblems, createCredentialEndpoint, pathProblems } from './credential-endpoint.ts';
import type { CredentialServiceOptions } from './credential-service.ts';

export interface APITokenResolverOptions {
  /** `https:`, or `http:` on loopback; a path is kept as a prefix. */
  readonly tenantManagerUrl: string | undefined;
  /** What this server proves itself with to the tenant manager. */
  readonly serviceToken: string | undefined;
  /**
   * Default `/api/credentials/:userId/:resourceType`; with `forwardUserToken`, `/api/v1/credentials/:userId`.
   * Without `:resourceType` the tenant manager must know the service by other means.
   */
  readonly endpointPath?: string | undefined;
  /** For the whole answer, body included. Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** Default true. */
  readonly cacheTokens?: boolean | undefined;
  /** Milliseconds; a token is never kept past its own expiry. Default 300 000; 0 keeps none. */
  readonly cacheTtl?: number | undefined;
  readonly maxCacheEntries?: number | undefined;
  /** Sent along; the headers of the contract cannot be replaced. */
  readonly customHeaders?: Readonly<Record<string, string>> | undefined;
  /**
   * Sends the user's own JWT as the bearer, and the service token as `X-Service-Token`. Only a token whose
   * `aud` names `audience` (the tenant manager) is sent: any other would be passed on to a third party.
   */
  readonly forwardUserToken?: { readonly audience: string } | undefined;
  readonly now?: Clock | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** {@link APITokenResolverOptions} with every default. */
export interface ResolvedAPITokenOptions {
  readonly service: CredentialServiceOptions;
  readonly cacheTtlMs: number;
  readonly maxCacheEntries: number;
  /** Set when the user's own token is sent. */
  readonly audience: string | undefined;
  readonly now: Clock;
}

const MAX_TIMEOUT_MS = 60_000;

const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'authorization',
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
  'x-request-id',
  'x-service-token',
  'x-user-id',
]);

/** @throws ConfigurationError `CONFIGURATION_ERROR` with every problem */
export function resolveAPITokenOptions(options: APITokenResolverOptions): ResolvedAPITokenOptions {
  const audience = options.forwardUserToken?.audience;
  const path =
    options.endpointPath ??
    (options.forwardUserToken === undefined
      ? '/api/credentials/:userId/:resourceType'
      : '/api/v1/credentials/:userId');
  const { tenantManagerUrl = '', serviceToken = '', timeoutMs = 5000, cacheTtl = 300_000 } = options;
  const { cacheTokens = true, maxCacheEntries = 10_000, customHeaders = {}, now = systemClock } = options;
  const problems = [
    ...baseUrlProblems(tenantManagerUrl),
    ...tokenProblems(serviceToken),
    ...pathProblems(path),
    ...numberProblems({ timeoutMs, cacheTtl, maxCacheEntries }),
    ...headerProblems(customHeaders),
    ...audienceProblems(options.forwardUserToken),
  ];
  if (problems.length > 0) throw new ConfigurationError(problems);
  return {
    service: {
      endpoint: createCredentialEndpoint(tenantManagerUrl, path),
      serviceToken: new Secret(serviceToken),
      customHeaders: { ...customHeaders },
      timeoutMs,
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      now,
    },
    cacheTtlMs: cacheTokens ? cacheTtl : 0,
    maxCacheEntries,
    audience,
    now,
  };
}

function tokenProblems(token: string): readonly string[] {
  if (token === '') return ['serviceToken is missing'];
  const isHeaderSafe = /^[\x21-\x7e]+$/.test(token);
  return isHeaderSafe ? [] : ['serviceToken must be printable ASCII without spaces or line breaks'];
}

function numberProblems(numbers: {
  readonly timeoutMs: number;
  readonly cacheTtl: number;
  readonly maxCacheEntries: number;
}): readonly string[] {
  const problems: string[] = [];
  const { timeoutMs, cacheTtl, maxCacheEntries } = numbers;
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS) {
    problems.push(`timeoutMs must be a whole number from 1 to ${MAX_TIMEOUT_MS}`);
  }
  if (!Number.isFinite(cacheTtl) || cacheTtl < 0) problems.push('cacheTtl must be milliseconds, from 0');
  if (!Number.isSafeInteger(maxCacheEntries) || maxCacheEntries < 1) {
    problems.push('maxCacheEntries must be a whole number from 1');
  }
  return problems;
}

function headerProblems(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const shown = `customHeaders ${JSON.stringify(name)}`;
    // RFC 9110 §5.5, §5.6.2: a name is a token, a value visible ASCII with spaces and tabs inside.
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return [`${shown} is no header name`];
    if (RESERVED_HEADERS.has(name.toLowerCase())) return [`${shown} is set by the resolver itself`];
    const isValue = typeof value === 'string' && /^[\t\x20-\x7e]*$/.test(value);
    return isValue ? [] : [`${shown} must hold printable ASCII`];
  });
}

function audienceProblems(forward: { readonly audience: string } | undefined): readonly string[] {
  if (forward === undefined) return [];
  const isNamed = typeof forward.audience === 'string' && forward.audience !== '';
  return isNamed ? [] : ['forwardUserToken.audience must name the tenant manager'];
}
