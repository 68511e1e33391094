import type { Authorizer } from '../authz/authorizer.ts';
import type { TargetDirectory } from '../authz/target-directory.ts';
import type { Action, Target } from '../core/access.ts';
import type { Access, Caller } from '../core/admission.ts';
import type { Decision, DenyReason, Remedy } from '../core/decision.ts';
import type { ErrorCode } from '../core/errors.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import { unknownTarget } from '../core/unknown-target.ts';
import type { Passage, Step, StepResult } from './passage.ts';

/**
 * Step 4: may they. Every access of the message must be allowed; the scopes that are missing
 * anywhere in it are asked for in one challenge. What does not exist is refused like what is hidden.
 */
export function authorize(authorizer: Authorizer, directory: TargetDirectory): Step<Passage> {
  return (passage) => {
    const { caller, facts } = passage;
    const [access, second] = facts.accesses;
    if (access === undefined || second !== undefined) return judgeAll({ authorizer, directory }, passage);
    // Nearly every message asks for one thing, and the answer is known at once.
    const found = judge({ authorizer, directory, caller, access });
    return isPending(found)
      ? found.then((refusal) => noteHidden(passage, access, refusal))
      : noteHidden(passage, access, found);
  };
}

async function judgeAll(
  judges: Pick<Question, 'authorizer' | 'directory'>,
  passage: Passage,
): Promise<StepResult> {
  const { caller, facts } = passage;
  let refusal: Refusal | undefined;
  for (const access of facts.accesses) {
    const found = noteHidden(passage, access, await judge({ caller, access, ...judges }));
    if (found === undefined) continue;
    if (found.remedy?.kind !== 'scopes') return found;
    refusal = refusal === undefined ? found : mergeScopes(refusal, found);
  }
  return refusal;
}

/** Which resources exist is for the server to say, and that comes after the upstream token. */
function noteHidden(passage: Passage, { target }: Access, found: StepResult): StepResult {
  if (found?.hidden !== true || target.kind !== 'resource') return found;
  passage.hidden = found;
  return undefined;
}

/** The end of step 4, where the server would have said that it does not know the resource. */
export const refuseHidden: Step<Passage> = ({ hidden }) => hidden;

interface Question {
  readonly authorizer: Authorizer;
  readonly directory: TargetDirectory;
  readonly caller: Caller;
  readonly access: Access;
}

function judge(question: Question): StepResult | Promise<StepResult> {
  const { authorizer, caller, access } = question;
  const { droppable: _, ...wanted } = access;
  const decision = authorizer.decide({ principal: caller.principal, context: caller.context, ...wanted });
  return isPending(decision)
    ? Promise.resolve(decision).then((decided) => judgeDecision(question, decided))
    : judgeDecision(question, decision);
}

function judgeDecision(question: Question, decision: Decision): StepResult | Promise<StepResult> {
  return decision.effect === 'allow' ? checkExists(question) : judgeDenied(question, decision);
}

async function judgeDenied(
  question: Question,
  decision: Extract<Decision, { effect: 'deny' }>,
): Promise<StepResult> {
  const { target, droppable } = question.access;
  if (decision.reason === 'authentication_required')
    return refuse('MISSING_CREDENTIALS', 'A credential is required');
  const isFinal = decision.remedy === undefined;
  if (isFinal && droppable === true) return undefined;
  const listing = await judgeListing(question);
  if (listing !== undefined) return mergeScopes(listing, refusalOf(decision));
  if (target.kind === 'server') return refusalOf(decision);
  if (isFinal) return unknownTarget(target, decision.reason);
  return (await checkExists(question)) ?? refusalOf(decision);
}

/** The directory is asked only for someone who may at least hope: nothing runs for the others. */
function checkExists({ directory, caller, access: { target } }: Question): StepResult | Promise<StepResult> {
  if (target.kind === 'server') return undefined;
  const unlessFound = (exists: boolean): StepResult =>
    exists ? undefined : unknownTarget(target, 'unknown_target');
  const exists = directory.has(caller, target);
  return isPending(exists) ? Promise.resolve(exists).then(unlessFound) : unlessFound(exists);
}

/** Of whichever kind: those who decide are not all ours. */
function isPending<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
}

const LISTS: Partial<Record<Target['kind'], Action>> = {
  tool: 'tools/list',
  prompt: 'prompts/list',
  resource: 'resources/list',
};

/** Whoever lacks the scopes to list names is asked for these first: no answer may tell which names there are. */
async function judgeListing({ authorizer, caller, access }: Question): Promise<StepResult> {
  const action = LISTS[access.target.kind];
  if (action === undefined) return undefined;
  const target: Target = { server: access.target.server, kind: 'server', name: '' };
  const decision = await authorizer.decide({
    action,
    target,
    principal: caller.principal,
    context: caller.context,
  });
  return decision.effect === 'deny' && decision.remedy?.kind === 'scopes' ? refusalOf(decision) : undefined;
}

const CODES: Partial<Record<DenyReason, ErrorCode>> = {
  insufficient_scope: 'INSUFFICIENT_SCOPE',
  unlinked_account: 'TOKEN_RESOLUTION_FAILED',
};

function refusalOf(decision: Extract<Decision, { effect: 'deny' }>): Refusal {
  const code = CODES[decision.reason] ?? 'ACCESS_DENIED';
  const message = code === 'INSUFFICIENT_SCOPE' ? 'More scope is needed for this operation' : 'Access denied';
  return refuse(code, message, { remedy: withoutOfflineAccess(decision.remedy), detail: decision.reason });
}

/** SEP-835: whether a client gets a refresh token is between it and the issuer; a resource server never asks for it. */
function withoutOfflineAccess(remedy: Remedy | undefined): Remedy | undefined {
  if (remedy?.kind !== 'scopes') return remedy;
  return { kind: 'scopes', scopes: remedy.scopes.filter((scope) => scope !== 'offline_access') };
}

function mergeScopes(first: Refusal, second: Refusal): Refusal {
  if (first.remedy?.kind !== 'scopes' || second.remedy?.kind !== 'scopes') return first;
  const scopes = [...new Set([...first.remedy.scopes, ...second.remedy.scopes])];
  return { ...first, remedy: { kind: 'scopes', scopes } };
}
