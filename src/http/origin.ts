import { isIP } from 'node:net';
import { type Refusal, refuse } from '../core/refusal.ts';
import { type InboundRequest, singleHeader } from './inbound-request.ts';

export interface OriginRules {
  /** Host names that may be asked for, lower case, without port; IPv6 in brackets. */
  readonly hosts: ReadonlySet<string>;
  /** Exact origins whose pages may call. */
  readonly origins: ReadonlySet<string>;
  /** Development only: any origin. */
  readonly anyOrigin?: boolean | undefined;
}

const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** The configured host, its origin, loopback names, and what the operator adds. */
export function createOriginRules(options: {
  readonly publicUrl: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly anyOrigin?: boolean;
}): OriginRules {
  const url = new URL(options.publicUrl);
  return {
    hosts: new Set([
      url.hostname,
      ...LOOPBACK_HOSTS,
      ...options.allowedHosts.map((host) => host.toLowerCase()),
    ]),
    origins: new Set([url.origin, ...options.allowedOrigins]),
    anyOrigin: options.anyOrigin,
  };
}

/**
 * Stops DNS rebinding: a page on an attacker's name that resolves to this machine still says its own
 * name in Host and Origin (MCP transports, security warning).
 */
export function checkOrigin(request: InboundRequest, rules: OriginRules): Refusal | undefined {
  const host = hostOf(request);
  if (host === undefined) return refuse('HOST_NOT_ALLOWED', 'The Host header is missing or malformed');
  if (!rules.hosts.has(host) && !isOwnAddress(host, request)) {
    return refuse(
      'HOST_NOT_ALLOWED',
      'This host name is not served here; add it to allowedHosts or publicUrl',
    );
  }
  const origin = singleHeader(request.headers, 'origin');
  if (origin === undefined || isAllowedOrigin(origin, rules)) return undefined;
  return refuse('ORIGIN_NOT_ALLOWED', 'This origin may not call; add it to allowedOrigins');
}

export function isAllowedOrigin(origin: string | null, rules: OriginRules): boolean {
  return origin !== null && (rules.anyOrigin === true || rules.origins.has(origin));
}

/** The host name asked for, without port, lower case. */
export function hostOf(request: InboundRequest): string | undefined {
  const value = singleHeader(request.headers, 'host');
  if (value === undefined || value === null) return undefined;
  const known = hostNames.get(value);
  if (known !== undefined) return known;
  const name = findHostName(value);
  if (name === undefined || value.length > MAX_REMEMBERED_LENGTH) return name;
  if (hostNames.size >= MAX_REMEMBERED) hostNames.clear();
  hostNames.set(value, name);
  return name;
}

// Clients ask for few hosts, many times; what they send must not fill the memory.
const hostNames = new Map<string, string>();
const MAX_REMEMBERED = 1_000;
const MAX_REMEMBERED_LENGTH = 300;

function findHostName(value: string): string | undefined {
  // Only what an authority may hold; URL would repair or reinterpret the rest.
  if (!/^[a-z0-9.:[\]-]+$/i.test(value)) return undefined;
  try {
    return new URL(`http://${value}`).hostname;
  } catch {
    return undefined;
  }
}

// An address literal cannot be rebound: no name of an attacker resolves to it.
function isOwnAddress(host: string, request: InboundRequest): boolean {
  const literal = host.startsWith('[') ? host.slice(1, -1) : host;
  const local = request.info.localAddress?.replace(/^::ffff:/, '');
  return isIP(literal) !== 0 && literal === local;
}
