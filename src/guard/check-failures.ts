import type { AuthProvider } from '../authn/auth-provider.ts';
import { refuse } from '../core/refusal.ts';
import type { FailureLimit } from '../limits/call-limits.ts';
import type { Arrival, Step } from './passage.ts';

/**
 * Step 0: an address that failed too often waits, unless it shows a credential that is already
 * verified: a flood from behind a shared address must not lock its good callers out.
 */
export function checkFailures(failures: FailureLimit, provider: AuthProvider): Step<Arrival> {
  return ({ context }) => {
    if (context.remoteAddress === undefined) return undefined;
    const limit = failures.isBlocked(context.remoteAddress);
    if (limit.allowed || provider.isKnown?.(context) === true) return undefined;
    return refuse('RATE_LIMIT_EXCEEDED', 'Too many failed attempts; try again later', {
      retryAfterSeconds: limit.retryAfterSeconds,
      detail: 'failure limit of the address',
    });
  };
}
