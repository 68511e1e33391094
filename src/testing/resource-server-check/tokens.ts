import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto';
import { isRecord, parseJson } from './messages.ts';

/** A JWT taken apart without looking at its signature. */
export interface DecodedJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The three parts as they were. */
  readonly parts: readonly [string, string, string];
}

/** The parts of a JWT, or undefined for an opaque token. */
export function findJwt(token: string): DecodedJwt | undefined {
  const [head, body, signature, ...rest] = token.split('.');
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0)
    return undefined;
  const header = parseJson(Buffer.from(head, 'base64url').toString('utf8'));
  const claims = parseJson(Buffer.from(body, 'base64url').toString('utf8'));
  if (!isRecord(header) || !isRecord(claims)) return undefined;
  return { header, claims, parts: [head, body, signature] };
}

/** Epoch seconds of a JWT's expiry; undefined for an opaque token or one without `exp`. */
export function findExpiry(token: string): number | undefined {
  const expiry = findJwt(token)?.claims.exp;
  return typeof expiry === 'number' && Number.isFinite(expiry) ? expiry : undefined;
}

/** The scopes a JWT names (RFC 9068 §2.2.3); undefined when they cannot be read. */
export function findScopes(token: string): readonly string[] | undefined {
  const { scope, scp } = findJwt(token)?.claims ?? {};
  const value = scope ?? scp;
  if (typeof value === 'string') return value.split(' ').filter((part) => part !== '');
  return Array.isArray(value) ? value.filter((part) => typeof part === 'string') : undefined;
}

/** The audiences a JWT names; undefined when they cannot be read. */
export function findAudiences(token: string): readonly unknown[] | undefined {
  const audience = findJwt(token)?.claims.aud;
  return audience === undefined ? undefined : [audience].flat();
}

/** The same token with one bit of its signature (or of an opaque token's middle) turned. */
export function tamper(token: string): string {
  const jwt = findJwt(token);
  if (jwt === undefined) return flipCharacter(token);
  const signature = Buffer.from(jwt.parts[2], 'base64url');
  const middle = signature.length >> 1;
  if (signature.length === 0) return flipCharacter(token);
  signature[middle] = (signature[middle] ?? 0) ^ 1;
  return [jwt.parts[0], jwt.parts[1], signature.toString('base64url')].join('.');
}

function flipCharacter(token: string): string {
  const middle = token.length >> 1;
  return token.slice(0, middle) + (token[middle] === 'A' ? 'B' : 'A') + token.slice(middle + 1);
}

/** The same JWT with claims added to it and its signature kept; undefined for an opaque token. */
export function withClaims(token: string, claims: Readonly<Record<string, unknown>>): string | undefined {
  const jwt = findJwt(token);
  if (jwt === undefined) return undefined;
  return [jwt.parts[0], encode({ ...jwt.claims, ...claims }), jwt.parts[2]].join('.');
}

/** Copies of a JWT that claim to need no signature (RFC 8725 §2.1); empty for an opaque token. */
export function unsignedCopies(token: string): readonly string[] {
  const jwt = findJwt(token);
  if (jwt === undefined) return [];
  const { kid: _kid, ...header } = jwt.header;
  const spellings = ['none', 'None', 'nOnE', 'NONE'];
  const bare = spellings.map((alg) => `${encode({ ...header, alg })}.${jwt.parts[1]}.`);
  return [...bare, `${encode({ ...header, alg: 'none' })}.${jwt.parts[1]}.${jwt.parts[2]}`];
}

/** A token that no server can know. */
export function randomToken(): string {
  return `gatehouse-check-${randomBytes(24).toString('base64url')}`;
}

/** An issuer of the judge's own, which no server has been told of. */
export interface RogueIssuer {
  /** Signs what a good token would say, with some of it changed. */
  sign(claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
}

/** Makes a fresh ES256 key; `token` is the model of a good token, `audience` serves where it is opaque. */
export function createRogueIssuer(token: string | undefined, audience: string): RogueIssuer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const model = token === undefined ? undefined : findJwt(token);
  const now = Math.floor(Date.now() / 1000);
  const base = model?.claims ?? { aud: audience, client_id: 'gatehouse-check', scope: 'mcp' };
  const subject = base.sub ?? 'gatehouse-check';
  return {
    publicJwk: publicKey.export({ format: 'jwk' }),
    sign: (claims, header = {}) =>
      signEs256(
        { typ: model?.header.typ ?? 'at+jwt', ...header, alg: 'ES256' },
        { ...base, sub: subject, jti: randomUUID(), iat: now, exp: now + 300, ...claims },
        privateKey,
      ),
  };
}

function signEs256(
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  key: KeyObject,
): string {
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
}
