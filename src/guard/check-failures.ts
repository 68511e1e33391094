import type { AuthProvider } from '../authn/auth-provider.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import type { FailureLimit } from '../limits/call-limits.ts';
import type { Arrival, Step } from './passage.ts';

/** Guards the way to the provider by client address. */
export interface FailureCheck {
  readonly enter: Step<Arrival>;
  /** To be called when the provider has answered. */
  leave(arrival: Arrival): void;
}

// Guesses sent all at once would otherwise be checked before the first of them has failed.
const MAX_CHECKED_AT_ONCE = 64;

/**
 * Step 0: an address that failed too often waits, and so does one with too many credentials under check,
 * unless it shows one that is already verified: a flood from behind a shared address must not lock its
 * good callers out.
 */
export function checkFailures(failures: FailureLimit, provider: AuthProvider): FailureCheck {
  const checking = new Map<string, number>();
  const entered = new WeakSet<Arrival>();

  return {
    enter(arrival) {
      const { context } = arrival;
      const address = context.remoteAddress;
      if (address === undefined) return undefined;
      const limit = failures.isBlocked(address);
      if (!limit.allowed && provider.isKnown?.(context) !== true) return tooMany(limit.retryAfterSeconds);
      if (!limit.allowed || context.credential === undefined) return undefined;
      const count = checking.get(address) ?? 0;
      if (count >= MAX_CHECKED_AT_ONCE) return provider.isKnown?.(context) === true ? undefined : tooMany(1);
      checking.set(address, count + 1);
      entered.add(arrival);
      return undefined;
    },
    leave(arrival) {
      const address = arrival.context.remoteAddress;
      if (address === undefined || !entered.delete(arrival)) return;
      const count = (checking.get(address) ?? 1) - 1;
      if (count > 0) checking.set(address, count);
      else checking.delete(address);
    },
  };
}

function tooMany(retryAfterSeconds: number): Refusal {
  return refuse('RATE_LIMIT_EXCEEDED', 'Too many failed attempts; try again later', {
    retryAfterSeconds,
    detail: 'failure limit of the address',
  });
}
