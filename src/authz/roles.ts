/** What a role stands for. Inheriting takes over everything of the roles named, at any depth. */
export interface RoleDefinition {
  readonly inherits?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly permissions?: readonly string[] | undefined;
}

export type RoleDefinitions = Readonly<Record<string, RoleDefinition>>;

/** Everything a list of roles amounts to. Frozen, and the same object for the same list. */
export interface RoleGrants {
  readonly names: ReadonlySet<string>;
  readonly scopes: readonly string[];
  readonly permissions: readonly string[];
}

/**
 * Expands roles to all they inherit and grant. A role that is not defined still counts as held and grants
 * nothing more. Cycles are allowed. Results are kept by the list's identity, so a list must not be changed
 * once it has been expanded.
 */
export function compileRoles(roles: RoleDefinitions): (held: readonly string[]) => RoleGrants {
  const definitions = new Map(Object.entries(roles));
  const known = new WeakMap<readonly string[], RoleGrants>();
  const nothing = expand([], definitions);
  return (held) => {
    if (held.length === 0) return nothing;
    let grants = known.get(held);
    if (grants === undefined) {
      grants = expand(held, definitions);
      known.set(held, grants);
    }
    return grants;
  };
}

function expand(held: readonly string[], definitions: ReadonlyMap<string, RoleDefinition>): RoleGrants {
  const names = new Set<string>();
  const open = [...held];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (names.has(name)) continue;
    names.add(name);
    open.push(...(definitions.get(name)?.inherits ?? []));
  }
  const collect = (part: 'scopes' | 'permissions') =>
    Object.freeze([...new Set([...names].flatMap((name) => definitions.get(name)?.[part] ?? []))]);
  return Object.freeze({ names, scopes: collect('scopes'), permissions: collect('permissions') });
}
