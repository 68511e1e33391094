import { createPrincipal, type Principal } from '../core/principal.ts';
import { Secret } from '../core/secret.ts';
import { isIdentifier } from './identifier.ts';

/** The claims of a token, as parsed JSON. */
export type Claims = Readonly<Record<string, unknown>>;

/** Finds one claim; there is no second place it would look. */
export type ClaimReader = (claims: Claims) => unknown;

/** Which claim holds what. Dots lead into nested claims, except in names that are URIs. */
export interface ClaimNames {
  /** Default `sub`. */
  readonly user?: string | undefined;
  /** No default: a tenant is read only where its claim is named. */
  readonly tenant?: string | undefined;
  /** Default `scope`, or `scp` when there is no `scope`. */
  readonly scopes?: string | undefined;
  /** Default `roles`. */
  readonly roles?: string | undefined;
  /** Default `groups`. */
  readonly groups?: string | undefined;
  /** Default `permissions`. */
  readonly permissions?: string | undefined;
}

export interface ClaimReaders {
  readonly user: ClaimReader;
  readonly tenant: ClaimReader;
  readonly scopes: ClaimReader;
  readonly roles: ClaimReader;
  readonly groups: ClaimReader;
  readonly permissions: ClaimReader;
}

export function createClaimReaders(names: ClaimNames): ClaimReaders {
  return {
    user: claimReader(names.user ?? 'sub'),
    tenant: names.tenant === undefined ? () => undefined : claimReader(names.tenant),
    scopes: names.scopes === undefined ? readScopes : claimReader(names.scopes),
    roles: claimReader(names.roles ?? 'roles'),
    groups: claimReader(names.groups ?? 'groups'),
    permissions: claimReader(names.permissions ?? 'permissions'),
  };
}

function readScopes(claims: Claims): unknown {
  return Object.hasOwn(claims, 'scope') ? claims.scope : own(claims, 'scp');
}

function claimReader(name: string): ClaimReader {
  // Namespaced claims are URIs (OpenID Connect Core §5.1.2), whose dots are no path.
  const path = /[:/]/.test(name) ? [name] : name.split('.');
  return (claims) => path.reduce<unknown>(own, claims);
}

function own(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

export interface IdentityRules {
  readonly readers: ClaimReaders;
  /** The claim with upstream tokens; it never becomes part of a principal. */
  readonly tokensClaim: string;
  /** Who vouches for tokens that name no issuer. */
  readonly fallbackIssuer: string;
}

/**
 * Who verified claims speak of. `undefined` when they name no one by the configured claim, or hold an
 * identity-bearing claim of the wrong shape: a group list that cannot be read must not become "no groups",
 * which a rule that denies a group would take for innocence.
 */
export function findPrincipal(claims: Claims, rules: IdentityRules): Principal | undefined {
  const { readers } = rules;
  const subject = readers.user(claims);
  const tenantId = readers.tenant(claims);
  const scopes = parseScopes(readers.scopes(claims));
  const roles = parseNames(readers.roles(claims));
  const groups = parseNames(readers.groups(claims));
  const permissions = parseNames(readers.permissions(claims));
  const { act } = claims;
  if (!isIdentifier(subject) || (tenantId !== undefined && !isIdentifier(tenantId))) return undefined;
  if (scopes === undefined || roles === undefined || groups === undefined || permissions === undefined) {
    return undefined;
  }
  if (act !== undefined && !isObject(act)) return undefined;
  return createPrincipal({
    issuer: typeof claims.iss === 'string' ? claims.iss : rules.fallbackIssuer,
    subject,
    ...(tenantId !== undefined && { tenantId }),
    scopes,
    roles,
    groups,
    permissions,
    claims: shownClaims(claims, rules.tokensClaim),
    ...(act !== undefined && { actor: act }),
    ...standardClaims(claims),
  });
}

function standardClaims(claims: Claims): Partial<Principal> {
  const { acr, amr, auth_time: authTime, cnf, exp } = claims;
  // RFC 9068 §2.2 names the client in client_id; OpenID Connect Core §2 in azp.
  const clientId = claims.client_id ?? claims.azp;
  return {
    ...(typeof clientId === 'string' && { clientId }),
    ...(typeof acr === 'string' && { acr }),
    ...(isStringList(amr) && { amr }),
    ...(typeof authTime === 'number' && { authenticatedAt: authTime }),
    ...(typeof exp === 'number' && { expiresAt: exp }),
    ...(isObject(cnf) && { confirmation: cnf }),
  };
}

function shownClaims(claims: Claims, tokensClaim: string): Claims {
  const { [tokensClaim]: _tokens, ...shown } = claims;
  return deepFreeze(shown);
}

// RFC 6749 §3.3: scope-token.
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

function parseScopes(value: unknown): readonly string[] | undefined {
  const list = typeof value === 'string' ? value.split(' ').filter((scope) => scope !== '') : (value ?? []);
  return isStringList(list) && list.every((scope) => SCOPE.test(scope)) ? list : undefined;
}

function parseNames(value: unknown): readonly string[] | undefined {
  const list = typeof value === 'string' ? [value] : (value ?? []);
  return isStringList(list) ? list : undefined;
}

/** The upstream tokens inside a token, by resource type; entries that are no token are passed over. */
export function parseTokens(value: unknown): ReadonlyMap<string, Secret> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return new Map(
    entries
      .filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '')
      .map(([resourceType, token]) => [resourceType, new Secret(token)]),
  );
}

/** `aud` as a list; `undefined` when absent, `'malformed'` when it holds anything but strings. */
export function parseAudience(claims: Claims): readonly string[] | 'malformed' | undefined {
  const { aud } = claims;
  if (aud === undefined) return undefined;
  const list = typeof aud === 'string' ? [aud] : aud;
  return isStringList(list) ? list : 'malformed';
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// A cached principal is shared by requests. A list instead of recursion: the nesting is the sender's choice.
function deepFreeze<T extends object>(root: T): T {
  const pending: object[] = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    Object.freeze(next);
    for (const value of Object.values<unknown>({ ...next })) {
      if (typeof value === 'object' && value !== null) pending.push(value);
    }
  }
  return root;
}
