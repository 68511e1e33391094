import { isIP } from 'node:net';

/** Whether only this machine can be meant: a loopback address or `localhost`. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  const literal = name.startsWith('[') ? name.slice(1, -1) : name;
  return name === 'localhost' || literal === '::1' || (isIP(literal) === 4 && literal.startsWith('127.'));
}

/** What keeps `value` from being a URL that secrets may travel to. */
function findUrlProblem(value: string, allowsHttp = false): string | undefined {
  // URL drops blanks and turns backslashes around; what is compared later must be what was written.
  if (/[\s\\]/.test(value)) return 'must not contain blanks or backslashes';
  const url = parseUrl(value);
  if (url === undefined) return 'must be an absolute URL, for example https://example.com';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be an https: URL';
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password';
  if (value.includes('#')) return 'must not have a fragment (`#…`)';
  if (url.protocol === 'http:' && !allowsHttp && !isLoopbackHost(url.hostname)) {
    return 'must be an https: URL; http: is for loopback hosts (localhost, 127.0.0.1, [::1])';
  }
  return undefined;
}

/** {@link findUrlProblem}, and no query either: something is appended to this URL, or it is compared. */
export function findBaseUrlProblem(value: string): string | undefined {
  return findUrlProblem(value) ?? (value.includes('?') ? 'must not have a query (`?…`)' : undefined);
}

/** For the endpoint of another server. It may have a query. */
export function findRemoteUrlProblem(value: string, allowsHttp: boolean): string | undefined {
  const problem = findUrlProblem(value, allowsHttp);
  const isPlain = problem !== undefined && findUrlProblem(value, true) === undefined;
  return isPlain ? `${problem} (or say \`dangerouslyAllowHttp: true\`)` : problem;
}

/** The URL as URL spells it, without slashes at the end. */
export function canonicalBaseUrl(value: string): string {
  return new URL(value).href.replace(/\/+$/, '');
}

export function findOriginProblem(value: string): string | undefined {
  if (value === '*') return 'must not be `*`: list the origins whose pages may call';
  const url = parseUrl(value);
  if (url === undefined || url.origin !== value || url.origin === 'null') {
    return 'must be an exact origin, without a path, for example https://app.example.com';
  }
  return undefined;
}

/** For names that a Host header is compared with. */
export function findHostNameProblem(value: string): string | undefined {
  if (value === '*') return 'must not be `*`: list the host names';
  const isAddress = value.startsWith('[') && value.endsWith(']') && isIP(value.slice(1, -1)) === 6;
  if (isAddress || isHostName(value)) return undefined;
  return 'must be a host name without scheme, port or path (IPv6 addresses in brackets)';
}

/** For an address or name to listen on. */
export function findListenHostProblem(value: string): string | undefined {
  if (isIP(value) !== 0 || isHostName(value)) return undefined;
  return 'must be an address or a host name, without scheme or port';
}

function isHostName(value: string): boolean {
  return value.length <= 253 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(value);
}

export function findPathProblem(value: string): string | undefined {
  if (value === '/') return undefined;
  if (!/^(\/[A-Za-z0-9._~-]+)+$/.test(value)) {
    return 'must start with a slash, not end with one, and hold letters, digits, `.`, `_`, `~` and `-` only';
  }
  const segments = value.split('/');
  if (segments.includes('.') || segments.includes('..')) return 'must not contain `.` or `..` as a segment';
  // RFC 8615 §3: these paths mean the same on every host.
  return segments[1] === '.well-known' ? 'must not start with /.well-known, which is reserved' : undefined;
}

/** For an address or range of proxies. */
export function findRangeProblem(value: string): string | undefined {
  const [address = '', prefix, ...rest] = value.split('/');
  const family = isIP(address);
  const form = 'must be an IP address or a CIDR range, for example 10.0.0.0/8';
  if (family === 0 || rest.length > 0) return form;
  if (prefix === undefined) return undefined;
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return form;
  const bits = Number(prefix);
  if (bits === 0) return 'must not cover every address: anybody could then claim to be a proxy';
  const isWide = family === 4 ? bits < MIN_IPV4_BITS : isWideIpv6(address, bits);
  return isWide ? 'covers too many addresses: IPv4 takes /8 or longer, IPv6 /16 or longer' : undefined;
}

const MIN_IPV4_BITS = 8;
const MIN_IPV6_BITS = 16;

function isWideIpv6(address: string, bits: number): boolean {
  const host = parseUrl(`http://[${address}]`)?.hostname;
  // A zone names an interface of this machine, which no range can be about.
  if (host === undefined) return true;
  const groups = toGroups(host.slice(1, -1));
  // RFC 4291 §2.5.5.2: ::ffff:0:0/96 is IPv4.
  const isShared = MAPPED.every((group, index) => {
    const shared = Math.min(16, Math.max(0, bits - index * 16));
    return group >> (16 - shared) === (groups[index] ?? 0) >> (16 - shared);
  });
  if (isShared) return bits < 96 + MIN_IPV4_BITS;
  // RFC 4193 §3.1: fc00::/7 is never routed on the internet.
  const isUniqueLocal = ((groups[0] ?? 0) & 0xfe00) === 0xfc00 && bits >= 7;
  return bits < MIN_IPV6_BITS && !isUniqueLocal;
}

const MAPPED: readonly number[] = [0, 0, 0, 0, 0, 0xffff];

/** The eight groups of an address as URL spells it: hexadecimal, with at most one `::`. */
function toGroups(address: string): readonly number[] {
  const [before = [], after = []] = address
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))));
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** For a name that is compared with what a token says: blanks are not seen, and nothing would match. */
export function findNameProblem(value: string): string | undefined {
  return /[\s\p{Cc}\p{Cf}]/u.test(value) ? 'must not contain blanks or control characters' : undefined;
}

/** RFC 6749 §3.3, scope-token: what can stand in a challenge without escaping. */
export function findScopeProblem(value: string): string | undefined {
  if (!/^[\x21\x23-\x5B\x5D-\x7E]+$/.test(value))
    return 'must be one scope: printable ASCII without blanks, quotes or backslashes';
  // SEP-835: a resource server neither asks for it nor lists it.
  return value === 'offline_access'
    ? '`offline_access` is between client and issuer and must not be asked for here'
    : undefined;
}

/** Fields that hold credentials of ours or of the caller, in lower case. */
const CREDENTIAL_FIELDS: readonly string[] = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'dpop',
  'x-api-key',
  'x-session-id',
];

/** For a request header that is passed on or decides something. */
export function findHeaderNameProblem(value: string): string | undefined {
  if (!isHeaderName(value)) return 'must be the name of an HTTP header';
  return CREDENTIAL_FIELDS.includes(value.toLowerCase())
    ? 'must not be a header that carries credentials'
    : undefined;
}

/** POSIX.1-2017 §8.1, and lower case, which programs use too. */
export function isVariableName(value: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(value);
}

/** RFC 9110 §5.1. */
export function isHeaderName(value: string): boolean {
  return value.length <= 128 && /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(value);
}

/** RFC 9110 §5.5: a line break or other control character would end the field. */
export function findHeaderValueProblem(value: string): string | undefined {
  return /^[\t\x20-\x7E]*$/.test(value) ? undefined : 'cannot be sent in a header as it is';
}

const UNIT_SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['sec', 1],
  ['second', 1],
  ['min', 60],
  ['minute', 60],
  ['h', 3600],
  ['hour', 3600],
  ['d', 86_400],
  ['day', 86_400],
]);

export interface Rate {
  readonly limit: number;
  readonly windowSeconds: number;
}

/** `100/min` and the like. */
export function findRate(value: string): Rate | undefined {
  const [, count, unit = ''] = /^([1-9]\d{0,8})\/([a-z]{1,6})$/.exec(value) ?? [];
  const windowSeconds = UNIT_SECONDS.get(unit);
  return count === undefined || windowSeconds === undefined
    ? undefined
    : { limit: Number(count), windowSeconds };
}

export function findRateProblem(value: string): string | undefined {
  return findRate(value) === undefined
    ? 'must be a count per period, for example 100/min (s, min, h or day)'
    : undefined;
}

export function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}
