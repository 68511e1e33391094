import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign, verify } from 'node:crypto';
import type { Has } from './broken-servers.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface ToyIssuer {
  readonly issuer: string;
  /** A token valid for ten minutes, with some of its claims or its header changed. */
  issue(claims: Claims, header?: Claims): string;
  readonly publicKey: KeyObject;
}

export function createToyIssuer(issuer: string): ToyIssuer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    issuer,
    publicKey,
    issue: (claims, header = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: issuer, jti: randomUUID(), iat: now, exp: now + 600, client_id: 'toy', ...claims };
      const input = `${encode({ typ: 'at+jwt', alg: 'EdDSA', kid: issuer, ...header })}.${encode(all)}`;
      return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
    },
  };
}

export interface ToyVerifier {
  /** The claims of a good token; undefined for any other. */
  verify(token: string): Claims | undefined;
}

interface Trust {
  readonly issuer: ToyIssuer;
  /** Another issuer's, known but not configured. */
  readonly partner: ToyIssuer;
  readonly resource: string;
  readonly revoked: ReadonlySet<string>;
}

export function createToyVerifier(trust: Trust, has: Has): ToyVerifier {
  const cache = new Map<string, Claims>();
  return {
    verify: (token) => {
      if (has('opaque-accepted') && !token.includes('.')) return { sub: 'anybody' };
      const [head = '', body = '', signature = ''] = token.split('.');
      const header = decode(head);
      const claims = decode(body);
      if (header === undefined || claims === undefined) return undefined;
      const cached = has('cache-without-signature') ? cache.get(`${head}.${body}`) : undefined;
      if (cached === undefined) {
        const input = Buffer.from(`${head}.${body}`);
        if (!isSigned({ header, input, signature: Buffer.from(signature, 'base64url') }, trust, has)) {
          return undefined;
        }
      }
      if (!isMeantForUs(claims, trust, has)) return undefined;
      if (header.typ !== 'at+jwt' && !has('id-token-accepted')) return undefined;
      cache.set(`${head}.${body}`, claims);
      return claims;
    },
  };
}

interface Signed {
  readonly header: Claims;
  readonly input: Buffer;
  readonly signature: Buffer;
}

function isSigned({ header, input, signature }: Signed, trust: Trust, has: Has): boolean {
  if (has('alg-none') && String(header.alg).toLowerCase() === 'none') return true;
  if (has('key-from-token') && header.jwk !== undefined) {
    const key = createPublicKey({ key: header.jwk as Record<string, string>, format: 'jwk' });
    return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
  if (header.alg !== 'EdDSA') return false;
  if (has('partner-trusted') && verify(null, input, trust.partner.publicKey, signature)) return true;
  return verify(null, input, trust.issuer.publicKey, signature);
}

function isMeantForUs(claims: Claims, { issuer, resource, revoked }: Trust, has: Has): boolean {
  const audiences = [claims.aud].flat();
  const isOurs = (audience: unknown): boolean =>
    has('audience-by-prefix') ? String(audience).startsWith(resource) : audience === resource;
  const isIdToken = claims.nonce !== undefined && !has('id-token-accepted');
  const isExpired = typeof claims.exp !== 'number' || claims.exp * 1000 <= Date.now();
  const skipsIssuer = has('partner-trusted') || has('key-from-token');
  return (
    (claims.iss === issuer.issuer || skipsIssuer) &&
    (audiences.some(isOurs) ||
      has('any-audience') ||
      (claims.nonce !== undefined && has('id-token-accepted'))) &&
    !isIdToken &&
    (!isExpired || has('lenient-expiry')) &&
    (!revoked.has(String(claims.jti)) || has('revoked-accepted')) &&
    (claims.cnf === undefined || has('bound-as-bearer') || has('dpop-unproved'))
  );
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
