import type { Clock } from '../core/clock.ts';
import { type Claims, type IdentityRules, parseAudience } from './claims.ts';

/** What a refused token failed at: for logs and metrics, never for the caller. */
export type TokenCheck =
  | 'size'
  | 'shape'
  | 'header'
  | 'algorithm'
  | 'type'
  | 'key'
  | 'signature'
  | 'expired'
  | 'time'
  | 'issuer'
  | 'audience'
  | 'id-token'
  | 'binding'
  | 'identity'
  | 'revoked'
  | 'unavailable';

/** The resolved rules a provider judges tokens by. */
export interface TokenRules {
  readonly keyKind: 'secret' | 'asymmetric';
  readonly issuer?: string | undefined;
  readonly audiences?: readonly string[] | undefined;
  readonly algorithms: readonly string[];
  readonly profile: 'at+jwt' | 'jwt' | 'any';
  readonly clientIds: ReadonlySet<string>;
  readonly toleranceSeconds: number;
  readonly extractTokens: boolean;
  readonly identity: IdentityRules;
  readonly now: Clock;
}

const PLAIN_TYPES: readonly unknown[] = [undefined, 'jwt'];
const ACCESS_TOKEN_TYPES: readonly unknown[] = ['at+jwt', 'application/at+jwt'];

const TYPES: Readonly<Record<TokenRules['profile'], readonly unknown[]>> = {
  jwt: PLAIN_TYPES,
  'at+jwt': ACCESS_TOKEN_TYPES,
  any: [...PLAIN_TYPES, ...ACCESS_TOKEN_TYPES],
};

/** What an unverified header fails at. Embedded keys and key addresses in it are not looked at. */
export function findHeaderFault(header: Claims, rules: TokenRules): TokenCheck | undefined {
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !rules.algorithms.includes(alg)) return 'algorithm';
  // RFC 7515 §4.1.11: no extension is understood here, so any critical one is a refusal.
  if (Object.hasOwn(header, 'crit')) return 'header';
  if (kid !== undefined && typeof kid !== 'string') return 'header';
  // RFC 8725 §3.11: explicit types keep other kinds of JWT out. RFC 7515 §4.1.9: media types ignore case.
  const type = typeof typ === 'string' ? typ.toLowerCase() : typ;
  return TYPES[rules.profile].includes(type) ? undefined : 'type';
}

/** What verified claims fail at, apart from the audience, which is checked for each resource. */
export function findClaimsFault(claims: Claims, rules: TokenRules): TokenCheck | undefined {
  return (
    findIssuerFault(claims, rules) ??
    findTimeFault(claims, rules) ??
    (isIdToken(claims, rules) ? 'id-token' : undefined) ??
    // RFC 7800 §3: the sender of a bound token must prove possession of the key; a bearer proves nothing.
    (Object.hasOwn(claims, 'cnf') ? 'binding' : undefined)
  );
}

function findIssuerFault({ iss }: Claims, rules: TokenRules): TokenCheck | undefined {
  if (rules.issuer !== undefined) return iss === rules.issuer ? undefined : 'issuer';
  if (iss === undefined) return undefined;
  // Names under this prefix stand for identities that no token may claim.
  const isUsable = typeof iss === 'string' && iss !== '' && !iss.startsWith('urn:gatehouse:');
  return isUsable ? undefined : 'issuer';
}

function findTimeFault(claims: Claims, rules: TokenRules): TokenCheck | undefined {
  const latest = rules.now() / 1000 + rules.toleranceSeconds;
  const isPast = (value: unknown) =>
    value === undefined || (typeof value === 'number' && Number.isFinite(value) && value <= latest);
  // `1e999` parses to Infinity: a token that never ends.
  const isBounded = typeof claims.exp === 'number' && Number.isFinite(claims.exp);
  return isBounded && isPast(claims.iat) && isPast(claims.auth_time) ? undefined : 'time';
}

// OpenID Connect Core §2: an ID token is a statement to a client, not a right to call anything.
function isIdToken(claims: Claims, rules: TokenRules): boolean {
  if (['nonce', 'at_hash', 'c_hash'].some((name) => Object.hasOwn(claims, name))) return true;
  const audience = parseAudience(claims);
  return (
    audience !== undefined && audience !== 'malformed' && audience.some((name) => rules.clientIds.has(name))
  );
}

/**
 * Whether a token is meant for this server: one of its audiences is, character by character, one that is
 * expected (RFC 7519 §4.1.3, RFC 8707 §2). A configured audience is the only one expected; else it is the
 * resource asked for. Only a token made with a shared secret may have none, where none is configured.
 */
export function isForAudience(
  audience: readonly string[] | undefined,
  resource: string | undefined,
  rules: TokenRules,
): boolean {
  if (audience === undefined) return rules.keyKind === 'secret' && rules.audiences === undefined;
  const expected = rules.audiences ?? (resource === undefined ? [] : [resource]);
  return audience.some((name) => expected.includes(name));
}
