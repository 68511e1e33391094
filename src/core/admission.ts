import type { AccessRequest } from './access.ts';
import type { Principal } from './principal.ts';
import type { RequestContext } from './request-context.ts';

/** Someone the guard knows: the result of its first steps, from headers alone. */
export interface Caller {
  readonly principal: Principal;
  readonly context: RequestContext;
  /** Whether a token or key was presented (false for the anonymous principal). */
  readonly authenticated: boolean;
}

/** A JSON-RPC request as the guard sees it: enough to decide, nothing of the transport. */
export interface MessageFacts {
  /** JSON-RPC id; absent for notifications. */
  readonly id?: string | number | undefined;
  readonly method: string;
  readonly accesses: readonly Omit<AccessRequest, 'principal'>[];
  /** Whether an upstream credential is needed to answer it, or merely welcome. */
  readonly credential: 'required' | 'optional' | 'none';
  /** Parsed `traceparent` source, from `_meta` (SEP-414). */
  readonly traceparent?: string | undefined;
}

/**
 * The guard's yes to one JSON-RPC message. Issued once, verified by the guarding transport, ended by
 * `settle`, which writes the audit event: limits, audit and proofs count once however many layers look.
 */
export interface Admission {
  readonly facts: MessageFacts;
  readonly caller: Caller;
  settle(outcome: Outcome): void;
}

export interface Outcome {
  readonly ok: boolean;
  /** JSON-RPC error code, or `tool_error` for a result with isError. */
  readonly error?: number | 'tool_error' | 'aborted' | undefined;
}
