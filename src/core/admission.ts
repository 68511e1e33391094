import type { AccessRequest } from './access.ts';
import type { Principal } from './principal.ts';
import type { RequestContext } from './request-context.ts';
import type { Secret } from './secret.ts';

/** Someone the guard knows: the result of its first steps, from headers alone. */
export interface Caller {
  readonly principal: Principal;
  readonly context: RequestContext;
  /** Whether a token or key was presented (false for the anonymous principal). */
  readonly authenticated: boolean;
}

/** One thing that a message asks for. */
export interface Access extends Omit<AccessRequest, 'principal' | 'context'> {
  /** A final denial drops this part of the message instead of refusing the whole. */
  readonly droppable?: boolean;
}

/** A JSON-RPC request as the guard sees it: enough to decide, nothing of the transport. */
export interface MessageFacts {
  /** JSON-RPC id; absent for notifications. */
  readonly id?: string | number | undefined;
  readonly method: string;
  readonly accesses: readonly Access[];
  /** Whether an upstream credential is needed to answer it, or merely welcome. */
  readonly credential: 'required' | 'optional' | 'none';
  /** What is wrong with the message itself, when something is; it is refused. */
  readonly problem?: string | undefined;
  /** Names the progress of this request to its sender; unique for nobody else. */
  readonly progressToken?: string | number | undefined;
  /** W3C trace context of the caller, from `_meta` (SEP-414) or the HTTP header. */
  readonly traceparent?: string | undefined;
}

/**
 * The guard's yes to one JSON-RPC message. Issued once, verified by the guarding transport, ended by
 * `settle`, which writes the audit event: limits, audit and proofs count once however many layers look.
 */
export interface Admission {
  readonly facts: MessageFacts;
  readonly caller: Caller;
  /** The upstream token; empty when none is needed or the account is not linked. */
  readonly upstreamToken: Secret;
  /**
   * Resolves at once, or when the event is durable where the audit demands it before the answer. Only the first
   * outcome counts; while it is being written, a later call waits for it too.
   */
  settle(outcome: Outcome): void | Promise<void>;
}

export interface Outcome {
  readonly ok: boolean;
  /** JSON-RPC error code, `tool_error` for a result with isError, `not_run` for what no server saw. */
  readonly error?: number | 'tool_error' | 'aborted' | 'not_run' | undefined;
}
