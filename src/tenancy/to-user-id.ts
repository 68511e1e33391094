import type { Principal } from '../core/principal.ts';

/** What token resolvers and server factories get as the user's id. */
export type ToUserId = (principal: Principal) => string;

/** The subject alone: unique only where there is one issuer whose subjects are unique over its tenants. */
export const subjectAsUserId: ToUserId = (principal) => principal.subject;

/** Unambiguous over issuer, tenant and subject: a JSON text, so nothing to show to people. */
export const keyAsUserId: ToUserId = (principal) => principal.key;

/** Where the users of a configuration come from. */
export interface UserSources {
  /** Every issuer whose users are let in. */
  readonly issuers: readonly string[];
  readonly hasTenants: boolean;
  readonly toUserId?: unknown;
}

/**
 * What is wrong with passing bare user ids on in this configuration, or undefined. With several issuers
 * or tenants two people can have one subject, and one would get the other's credentials: how ids are
 * told apart must then be chosen, even when the choice is the subject.
 */
export function findUserIdProblem({ issuers, hasTenants, toUserId }: UserSources): string | undefined {
  if (toUserId !== undefined) return undefined;
  const several = [
    ...(new Set(issuers).size > 1 ? ['several issuers'] : []),
    ...(hasTenants ? ['tenants'] : []),
  ];
  if (several.length === 0) return undefined;
  return (
    `toUserId is needed, as there are ${several.join(' and ')} and two users may share a subject: ` +
    'set it to "key" (issuer, tenant and subject), or to "subject" if no two users share one'
  );
}
