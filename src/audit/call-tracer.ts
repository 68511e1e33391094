import type { Caller, MessageFacts, Outcome } from '../core/admission.ts';
import type { Refusal } from '../core/refusal.ts';

export interface CallSpan {
  readonly traceId?: string | undefined;
  end(outcome: Outcome | Refusal): void;
}

/** Opens a span for one admitted or refused message. */
export interface CallTracer {
  start(caller: Caller, facts: MessageFacts): CallSpan;
}
