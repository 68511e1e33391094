import type { Principal } from '../core/principal.ts';
import { compileRoles, type RoleDefinitions } from './roles.ts';
import { createScopeMatcher, type ScopeHierarchy } from './scopes.ts';

/** Asks whether a principal has one thing, by whichever way it came to it. */
export type Holds = (principal: Principal, name: string) => boolean;

/**
 * What principals hold: their own scopes, roles and permissions, what their roles grant, and what their
 * scopes include. Groups grant nothing here.
 */
export interface Holdings {
  readonly scope: Holds;
  readonly role: Holds;
  /** Permissions match by segments as scopes do; the hierarchy is of scopes alone. */
  readonly permission: Holds;
}

export interface HoldingsOptions {
  readonly hierarchy?: ScopeHierarchy | undefined;
  readonly roles?: RoleDefinitions | undefined;
}

export function compileHoldings(options: HoldingsOptions): Holdings {
  const grantsOf = compileRoles(options.roles ?? {});
  const scopes = createScopeMatcher({ hierarchy: options.hierarchy });
  const permissions = createScopeMatcher();
  return {
    scope: (principal, name) =>
      scopes.covers(principal.scopes, name) || scopes.covers(grantsOf(principal.roles).scopes, name),
    role: (principal, name) => grantsOf(principal.roles).names.has(name),
    permission: (principal, name) =>
      permissions.covers(principal.permissions, name) ||
      permissions.covers(grantsOf(principal.roles).permissions, name),
  };
}
