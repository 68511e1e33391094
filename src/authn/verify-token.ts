import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { Principal } from '../core/principal.ts';
import type { Secret } from '../core/secret.ts';
import { type Claims, findPrincipal, parseAudience, parseTokens } from './claims.ts';
import type { KeySource, VerificationKey } from './key-source.ts';
import { findClaimsFault, findHeaderFault, type TokenCheck, type TokenRules } from './token-rules.ts';

/** A token whose signature and claims hold; whether it is meant for a resource is asked each time. */
export interface VerifiedToken {
  readonly principal: Principal;
  readonly audience: readonly string[] | undefined;
  readonly tokens: ReadonlyMap<string, Secret> | undefined;
  /** With the clock tolerance. */
  readonly expiresAtMs: number;
  readonly keyId: string;
  /** SHA-256 of what was signed: the same for every signature that the token could carry. */
  readonly contentFingerprint: string;
}

export type Verification =
  | { readonly kind: 'verified'; readonly token: VerifiedToken }
  /** Another issuer's token, or no JWT at all. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'refused'; readonly check: TokenCheck };

const JWT_SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
// RFC 4648 §3.5: the unused bits of the last character are zero. Otherwise one signature has many spellings,
// and a revoked token would come back under another fingerprint.
const CANONICAL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/;

/**
 * Verifies the signature and the claims of a JWT. What the token says of itself is believed only after
 * the signature, with one exception: an issuer other than ours makes it foreign. The length is the caller's
 * to bound.
 *
 * @throws MCPAuthError (AUTHENTICATION_UNAVAILABLE) when the keys cannot be had.
 */
export async function verifyToken(token: string, rules: TokenRules, keys: KeySource): Promise<Verification> {
  if (!JWT_SHAPE.test(token)) return { kind: 'foreign' };
  const parts = decode(token);
  if (parts === undefined) return refused('shape');
  const { iss } = parts.claims;
  if (rules.issuer !== undefined && typeof iss === 'string' && iss !== rules.issuer)
    return { kind: 'foreign' };
  const fault = findHeaderFault(parts.header, rules);
  if (fault !== undefined) return refused(fault);
  const alg = String(parts.header.alg);
  const kid = typeof parts.header.kid === 'string' ? parts.header.kid : undefined;
  const candidates = await keys.find({ alg, kid });
  if (candidates.length === 0) return refused('key');
  return verifyWithAny(token, { alg, candidates, rules });
}

function decode(token: string): { readonly header: Claims; readonly claims: Claims } | undefined {
  if (!CANONICAL.test(token.slice(token.lastIndexOf('.') + 1))) return undefined;
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

interface Attempt {
  readonly alg: string;
  readonly candidates: readonly VerificationKey[];
  readonly rules: TokenRules;
}

async function verifyWithAny(token: string, { alg, candidates, rules }: Attempt): Promise<Verification> {
  for (const candidate of candidates) {
    try {
      const { payload } = await jwtVerify(token, candidate.key, {
        algorithms: [alg],
        requiredClaims: ['exp'],
        clockTolerance: rules.toleranceSeconds,
        currentDate: new Date(rules.now()),
      });
      return judge(token, { claims: payload, keyId: candidate.id, rules });
    } catch (error) {
      const check = findVerdict(error);
      if (check !== undefined) return refused(check);
    }
  }
  return refused('signature');
}

// Claims are read after the signature: such an error is about the token, any other about this key.
function findVerdict(error: unknown): TokenCheck | undefined {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) return 'time';
  return error instanceof errors.JWTInvalid ? 'shape' : undefined;
}

interface Verified {
  readonly claims: Claims;
  readonly keyId: string;
  readonly rules: TokenRules;
}

function judge(token: string, { claims, keyId, rules }: Verified): Verification {
  const fault = findClaimsFault(claims, rules);
  if (fault !== undefined) return refused(fault);
  const audience = parseAudience(claims);
  if (audience === 'malformed') return refused('audience');
  const principal = findPrincipal(claims, rules.identity);
  if (principal?.expiresAt === undefined) return refused('identity');
  const { tokensClaim } = rules.identity;
  return {
    kind: 'verified',
    token: {
      principal,
      audience,
      tokens: rules.extractTokens ? parseTokens(claims[tokensClaim]) : undefined,
      expiresAtMs: (principal.expiresAt + rules.toleranceSeconds) * 1000,
      keyId,
      contentFingerprint: contentFingerprintOf(token),
    },
  };
}

/** SHA-256 of what is signed in a JWT (RFC 7515 §5.1), in base64url. */
function contentFingerprintOf(token: string): string {
  return createHash('sha256')
    .update(token.slice(0, token.lastIndexOf('.')))
    .digest('base64url');
}

/** {@link VerifiedToken.contentFingerprint} of a token nobody has verified; `undefined` where it is no JWT. */
export function findContentFingerprint(token: string): string | undefined {
  return JWT_SHAPE.test(token) ? contentFingerprintOf(token) : undefined;
}

function refused(check: TokenCheck): Verification {
  return { kind: 'refused', check };
}
