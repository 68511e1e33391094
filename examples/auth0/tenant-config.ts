/** A tenant of Auth0 and this app's registration there. */
export interface TenantConfig {
  /** As given. */
  readonly domain: string;
  /** Without a slash at its end. */
  readonly origin: string;
  /** What its tokens name in `iss`: at Auth0 the origin with a slash. */
  readonly issuer: string;
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const NAMES = ['AUTH0_DOMAIN', 'AUTH0_AUDIENCE', 'AUTH0_CLIENT_ID', 'AUTH0_CLIENT_SECRET'] as const;
const DOMAIN = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * The tenant that the environment names; undefined where it names none.
 *
 * @throws Error for a part that is missing or of no use: half a tenant must not become the mock table.
 */
export function readTenantConfig(
  env: Readonly<Record<string, string | undefined>>,
): TenantConfig | undefined {
  if (NAMES.every((name) => env[name] === undefined)) return undefined;
  const missing = NAMES.filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) throw new Error(`${missing.join(', ')} must be set as well`);
  const [domain, audience, clientId, clientSecret] = NAMES.map((name) => env[name] ?? '') as [
    string,
    string,
    string,
    string,
  ];
  // The audience of ID tokens: they would pass for access tokens.
  if (audience === clientId) throw new Error('AUTH0_AUDIENCE is the API, not the client');
  const origin = originOf(domain);
  return { domain, origin, issuer: `${origin}/`, audience, clientId, clientSecret };
}

/** A host name, for which HTTPS is meant, or an origin, which may be one without TLS on this machine. */
function originOf(domain: string): string {
  if (DOMAIN.test(domain)) return `https://${domain.toLowerCase()}`;
  const url = URL.canParse(domain) ? new URL(domain) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (url === undefined || !isSafe || url.href !== `${url.origin}/`) {
    throw new Error('AUTH0_DOMAIN must be a host name, or an http: origin on this machine');
  }
  return url.origin;
}
