import { type InboundRequest, singleHeader } from './inbound-request.ts';
import { isAllowedOrigin, type OriginRules } from './origin.ts';

const ALLOWED_METHODS = 'GET, POST, DELETE, OPTIONS';
const MAX_AGE_SECONDS = '86400';

const ALLOWED_HEADERS: readonly string[] = [
  'Content-Type',
  'Authorization',
  'X-Request-ID',
  'Mcp-Session-Id',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Last-Event-ID',
  'DPoP',
  'X-API-Key',
  'X-Session-Id',
];

const EXPOSED_HEADERS = [
  'X-Request-ID',
  'Mcp-Session-Id',
  'WWW-Authenticate',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'DPoP-Nonce',
].join(', ');

const NONE: ReturnType<Cors['headersFor']> = [];

export interface Cors {
  /** Answers a preflight, which carries no credential by design (Fetch §4.8). */
  preflight(request: InboundRequest): Response | undefined;
  /** Headers for any other answer. */
  headersFor(request: InboundRequest): readonly (readonly [string, string])[];
}

/** CORS for the configured origins only; without any, browsers of other origins get nothing. */
export function createCors(rules: OriginRules, extraHeaders: readonly string[] = []): Cors {
  const allowedHeaders = [...ALLOWED_HEADERS, ...extraHeaders];

  const headersFor: Cors['headersFor'] = (request) => {
    const origin = singleHeader(request.headers, 'origin');
    if (origin === undefined) return NONE;
    if (typeof origin !== 'string' || !isAllowedOrigin(origin, rules)) return NONE;
    return [
      ['access-control-allow-origin', origin],
      ['access-control-allow-credentials', 'true'],
      ['access-control-expose-headers', EXPOSED_HEADERS],
      ['vary', 'Origin'],
    ];
  };

  return {
    headersFor,
    preflight(request) {
      if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined)
        return undefined;
      const headers = new Headers(
        headersFor(request).map(([name, value]) => [name, value] as [string, string]),
      );
      if (headers.has('access-control-allow-origin')) {
        headers.set('access-control-allow-methods', ALLOWED_METHODS);
        headers.set('access-control-allow-headers', [...allowedHeaders, ...paramHeaders(request)].join(', '));
        headers.set('access-control-max-age', MAX_AGE_SECONDS);
      }
      return new Response(null, { status: 204, headers });
    },
  };
}

// Mcp-Param-* names come from tool definitions, so they are echoed rather than listed.
function paramHeaders(request: InboundRequest): readonly string[] {
  const asked = singleHeader(request.headers, 'access-control-request-headers');
  if (typeof asked !== 'string') return [];
  return asked
    .split(',')
    .slice(0, 64)
    .map((name) => name.trim())
    .filter((name) => /^mcp-param-[a-z0-9-]{1,64}$/i.test(name));
}
