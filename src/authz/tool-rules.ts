import { compileGlob } from '../core/glob.ts';
import type { RoleDefinitions } from './roles.ts';
import type { ScopeHierarchy } from './scopes.ts';

/** What is demanded of one kind. A plain list means all of it. */
export type Demand =
  | readonly string[]
  | { readonly allOf?: readonly string[] | undefined; readonly anyOf?: readonly string[] | undefined };

/** Everything declared must hold. */
export interface Rule {
  readonly scopes?: Demand | undefined;
  readonly roles?: Demand | undefined;
  readonly permissions?: Demand | undefined;
  /** `required`: somebody has signed in, whatever other rules say. `public`: nobody has to; demands nothing. */
  readonly access?: 'required' | 'public' | undefined;
}

/**
 * Rules by `<server>/<name>`. In both parts `*` stands for any run of characters; the server ends at the
 * first slash. The name is that of a tool or prompt, or the URI of a resource. Every rule that matches must hold.
 */
export type RuleTable = Readonly<Record<string, Rule>>;

export interface RuleAuthorizerOptions {
  /** Demanded of everyone who has signed in, for whatever they ask. */
  readonly endpoint?: { readonly scopes: readonly string[] } | undefined;
  readonly hierarchy?: ScopeHierarchy | undefined;
  readonly roles?: RoleDefinitions | undefined;
  readonly tools?: RuleTable | undefined;
  readonly resources?: RuleTable | undefined;
  readonly prompts?: RuleTable | undefined;
}

/** All of `allOf`, and of each list of `anyOf` at least one. */
export interface Requirement {
  readonly allOf: readonly string[];
  readonly anyOf: readonly (readonly string[])[];
}

/** What all rules about one target come to. */
export interface TargetRequirements {
  readonly scopes: Requirement;
  readonly roles: Requirement;
  readonly permissions: Requirement;
  /** Whether somebody who has not signed in is served. */
  readonly isPublic: boolean;
}

export interface RuleSet {
  /** Undefined when the name cannot be judged; then nobody may have it. */
  find(server: string, name: string): TargetRequirements | undefined;
  /** Whether anything on this server may be public. */
  hasPublicOn(server: string): boolean;
  readonly hasPublic: boolean;
}

export interface RuleSetOptions {
  /** Demanded besides what the rules say. */
  readonly endpointScopes: readonly string[];
  /** Every spelling a rule may have meant, the name itself first; undefined for a name nobody may have. */
  readonly spellings?: ((name: string) => readonly string[] | undefined) | undefined;
}

interface CompiledRule {
  readonly rule: Rule;
  readonly server: (text: string) => boolean;
  readonly name: (text: string) => boolean;
}

/** Compiles patterns once. What was found for a name is kept, in bounded memory: clients choose names. */
export function compileRules(table: RuleTable, options: RuleSetOptions): RuleSet {
  const rules = Object.entries(table).map(([pattern, rule]) => compileRule(pattern, rule));
  const publicRules = rules.filter(({ rule }) => rule.access === 'public');
  const unruled = combineRules([], { endpointScopes: options.endpointScopes, mayBePublic: false });
  const resolve = (server: string, name: string): TargetRequirements | undefined => {
    const spellings = options.spellings === undefined ? [name] : options.spellings(name);
    if (spellings === undefined) return undefined;
    const matching = rules.filter(
      (each) => each.server(server) && spellings.some((spelling) => each.name(spelling)),
    );
    if (matching.length === 0) return unruled;
    // A public rule opens what it names as it is written, not what some other spelling of it would be.
    const mayBePublic = matching.some(({ rule, name: matches }) => rule.access === 'public' && matches(name));
    return combineRules(
      matching.map(({ rule }) => rule),
      { endpointScopes: options.endpointScopes, mayBePublic },
    );
  };
  return {
    find: rememberByName(resolve),
    hasPublicOn: (server) => publicRules.some((each) => each.server(server)),
    hasPublic: publicRules.length > 0,
  };
}

/** The two lists of a demand, whichever way it is written. */
export function toRequirement(demand: Demand | undefined): Requirement {
  if (demand === undefined) return NOTHING;
  if (isList(demand)) return { allOf: demand, anyOf: [] };
  return { allOf: demand.allOf ?? [], anyOf: demand.anyOf === undefined ? [] : [demand.anyOf] };
}

const NOTHING: Requirement = { allOf: [], anyOf: [] };

// Array.isArray does not tell readonly arrays from objects.
function isList(demand: Demand): demand is readonly string[] {
  return Array.isArray(demand);
}

function compileRule(pattern: string, rule: Rule): CompiledRule {
  const slash = pattern.indexOf('/');
  return { rule, server: compileGlob(pattern.slice(0, slash)), name: compileGlob(pattern.slice(slash + 1)) };
}

interface CombineOptions {
  readonly endpointScopes: readonly string[];
  readonly mayBePublic: boolean;
}

function combineRules(rules: readonly Rule[], options: CombineOptions): TargetRequirements {
  const declared = {
    scopes: combine(rules.map((rule) => rule.scopes)),
    roles: combine(rules.map((rule) => rule.roles)),
    permissions: combine(rules.map((rule) => rule.permissions)),
  };
  const isOpen =
    Object.values(declared).every(demandsNothing) && rules.every((rule) => rule.access !== 'required');
  return Object.freeze({
    ...declared,
    scopes: combine([options.endpointScopes, declared.scopes.allOf], declared.scopes.anyOf),
    isPublic: options.mayBePublic && isOpen,
  });
}

function combine(
  demands: readonly (Demand | undefined)[],
  alternatives: readonly (readonly string[])[] = [],
): Requirement {
  const parts = demands.map(toRequirement);
  return Object.freeze({
    allOf: Object.freeze([...new Set(parts.flatMap((part) => part.allOf))]),
    anyOf: Object.freeze([...alternatives, ...parts.flatMap((part) => part.anyOf)]),
  });
}

function demandsNothing(requirement: Requirement): boolean {
  return requirement.allOf.length === 0 && requirement.anyOf.length === 0;
}

const MAX_REMEMBERED = 10_000;
/** Longer names are looked up each time, so that few names cannot fill the memory. */
const MAX_REMEMBERED_LENGTH = 512;

function rememberByName<T>(
  resolve: (server: string, name: string) => T,
): (server: string, name: string) => T {
  const servers = new Map<string, Map<string, { readonly value: T }>>();
  let size = 0;
  return (server, name) => {
    const found = servers.get(server)?.get(name);
    if (found !== undefined) return found.value;
    const value = resolve(server, name);
    if (name.length > MAX_REMEMBERED_LENGTH) return value;
    if (size >= MAX_REMEMBERED) {
      servers.clear();
      size = 0;
    }
    const names = servers.get(server) ?? new Map<string, { readonly value: T }>();
    servers.set(server, names.set(name, { value }));
    size += 1;
    return value;
  };
}
