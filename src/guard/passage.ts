import type { Caller, MessageFacts } from '../core/admission.ts';
import type { Principal } from '../core/principal.ts';
import type { Refusal } from '../core/refusal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { Secret } from '../core/secret.ts';

/** A request on its way through the first steps; each step may add what it found. */
export interface Arrival {
  readonly context: RequestContext;
  principal?: Principal;
  authenticated: boolean;
}

/** One message on its way through the later steps. */
export interface Passage {
  readonly caller: Caller;
  readonly facts: MessageFacts;
  upstreamToken?: Secret;
  /** What refuses a resource that must look unknown, once the steps that an unknown one passes are through. */
  hidden?: Refusal;
}

export type StepResult = Refusal | undefined;

/** Passes (undefined) or refuses. Returns a promise only when it has to wait, so that the warm path stays synchronous. */
export type Step<State> = (state: State) => StepResult | Promise<StepResult>;

/** Runs steps in order until one refuses. A step that throws is a refusal by its caller: nothing passes by accident. */
export function runSteps<State>(
  steps: readonly Step<State>[],
  state: State,
): StepResult | Promise<StepResult> {
  for (let index = 0; index < steps.length; index++) {
    const result = steps[index]?.(state);
    if (result instanceof Promise) return continueAfter(result, steps.slice(index + 1), state);
    if (result !== undefined) return result;
  }
  return undefined;
}

async function continueAfter<State>(
  pending: Promise<StepResult>,
  rest: readonly Step<State>[],
  state: State,
): Promise<StepResult> {
  return (await pending) ?? runSteps(rest, state);
}
