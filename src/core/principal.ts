/**
 * Who a request acts for. Issuer, tenant and subject together are the identity; `clientId` names the
 * software that asked and is never the user.
 */
export interface Principal {
  readonly issuer: string;
  readonly subject: string;
  readonly tenantId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly permissions: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Authentication methods (RFC 8176). */
  readonly amr?: readonly string[] | undefined;
  /** Authentication context class (OpenID Connect Core §2). */
  readonly acr?: string | undefined;
  /** Epoch seconds of the user's login (`auth_time`). */
  readonly authenticatedAt?: number | undefined;
  /** Epoch seconds after which nothing new may start and no long-lived stream may go on. */
  readonly expiresAt?: number | undefined;
  /** Proof-of-possession binding, the `cnf` claim (RFC 7800). */
  readonly confirmation?: Readonly<Record<string, unknown>> | undefined;
  /** Who acts on the subject's behalf, the `act` claim (RFC 8693 §4.1). */
  readonly actor?: Readonly<Record<string, unknown>> | undefined;
  /** Unambiguous over issuer, tenant and subject; keys every cache, limit and session. */
  readonly key: string;
}

export type PrincipalInit = Pick<Principal, 'issuer' | 'subject'> &
  Partial<Omit<Principal, 'issuer' | 'subject' | 'key'>>;

/** Builds a frozen principal; `key` is derived here and nowhere else. */
export function createPrincipal(init: PrincipalInit): Principal {
  return Object.freeze({
    ...init,
    scopes: init.scopes ?? [],
    roles: init.roles ?? [],
    groups: init.groups ?? [],
    permissions: init.permissions ?? [],
    claims: init.claims ?? {},
    key: principalKey(init.issuer, init.tenantId, init.subject),
  });
}

/** The same person seen in a tenant: another principal with another key, the same one each time while it lives. */
export function withTenant(principal: Principal, tenantId: string): Principal {
  if (principal.tenantId === tenantId) return principal;
  const known = lastInTenant.get(principal);
  if (known?.tenantId === tenantId) return known;
  const found = createPrincipal({ ...principal, tenantId });
  // What can still change may be somebody else by the next request.
  if (Object.isFrozen(principal)) lastInTenant.set(principal, found);
  return found;
}

const lastInTenant = new WeakMap<Principal, Principal>();

// JSON keeps the three parts apart whatever characters they hold.
function principalKey(issuer: string, tenantId: string | undefined, subject: string): string {
  return JSON.stringify([issuer, tenantId ?? null, subject]);
}

/** Whom a public tool is served to when nobody has signed in. */
export const ANONYMOUS: Principal = createPrincipal({
  issuer: 'urn:gatehouse:anonymous',
  subject: 'anonymous',
});

export function isAnonymous(principal: Principal): boolean {
  return principal.issuer === ANONYMOUS.issuer;
}
