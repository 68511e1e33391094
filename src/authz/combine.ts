import type { AccessRequest } from '../core/access.ts';
import { ALLOW, type Decision } from '../core/decision.ts';
import { ConfigurationError } from '../core/errors.ts';
import { isAnonymous } from '../core/principal.ts';
import type { Authorizer } from './authorizer.ts';

/**
 * Allows what every authorizer allows. A final denial beats one with a remedy; scopes asked for by several
 * are asked for together, and of other remedies the first is offered. Someone who has not signed in is told
 * to do so if any authorizer says so. An authorizer that throws fails the whole decision.
 *
 * They are asked one after the other, in order, and no further once the answer is certain. The answer comes
 * at once unless one of them takes its time.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) when there is none: nobody would decide
 */
export function combineAuthorizers(authorizers: readonly Authorizer[]): Authorizer {
  const [first, ...others] = authorizers;
  if (first === undefined) throw new ConfigurationError('authorization: at least one authorizer is needed');
  if (others.length === 0) return first;
  const all = [first, ...others];
  return {
    decide: (request) => decideFrom({ authorizers: all, index: 0, denial: undefined }, request),
    scopesSupported: (server) => union(all.map((each) => each.scopesSupported?.(server))).sort(),
    endpointScopes: union(all.map((each) => each.endpointScopes)),
    allowsAnonymous: all.every((each) => each.allowsAnonymous === true),
  };
}

type Denial = Extract<Decision, { effect: 'deny' }>;

interface Progress {
  readonly authorizers: readonly Authorizer[];
  /** Whom to ask next. */
  readonly index: number;
  /** What those asked so far come to; undefined while all allow. */
  readonly denial: Denial | undefined;
}

function decideFrom(progress: Progress, request: AccessRequest): Decision | Promise<Decision> {
  let { denial } = progress;
  for (const [index, authorizer] of progress.authorizers.entries()) {
    if (index < progress.index) continue;
    if (denial !== undefined && isCertain(denial, request)) return denial;
    const answer = authorizer.decide(request);
    if (isPending(answer)) {
      const before = denial;
      return Promise.resolve(answer).then((decision) =>
        decideFrom({ ...progress, index: index + 1, denial: merge(before, decision) }, request),
      );
    }
    denial = merge(denial, answer);
  }
  return denial ?? ALLOW;
}

// Anything with `then`, not promises alone: a thenable taken for a decision would hide those after it.
function isPending(answer: Decision | Promise<Decision>): answer is Promise<Decision> {
  return 'then' in answer && typeof answer.then === 'function';
}

function isCertain(denial: Denial, request: AccessRequest): boolean {
  if (denial.reason === 'authentication_required') return true;
  // Another may still know that signing in is what is missing.
  return denial.remedy === undefined && !isAnonymous(request.principal);
}

function merge(before: Denial | undefined, next: Decision): Denial | undefined {
  if (next.effect === 'allow') return before;
  if (before === undefined || next.reason === 'authentication_required') return next;
  if (before.remedy === undefined) return before;
  if (next.remedy === undefined) return next;
  if (before.remedy.kind !== 'scopes' || next.remedy.kind !== 'scopes') return before;
  return { ...before, remedy: { kind: 'scopes', scopes: union([before.remedy.scopes, next.remedy.scopes]) } };
}

function union(lists: readonly (readonly string[] | undefined)[]): string[] {
  return [...new Set(lists.flatMap((list) => list ?? []))];
}
