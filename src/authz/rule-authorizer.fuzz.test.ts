import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isReachable } from '../core/decision.ts';
import { createPrincipal, type PrincipalInit } from '../core/principal.ts';
import { createRuleAuthorizer } from './rule-authorizer.ts';
import type { Demand, Rule, RuleAuthorizerOptions } from './tool-rules.ts';

const SCOPES = ['a', 'b', 'c', 'x:1', 'x:2'];
const some = (names: readonly string[], maxLength = 2, minLength = 0) =>
  fc.uniqueArray(fc.constantFrom(...names), { minLength, maxLength });
const one = (names: readonly string[]) => fc.constantFrom(...names).map((name) => [name]);

const demandOf = (names: readonly string[]): fc.Arbitrary<Demand | undefined> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: some(names, 2, 1) },
    { weight: 1, arbitrary: fc.record({ anyOf: one(names) }) },
    {
      weight: 1,
      arbitrary: fc.record({ allOf: some(names, 2, 1), anyOf: fc.constant([...names].slice(0, 2)) }),
    },
  );

const rule: fc.Arbitrary<Rule> = fc
  .record({
    scopes: fc.oneof({ weight: 1, arbitrary: demandOf(SCOPES) }, { weight: 1, arbitrary: one(SCOPES) }),
    roles: demandOf(['r', 's']),
    permissions: demandOf(['p:1', 'p:2']),
  })
  // Said of every rule, it changes nothing; a rule must say something.
  .map((demands) => ({ ...demands, access: 'required' as const }));
const patterns = ['files/read', 'files/*', '*/read', 'files/write', 'mail/*'];
const options: fc.Arbitrary<RuleAuthorizerOptions> = fc.record({
  endpoint: fc.option(fc.record({ scopes: one(SCOPES) }), { nil: undefined, freq: 1 }),
  hierarchy: fc.dictionary(fc.constantFrom(...SCOPES, 'x:*', '*'), some([...SCOPES, 'x:*']), { maxKeys: 2 }),
  roles: fc.constantFrom(
    {},
    { r: { inherits: ['s'], scopes: ['a'] }, s: { inherits: ['r'], permissions: ['p:*'] } },
  ),
  tools: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...patterns), rule), { maxLength: 3, selector: ([key]) => key })
    .map((entries) => Object.fromEntries(entries)),
});
const holder: fc.Arbitrary<Partial<PrincipalInit>> = fc.record({
  scopes: some([...SCOPES, 'x:*', '*', 'a*'], 4),
  roles: some(['r', 's', 't'], 3),
  permissions: some(['p:1', 'p:2', 'p:*', '*'], 3),
});

const TARGET = { server: 'files', kind: 'tool', name: 'read' } as const;
const principalOf = (init: Partial<PrincipalInit>) =>
  createPrincipal({ issuer: 'https://issuer.example.com', subject: 'ann', ...init });

describe('createRuleAuthorizer, for any rules and any principal', () => {
  it('[resource-server/15] hidden is never callable, allowed is listed, and the scopes asked for suffice', () => {
    const counts = { hidden: 0, allowed: 0, remediable: 0 };
    const runs = 3000;
    fc.assert(
      fc.property(options, holder, (given, init) => {
        const authorizer = createRuleAuthorizer(given);
        const decide = (who: Partial<PrincipalInit>, args?: unknown) =>
          authorizer.decide({
            principal: principalOf(who),
            action: 'tools/call',
            target: TARGET,
            arguments: args,
          });
        const listing = decide(init);
        const calling = decide(init, { path: '/' });
        if (!isReachable(listing)) {
          counts.hidden += 1;
          expect(calling.effect).toBe('deny');
          // No scope mends it.
          expect(decide({ ...init, scopes: [...SCOPES, 'x:*', '*:*'] }).effect).toBe('deny');
        } else if (calling.effect === 'allow') {
          counts.allowed += 1;
          expect(listing.effect).toBe('allow');
        } else {
          counts.remediable += 1;
          if (calling.remedy?.kind !== 'scopes') return expect.fail('a reachable denial names scopes');
          expect(calling.reason).toBe('insufficient_scope');
          expect(decide({ ...init, scopes: calling.remedy.scopes }).effect).toBe('allow');
          expect(calling.remedy.scopes).toEqual(expect.arrayContaining([...authorizer.endpointScopes]));
          for (const scope of calling.remedy.scopes)
            expect(authorizer.scopesSupported(TARGET.server)).toContain(scope);
        }
      }),
      { numRuns: runs },
    );
    for (const count of Object.values(counts)) expect(count / runs).toBeGreaterThanOrEqual(0.15);
  });

  it('[config/authorization] more rules never allow more, and more holdings never allow less', () => {
    const counts = { allowed: 0, denied: 0 };
    fc.assert(
      fc.property(options, holder, holder, (given, init, more) => {
        const decide = (rules: RuleAuthorizerOptions, who: Partial<PrincipalInit>) =>
          createRuleAuthorizer(rules).decide({
            principal: principalOf(who),
            action: 'tools/call',
            target: TARGET,
          }).effect;
        const before = decide(given, init);
        counts[before === 'allow' ? 'allowed' : 'denied'] += 1;
        if (before === 'allow') {
          const richer = {
            scopes: [...(init.scopes ?? []), ...(more.scopes ?? [])],
            roles: [...(init.roles ?? []), ...(more.roles ?? [])],
            permissions: [...(init.permissions ?? []), ...(more.permissions ?? [])],
          };
          expect(decide(given, richer)).toBe('allow');
        } else {
          const stricter = { ...given, tools: { ...given.tools, 'f*/r*d': { roles: ['r'] } } };
          expect(decide(stricter, init)).toBe('deny');
        }
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(counts.allowed, counts.denied) / 2000).toBeGreaterThanOrEqual(0.15);
  });

  it('[config/authorization] agrees with a plain reading of the rules', () => {
    const counts = { allow: 0, deny: 0 };
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 3 }), holder, (rules, init) => {
        const tools = Object.fromEntries(
          rules.map((each, index) => [`files/read${'*'.repeat(index)}`, each]),
        );
        const expected = rules.every((each) => readsAsAllowed(each, init)) ? 'allow' : 'deny';
        counts[expected] += 1;
        const request = { principal: principalOf(init), action: 'tools/call', target: TARGET } as const;
        expect(createRuleAuthorizer({ tools }).decide(request).effect).toBe(expected);
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(counts.allow, counts.deny) / 2000).toBeGreaterThanOrEqual(0.15);
  });
});

function readsAsAllowed(declared: Rule, held: Partial<PrincipalInit>): boolean {
  const bySegment =
    (grants: readonly string[] = []) =>
    (name: string) =>
      grants.some((grant) => grant === name || (grant === `${name.split(':')[0]}:*` && name.includes(':')));
  const byName =
    (names: readonly string[] = []) =>
    (name: string) =>
      names.includes(name);
  const holds = (demand: Demand | undefined, has: (name: string) => boolean) => {
    if (demand === undefined) return true;
    if ('length' in demand) return demand.every(has);
    return (demand.allOf ?? []).every(has) && (demand.anyOf === undefined || demand.anyOf.some(has));
  };
  return (
    holds(declared.scopes, bySegment(held.scopes)) &&
    holds(declared.roles, byName(held.roles)) &&
    holds(declared.permissions, bySegment(held.permissions))
  );
}
