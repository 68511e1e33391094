/**
 * Scope → the scopes it includes. A key may hold wildcards: `files:*` speaks of whoever holds `files:*`,
 * or a wider wildcard. Cycles are allowed.
 */
export type ScopeHierarchy = Readonly<Record<string, readonly string[]>>;

export interface ScopeMatcherOptions {
  readonly hierarchy?: ScopeHierarchy | undefined;
}

/**
 * Whether granted scopes cover wanted ones. Segments stand between colons and match whole: `read*` is an
 * ordinary scope that covers only itself.
 *
 * - `*` as the last segment covers one or more segments: `tools:*` covers `tools:x` and `tools:x:y`, not `tools`.
 * - `*` elsewhere covers exactly one segment: `*:read` covers `files:read`, not `read` and not `a:b:read`.
 * - A lone `*` covers nothing by itself; the hierarchy may say what it includes.
 *
 * What is wanted is taken literally, wildcards too. Work done on a granted list is kept by the list's
 * identity, so a list must not be changed once it has been asked about.
 */
export interface ScopeMatcher {
  covers(granted: readonly string[], wanted: string): boolean;
  /** Those of `wanted` that are not covered, in their order. */
  missing(granted: readonly string[], wanted: readonly string[]): readonly string[];
}

/** Grants sorted by how they are compared. */
interface Held {
  readonly exact: ReadonlySet<string>;
  readonly wildcards: readonly Segments[];
  /** What the wildcards were found to cover, or not. */
  readonly answers: Map<string, boolean>;
}

type Segments = readonly string[];

/** What is wanted is written in rules and therefore soon known; beyond this many it is worked out each time. */
const MAX_ANSWERS = 256;

/** Compiles the hierarchy once; asking is then independent of its size for a list seen before. */
export function createScopeMatcher(options: ScopeMatcherOptions = {}): ScopeMatcher {
  const includedBy = compileHierarchy(options.hierarchy ?? {});
  const known = new WeakMap<readonly string[], Held>();

  const expand = (granted: readonly string[]): Held => {
    let held = known.get(granted);
    if (held === undefined) {
      held = toHeld(granted.flatMap((scope) => [scope, ...includedBy(scope)]));
      known.set(granted, held);
    }
    return held;
  };
  const covers = (granted: readonly string[], wanted: string): boolean => {
    if (granted.length === 0) return false;
    const held = expand(granted);
    if (held.exact.has(wanted)) return true;
    if (held.wildcards.length === 0) return false;
    let answer = held.answers.get(wanted);
    if (answer === undefined) {
      const segments = wanted.split(':');
      answer = held.wildcards.some((wildcard) => coversSegments(wildcard, segments));
      if (held.answers.size < MAX_ANSWERS) held.answers.set(wanted, answer);
    }
    return answer;
  };
  return { covers, missing: (granted, wanted) => wanted.filter((scope) => !covers(granted, scope)) };
}

/** Whether a scope or permission holds `*` as a whole segment and so stands for many. */
export function hasWildcard(scope: string): boolean {
  return scope.includes('*') && scope.split(':').includes('*');
}

function toHeld(scopes: readonly string[]): Held {
  const unique = [...new Set(scopes)].filter((scope) => scope !== '*');
  return {
    exact: new Set(unique.filter((scope) => !hasWildcard(scope))),
    wildcards: unique.filter(hasWildcard).map((scope) => scope.split(':')),
    answers: new Map(),
  };
}

function coversSegments(granted: Segments, wanted: Segments): boolean {
  const isOpen = granted.at(-1) === '*';
  if (isOpen ? wanted.length < granted.length : wanted.length !== granted.length) return false;
  return granted.every((segment, index) => segment === '*' || segment === wanted[index]);
}

/**
 * Each key is resolved to all that it leads to, beforehand. One step is then enough for any list: what a
 * list includes is what its members include, because a key is held through a single scope.
 */
function compileHierarchy(hierarchy: ScopeHierarchy): (scope: string) => readonly string[] {
  const direct = new Map(Object.entries(hierarchy));
  const keys = [...direct.keys()].map((key) => ({ key, segments: key.split(':') }));
  const heldKeys = (scope: string): readonly string[] => {
    if (scope === '*' || !hasWildcard(scope)) return direct.has(scope) ? [scope] : [];
    const granted = scope.split(':');
    return keys.filter(({ segments }) => coversSegments(granted, segments)).map(({ key }) => key);
  };
  const resolve = (start: string): readonly string[] => {
    const found = new Set<string>();
    const open = [...(direct.get(start) ?? [])];
    for (let scope = open.pop(); scope !== undefined; scope = open.pop()) {
      if (found.has(scope)) continue;
      found.add(scope);
      for (const key of heldKeys(scope)) open.push(...(direct.get(key) ?? []));
    }
    return [...found];
  };
  const resolved = new Map(keys.map(({ key }) => [key, resolve(key)]));
  return (scope) => heldKeys(scope).flatMap((key) => resolved.get(key) ?? []);
}
