import type { AccessRequest } from '../core/access.ts';
import type { LimitResult } from './rate-limiter.ts';

export interface LimitSubject {
  readonly principal: AccessRequest['principal'];
  /** `<server>/<tool>` for tool calls; absent for everything else. */
  readonly tool?: string | undefined;
}

/** All limits on calls as one question; takes from every limit or, when one refuses, from none. */
export interface CallLimits {
  consume(subject: LimitSubject): LimitResult | Promise<LimitResult>;
}

/** Failed authentications by client address. */
export interface FailureLimit {
  /** Under what an address is counted: one key for all that one subscriber owns. */
  keyOf(remoteAddress: string): string;
  /** Whether this address has used up its failures. */
  isBlocked(remoteAddress: string): LimitResult;
  record(remoteAddress: string): void;
}
