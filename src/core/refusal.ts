import type { Remedy } from './decision.ts';
import type { ErrorCode } from './errors.ts';

/**
 * A request that goes no further, as data. `http/challenge.ts` and `mcp/refusal-message.ts` are the
 * only places that put one on the wire.
 */
export interface Refusal {
  readonly refused: true;
  readonly code: ErrorCode;
  /** May be shown to the caller: no secret, no inner reason. */
  readonly message: string;
  readonly remedy?: Remedy | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** Set when the target must look as if it did not exist. */
  readonly hidden?: boolean | undefined;
  /** For the audit log and traces only. */
  readonly detail?: string | undefined;
}

export function refuse(
  code: ErrorCode,
  message: string,
  more: Omit<Refusal, 'refused' | 'code' | 'message'> = {},
): Refusal {
  return { refused: true, code, message, ...more };
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value && value.refused === true;
}
