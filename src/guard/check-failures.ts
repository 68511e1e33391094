import type { AuthProvider } from '../authn/auth-provider.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import type { FailureLimit } from '../limits/call-limits.ts';
import type { Arrival, Step } from './passage.ts';
import { createWaitingRoom } from './waiting-room.ts';

/** Guards the way to the provider by client address. */
export interface FailureCheck {
  readonly enter: Step<Arrival>;
  /** To be called when the provider has answered. */
  leave(arrival: Arrival): void;
}

// Guesses sent all at once would otherwise be checked before the first of them has failed.
const MAX_CHECKED_AT_ONCE = 64;
// Enough for everyone behind one shared address to come back at once with a token not seen before.
const MAX_WAITING = 1000;
const WAIT_MS = 5_000;

/**
 * Step 0: an address that failed too often waits, unless it shows what is verified already: a flood from behind a
 * shared address must not lock its good callers out. Of one address only so many credentials are under check at a
 * time; the others take their turn, and those whose turn comes after too many failures are refused.
 */
export function checkFailures(failures: FailureLimit, provider: AuthProvider): FailureCheck {
  const rooms = createWaitingRoom({ places: MAX_CHECKED_AT_ONCE, maxWaiting: MAX_WAITING, waitMs: WAIT_MS });
  const entered = new WeakSet<Arrival>();

  return {
    enter(arrival) {
      const { context } = arrival;
      const address = context.remoteAddress;
      if (address === undefined) return undefined;
      const limit = failures.isBlocked(address);
      if (!limit.allowed)
        return provider.isKnown?.(context) === true ? undefined : tooMany(limit.retryAfterSeconds);
      if (context.credential === undefined) return undefined;
      if (rooms.tryEnter(failures.keyOf(address))) return takePlace(arrival);
      return provider.isKnown?.(context) === true ? undefined : takeTurn(arrival, address);
    },
    leave(arrival) {
      const address = arrival.context.remoteAddress;
      if (address !== undefined && entered.delete(arrival)) rooms.leave(failures.keyOf(address));
    },
  };

  function takePlace(arrival: Arrival): undefined {
    entered.add(arrival);
  }

  async function takeTurn(arrival: Arrival, address: string): Promise<Refusal | undefined> {
    if (!(await rooms.wait(failures.keyOf(address)))) return tooMany(1);
    takePlace(arrival);
    const limit = failures.isBlocked(address);
    return limit.allowed ? undefined : tooMany(limit.retryAfterSeconds);
  }
}

function tooMany(retryAfterSeconds: number): Refusal {
  return refuse('RATE_LIMIT_EXCEEDED', 'Too many failed attempts; try again later', {
    retryAfterSeconds,
    detail: 'failure limit of the address',
  });
}
