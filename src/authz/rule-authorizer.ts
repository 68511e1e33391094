import type { AccessRequest, Target } from '../core/access.ts';
import { ALLOW, type Decision, deny } from '../core/decision.ts';
import { ConfigurationError } from '../core/errors.ts';
import { compileGlob } from '../core/glob.ts';
import { isAnonymous, type Principal } from '../core/principal.ts';
import type { Authorizer } from './authorizer.ts';
import { compileHoldings, type Holdings, type Holds } from './holdings.ts';
import { findRuleProblems } from './rule-problems.ts';
import {
  compileRules,
  type Requirement,
  type RuleAuthorizerOptions,
  type RuleSet,
  type TargetRequirements,
  toRequirement,
} from './tool-rules.ts';
import { uriSpellings } from './uri-spellings.ts';

/** An authorizer that answers at once and never looks at arguments. */
export interface RuleAuthorizer extends Authorizer {
  decide(request: AccessRequest): Decision;
  scopesSupported(server: string): readonly string[];
  readonly endpointScopes: readonly string[];
  readonly allowsAnonymous: boolean;
}

/**
 * Decides by declared rules. Where nothing is declared, anyone who has signed in is allowed; otherwise
 * scopes, roles and permissions must all hold, those of every rule that matches.
 *
 * - Too little scope is a denial whose remedy names all scopes of the operation, so that granting exactly
 *   these allows it. A missing role or permission is final and outweighs missing scopes.
 * - Whoever has not signed in reaches public targets, and on a server that has any, its lists and protocol
 *   messages. A public rule frees nobody who has signed in from the endpoint's scopes.
 * - Resources are matched in every spelling of their URI ({@link uriSpellings}).
 * - An action on a kind of target it does not belong to, or an unknown action, is denied for good.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) with every problem of the options
 */
export function createRuleAuthorizer(options: RuleAuthorizerOptions = {}): RuleAuthorizer {
  const problems = findRuleProblems(options);
  if (problems.length > 0) throw new ConfigurationError(problems);
  // What was checked stays what is in force, whatever becomes of the object that was passed.
  const settings = structuredClone(options);
  const endpointScopes = Object.freeze([...new Set(settings.endpoint?.scopes)]);
  const rules: Rules = {
    tool: compileRules(settings.tools ?? {}, { endpointScopes }),
    prompt: compileRules(settings.prompts ?? {}, { endpointScopes }),
    resource: compileRules(settings.resources ?? {}, { endpointScopes, spellings: uriSpellings }),
  };
  const findRequirements = compileTargets(rules, endpointScopes);
  const holdings = compileHoldings(settings);
  return {
    decide: (request) => decide(request.principal, findRequirements(request), holdings),
    scopesSupported: (server) => scopesOf(settings, server),
    endpointScopes,
    allowsAnonymous: Object.values(rules).some((set) => set.hasPublic),
  };
}

type Rules = Readonly<Record<'tool' | 'prompt' | 'resource', RuleSet>>;

/** Which targets an action can have. */
const KINDS: ReadonlyMap<string, readonly Target['kind'][]> = new Map<
  AccessRequest['action'],
  Target['kind'][]
>([
  ['tools/call', ['tool']],
  ['tools/list', ['server']],
  ['resources/read', ['resource']],
  ['resources/subscribe', ['resource']],
  ['resources/list', ['server']],
  ['prompts/get', ['prompt']],
  ['prompts/list', ['server']],
  ['completion/complete', ['prompt', 'resource']],
  ['subscriptions/listen', ['server', 'resource']],
  ['protocol', ['server']],
  ['custom', ['server']],
]);

function compileTargets(
  rules: Rules,
  endpointScopes: readonly string[],
): (request: AccessRequest) => TargetRequirements | undefined {
  const nothing: Requirement = { allOf: [], anyOf: [] };
  const server = { scopes: { allOf: endpointScopes, anyOf: [] }, roles: nothing, permissions: nothing };
  const closedServer: TargetRequirements = Object.freeze({ ...server, isPublic: false });
  const openServer: TargetRequirements = Object.freeze({ ...server, isPublic: true });
  const sets = Object.values(rules);
  return ({ action, target }) => {
    if (KINDS.get(action)?.includes(target.kind) !== true) return undefined;
    if (target.kind !== 'server') return rules[target.kind].find(target.server, target.name);
    // A stream held open is not needed to use what is public.
    // Nor is what nobody here knows.
    if (action === 'subscriptions/listen' || action === 'custom') return closedServer;
    return sets.some((set) => set.hasPublicOn(target.server)) ? openServer : closedServer;
  };
}

const AUTHENTICATION_REQUIRED = Object.freeze(deny('authentication_required'));
const UNKNOWN_TARGET = Object.freeze(deny('unknown_target'));
const MISSING_ROLE = Object.freeze(deny('missing_role'));
const MISSING_PERMISSION = Object.freeze(deny('missing_permission'));

function decide(principal: Principal, wanted: TargetRequirements | undefined, holdings: Holdings): Decision {
  if (isAnonymous(principal)) return wanted?.isPublic === true ? ALLOW : AUTHENTICATION_REQUIRED;
  if (wanted === undefined) return UNKNOWN_TARGET;
  if (!isFulfilled(wanted.roles, principal, holdings.role)) return MISSING_ROLE;
  if (!isFulfilled(wanted.permissions, principal, holdings.permission)) return MISSING_PERMISSION;
  if (isFulfilled(wanted.scopes, principal, holdings.scope)) return ALLOW;
  const scopes = scopesToAskFor(wanted.scopes, principal, holdings.scope);
  return deny('insufficient_scope', { kind: 'scopes', scopes });
}

function isFulfilled(wanted: Requirement, principal: Principal, holds: Holds): boolean {
  return (
    wanted.allOf.every((name) => holds(principal, name)) &&
    wanted.anyOf.every((names) => names.some((name) => holds(principal, name)))
  );
}

/** All scopes of the operation, held or not; of alternatives, one that is asked for or held already, else the first. */
function scopesToAskFor(wanted: Requirement, principal: Principal, holds: Holds): readonly string[] {
  if (wanted.anyOf.length === 0) return wanted.allOf;
  const scopes = new Set(wanted.allOf);
  for (const alternatives of wanted.anyOf) {
    if (alternatives.some((name) => scopes.has(name))) continue;
    const chosen = alternatives.find((name) => holds(principal, name)) ?? alternatives[0];
    if (chosen !== undefined) scopes.add(chosen);
  }
  return [...scopes];
}

function scopesOf(options: RuleAuthorizerOptions, server: string): readonly string[] {
  const rules = [options.tools, options.resources, options.prompts].flatMap((table) =>
    Object.entries(table ?? {}),
  );
  const ofServer = rules.filter(([pattern]) => compileGlob(pattern.slice(0, pattern.indexOf('/')))(server));
  const wanted = ofServer.map(([, rule]) => toRequirement(rule.scopes));
  const scopes = [
    ...(options.endpoint?.scopes ?? []),
    ...wanted.flatMap(({ allOf, anyOf }) => [...allOf, ...anyOf.flat()]),
  ];
  return [...new Set(scopes)].sort();
}
