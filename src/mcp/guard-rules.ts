import type { Admission } from '../core/admission.ts';
import type { Verdict } from './exchange.ts';
import type { Viewer } from './list-filter.ts';
import type { ProgressMonitor } from './progress.ts';
import type { JsonRpcNotification, JsonRpcRequest } from './server-product.ts';

/** What a guarded transport goes by. It is the same for many connections, and made once for them. */
export interface GuardRules {
  readonly progress: ProgressMonitor;
  readonly userIdOf: (admission: Admission) => string;
  /** The admission that came with the message, or the guard itself where none can (stdio). */
  readonly verdict: (request: JsonRpcRequest, extra: unknown) => Verdict | Promise<Verdict>;
  /** Narrows an admitted request to what of it is allowed. */
  readonly rewrite?: ((request: JsonRpcRequest) => Promise<JsonRpcRequest>) | undefined;
  /** Whether whoever passes the answer on holds it back until its record is written. */
  readonly isAnswerHeld?: boolean | undefined;
  /** Whether each request of the client has a stream, on which its client sees what belongs to it. */
  readonly hasStreamPerRequest?: boolean | undefined;
  /** Least time between the last progress of a call and its result. */
  readonly resultGapMs?: number | undefined;
  /** Longest that one request may run, not counting while its client is asked. */
  readonly timeoutMs?: number | undefined;
  /** Told of what should not happen; what it concerns is refused. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Change notifications of the server, for subscribers elsewhere. */
  readonly onChange?: ((notification: JsonRpcNotification, viewer: Viewer) => void) | undefined;
}
