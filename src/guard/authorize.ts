import type { Access, Caller } from '../core/admission.ts';
import type { Decision, DenyReason } from '../core/decision.ts';
import type { ErrorCode } from '../core/errors.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import { unknownTarget } from '../core/unknown-target.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { TargetDirectory } from '../authz/target-directory.ts';
import type { Passage, Step, StepResult } from './passage.ts';

/**
 * Step 4: may they. Every access of the message must be allowed; the scopes that are missing
 * anywhere in it are asked for in one challenge. What does not exist is refused like what is hidden.
 */
export function authorize(authorizer: Authorizer, directory: TargetDirectory): Step<Passage> {
  return async ({ caller, facts }) => {
    let refusal: Refusal | undefined;
    for (const access of facts.accesses) {
      const found = await judge({ authorizer, directory, caller, access });
      if (found === undefined) continue;
      if (found.remedy?.kind !== 'scopes') return found;
      refusal = refusal === undefined ? found : mergeScopes(refusal, found);
    }
    return refusal;
  };
}

interface Question {
  readonly authorizer: Authorizer;
  readonly directory: TargetDirectory;
  readonly caller: Caller;
  readonly access: Access;
}

async function judge({ authorizer, directory, caller, access }: Question): Promise<StepResult> {
  const { droppable, ...wanted } = access;
  const decision = await authorizer.decide({ ...wanted, principal: caller.principal, context: caller.context });
  if (decision.effect === 'deny' && decision.reason === 'authentication_required') {
    return refuse('MISSING_CREDENTIALS', 'A credential is required');
  }
  // The directory is asked only for someone who may at least hope: nothing runs for the others.
  const final = decision.effect === 'deny' && decision.remedy === undefined;
  if (final && droppable === true) return undefined;
  if (access.target.kind !== 'server' && (final || !(await directory.has(caller, access.target)))) {
    return unknownTarget(access.target, final ? decision.reason : 'unknown_target');
  }
  return decision.effect === 'allow' ? undefined : refusalOf(decision);
}

const CODES: Partial<Record<DenyReason, ErrorCode>> = {
  insufficient_scope: 'INSUFFICIENT_SCOPE',
  unlinked_account: 'TOKEN_RESOLUTION_FAILED',
};

function refusalOf(decision: Extract<Decision, { effect: 'deny' }>): Refusal {
  const code = CODES[decision.reason] ?? 'ACCESS_DENIED';
  const message = code === 'INSUFFICIENT_SCOPE' ? 'More scope is needed for this operation' : 'Access denied';
  return refuse(code, message, { remedy: decision.remedy, detail: decision.reason });
}

function mergeScopes(first: Refusal, second: Refusal): Refusal {
  if (first.remedy?.kind !== 'scopes' || second.remedy?.kind !== 'scopes') return first;
  const scopes = [...new Set([...first.remedy.scopes, ...second.remedy.scopes])];
  return { ...first, remedy: { kind: 'scopes', scopes } };
}
