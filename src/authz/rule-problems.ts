import { hasWildcard } from './scopes.ts';
import type { RuleAuthorizerOptions } from './tool-rules.ts';

/** Finds everything wrong with the options, each with its path. What came from plain JavaScript is checked too. */
export function findRuleProblems(options: RuleAuthorizerOptions): readonly string[] {
  const problems: string[] = [];
  const at = (path: string): Place => ({
    path,
    report: (text) => problems.push(`${path}: ${text}`),
    in: (key) => at(`${path}${key}`),
  });
  const root = at('authorization');
  if (!isRecord(options, root)) return problems;
  // A misspelt key would be a rule that is not there.
  findUnknownKeys(options, ['endpoint', 'hierarchy', 'roles', ...TABLES], root);
  findEndpointProblems(options['endpoint'], root.in('.endpoint'));
  findHierarchyProblems(options['hierarchy'], root.in('.hierarchy'));
  findRoleProblems(options['roles'], root.in('.roles'));
  for (const table of TABLES) findTableProblems(options[table], root.in(`.${table}`));
  return problems;
}

const TABLES = ['tools', 'resources', 'prompts'] as const;

interface Place {
  readonly path: string;
  report(text: string): void;
  in(key: string): Place;
}

type Fields = Readonly<Record<string, unknown>>;

function findEndpointProblems(endpoint: unknown, place: Place): void {
  if (endpoint === undefined || !isRecord(endpoint, place)) return;
  findUnknownKeys(endpoint, ['scopes'], place);
  findScopeProblems(endpoint['scopes'], 'wanted', place.in('.scopes'));
  findEmptyDemand(endpoint['scopes'], place.in('.scopes'));
}

function findHierarchyProblems(hierarchy: unknown, place: Place): void {
  if (hierarchy === undefined || !isRecord(hierarchy, place)) return;
  for (const [scope, included] of Object.entries(hierarchy)) {
    findScopeProblem(scope, 'granted', place);
    findScopeProblems(included, 'granted', place.in(quote(scope)));
  }
}

function findRoleProblems(roles: unknown, place: Place): void {
  if (roles === undefined || !isRecord(roles, place)) return;
  for (const [name, role] of Object.entries(roles)) {
    const here = place.in(quote(name));
    if (!VISIBLE.test(name)) here.report(INVISIBLE);
    if (!isRecord(role, here)) continue;
    findUnknownKeys(role, ['inherits', 'scopes', 'permissions'], here);
    if (role['inherits'] !== undefined && isNameList(role['inherits'], here.in('.inherits'))) {
      const unknown = role['inherits'].filter((parent) => !Object.hasOwn(roles, parent));
      for (const parent of unknown) here.in('.inherits').report(`there is no role ${shown(parent)}`);
    }
    if (role['scopes'] !== undefined) findScopeProblems(role['scopes'], 'granted', here.in('.scopes'));
    if (role['permissions'] !== undefined) isNameList(role['permissions'], here.in('.permissions'));
  }
}

function findTableProblems(table: unknown, place: Place): void {
  if (table === undefined || !isRecord(table, place)) return;
  for (const [pattern, rule] of Object.entries(table)) {
    const here = place.in(quote(pattern));
    const slash = pattern.indexOf('/');
    if (slash < 1 || slash === pattern.length - 1) {
      here.report('the pattern must read <server>/<name>, for example "files/*"');
    }
    if (!VISIBLE.test(pattern)) here.report(INVISIBLE);
    if (isRecord(rule, here)) findProblemsOfRule(rule, here);
  }
}

const STATEMENTS: readonly string[] = ['scopes', 'roles', 'permissions', 'access'];

function isStatement(key: string): boolean {
  return STATEMENTS.includes(key);
}

function findProblemsOfRule(rule: Fields, place: Place): void {
  findUnknownKeys(rule, STATEMENTS, place);
  if (Object.keys(rule).every(isStatement) && STATEMENTS.every((key) => rule[key] === undefined)) {
    place.report(`states nothing: give one of ${STATEMENTS.join(', ')}`);
  }
  findDemandProblems(rule['scopes'], place.in('.scopes'), (list, here) =>
    findScopeProblems(list, 'wanted', here),
  );
  findDemandProblems(rule['roles'], place.in('.roles'), isNameList);
  findDemandProblems(rule['permissions'], place.in('.permissions'), findPermissionProblems);
  const access = rule['access'];
  if (access !== undefined && access !== 'required' && access !== 'public') {
    place.in('.access').report('must be "required" or "public"');
  }
  if (access === 'public' && [rule['scopes'], rule['roles'], rule['permissions']].some(demandsSomething)) {
    place.report('a public rule cannot demand scopes, roles or permissions: nobody has signed in');
  }
}

function findDemandProblems(
  demand: unknown,
  place: Place,
  findListProblems: (list: unknown, place: Place) => void,
): void {
  if (demand === undefined) return;
  if (Array.isArray(demand)) {
    findListProblems(demand, place);
    return findEmptyDemand(demand, place);
  }
  if (!isRecord(demand, place)) return;
  findUnknownKeys(demand, ['allOf', 'anyOf'], place);
  const { allOf, anyOf } = demand;
  if (allOf === undefined && anyOf === undefined) place.report('needs allOf or anyOf');
  if (allOf !== undefined) {
    findListProblems(allOf, place.in('.allOf'));
    findEmptyDemand(allOf, place.in('.allOf'));
  }
  if (anyOf === undefined) return;
  findListProblems(anyOf, place.in('.anyOf'));
  if (Array.isArray(anyOf) && anyOf.length === 0)
    place.in('.anyOf').report('is empty, so nobody could fulfil it');
}

// What was meant to be demanded got lost on the way here; the target would stand open.
function findEmptyDemand(list: unknown, place: Place): void {
  if (Array.isArray(list) && list.length === 0) place.report('is empty, so it would demand nothing');
}

function demandsSomething(demand: unknown): boolean {
  if (Array.isArray(demand)) return demand.length > 0;
  if (typeof demand !== 'object' || demand === null) return false;
  return Object.values(demand).some(demandsSomething);
}

type ScopeUse = 'granted' | 'wanted';

function findScopeProblems(scopes: unknown, use: ScopeUse, place: Place): void {
  if (!isNameList(scopes, place)) return;
  for (const scope of scopes) findScopeProblem(scope, use, place);
}

// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const SCOPE_TOKEN = /^[\u0021\u0023-\u005b\u005d-\u007e]+$/;

function findScopeProblem(scope: string, use: ScopeUse, place: Place): void {
  if (!SCOPE_TOKEN.test(scope)) place.report(`${shown(scope)} is not a scope (RFC 6749 §3.3)`);
  else if (scope === 'offline_access') {
    place.report('offline_access asks for a refresh token and says nothing about what is allowed');
  } else if (use === 'wanted' && hasWildcard(scope)) {
    place.report(`${shown(scope)} holds a wildcard: wildcards may be granted, not demanded`);
  }
}

function findPermissionProblems(permissions: unknown, place: Place): void {
  if (!isNameList(permissions, place)) return;
  for (const permission of permissions.filter(hasWildcard)) {
    place.report(`${shown(permission)} holds a wildcard: wildcards may be granted, not demanded`);
  }
}

function isNameList(value: unknown, place: Place): value is readonly string[] {
  const isList =
    Array.isArray(value) && value.every((item) => typeof item === 'string' && item.trim() !== '');
  if (!isList) place.report('must be a list of names');
  return isList;
}

function isRecord(value: unknown, place: Place): value is Fields {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  // What a Map or an instance of a class holds is not among its own keys: it would be read as nothing.
  const isPlain = isObject && isPlainPrototype(Object.getPrototypeOf(value));
  if (!isPlain) place.report(isObject ? 'must be a plain object' : 'must be an object');
  return isPlain;
}

/** None, or the one of object literals, of this realm or another. */
function isPlainPrototype(prototype: unknown): boolean {
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What can be told from another name by eye; a blank too many would make a rule for something else. */
const VISIBLE = /^[^\s\p{Cc}\p{Cf}]*$/u;
const INVISIBLE = 'must not contain blanks or control characters';

function findUnknownKeys(value: Fields, known: readonly string[], place: Place): void {
  for (const key of Object.keys(value).filter((each) => !known.includes(each))) {
    place.report(`unknown key ${shown(key)}; known are ${known.join(', ')}`);
  }
}

function quote(key: string): string {
  return `[${shown(key)}]`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 61)}...` : text);
}
