import * as z from 'zod';
import type { Authorizer } from '../authz/authorizer.ts';
import { hasMethod } from './snapshot.ts';
import { findNameProblem, findScopeProblem } from './values.ts';
import { checkedText, choice, formedText, strict, texts } from './zod-parts.ts';

const scope = checkedText(findScopeProblem);
const demandedScope = checkedText((value) => findScopeProblem(value) ?? findWildcardProblem(value));
const roleName = checkedText(findNameProblem);
const demandedPermission = checkedText(findWildcardProblem);

function demand(entry: z.ZodString) {
  const some = texts(entry).min(1);
  const either = strict({ allOf: some.optional(), anyOf: some.optional() })
    .refine(({ allOf, anyOf }) => (allOf ?? anyOf) !== undefined, 'needs allOf or anyOf')
    .meta({ minProperties: 1 });
  return z.union([some, either], { error: 'must be a list, or an object with allOf or anyOf' });
}

/** `<server>/<pattern>` */
export const ruleKey = formedText(
  /^[a-z0-9*][a-z0-9_*-]{0,62}\/[^\s\p{Cc}]+$/u,
  'must be written <server>/<pattern>, without blanks, for example files/delete_*',
);

const rule = strict(
  {
    scopes: demand(demandedScope).optional(),
    roles: demand(roleName).optional(),
    permissions: demand(demandedPermission).optional(),
    // No default: `required` also closes what another rule opens.
    access: choice(['required', 'public'], ['app']).optional(),
  },
  { later: ['acr', 'maxAge', 'approval'] },
)
  .check((context) => {
    const { access, scopes, roles, permissions } = context.value;
    // A misspelt key has been told of already.
    if (context.issues.length === 0 && (access ?? scopes ?? roles ?? permissions) === undefined) {
      const message = 'states nothing: give one of scopes, roles, permissions and access';
      context.issues.push({ code: 'custom', message, input: undefined });
    }
    if (access === 'public' && (scopes ?? roles ?? permissions) !== undefined) {
      const message =
        'must not be `public` beside scopes, roles or permissions, which nobody has before signing in';
      context.issues.push({ code: 'custom', message, path: ['access'], input: undefined });
    }
  })
  .meta({ minProperties: 1 });

const rules = z
  .record(ruleKey, rule)
  .default({})
  .describe('By <server>/<pattern>; every rule that matches must hold.');

const role = strict({
  inherits: texts(roleName).optional(),
  scopes: texts(scope).optional(),
  permissions: texts().optional(),
});

/** `authorization` as a file may write it. */
export const authorizationSchema = strict(
  {
    endpoint: strict({ scopes: texts(demandedScope).min(1) })
      .optional()
      .describe('Demanded of every call.'),
    hierarchy: z.record(scope, texts(scope)).default({}).describe('Scope → the scopes it includes.'),
    roles: z.record(roleName, role).default({}).describe('What each role grants.'),
    tools: rules,
    resources: rules,
    prompts: rules,
  },
  { later: ['policies'] },
).check((context) => {
  for (const [name, message] of findRoleProblems(context.value.roles)) {
    context.issues.push({ code: 'custom', message, path: ['roles', name, 'inherits'], input: undefined });
  }
});

export type Authorization = z.output<typeof authorizationSchema>;

export function isAuthorizer(value: unknown): value is Authorizer {
  return hasMethod(value, 'decide');
}

function findRoleProblems(roles: Authorization['roles']): readonly (readonly [string, string])[] {
  const problems: (readonly [string, string])[] = [];
  for (const [name, { inherits = [] }] of Object.entries(roles)) {
    const unknown = inherits.filter((parent) => !Object.hasOwn(roles, parent));
    if (unknown.length > 0) problems.push([name, `names roles that are not defined: ${unknown.join(', ')}`]);
  }
  return problems;
}

function findWildcardProblem(value: string): string | undefined {
  const isWildcard = value.split(':').includes('*');
  return isWildcard ? 'must not hold a wildcard: wildcards may be granted, not demanded' : undefined;
}
