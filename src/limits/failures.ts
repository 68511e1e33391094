import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import { addressKey } from './address.ts';
import type { FailureLimit } from './call-limits.ts';
import { createGcraLimiter } from './gcra.ts';

export interface FailureLimitOptions {
  /** Failures an address may have at once. Default 20. */
  readonly max?: number | undefined;
  /** Seconds after which all of them are forgiven; one by one before that. Default 60. */
  readonly windowSeconds?: number | undefined;
  /** Addresses remembered at most. Default 50 000. */
  readonly maxAddresses?: number | undefined;
  readonly now?: Clock | undefined;
}

/**
 * Blocks an address once it has failed `max` times, until the first failure is forgiven
 * (`windowSeconds / max`). Only recorded failures count: an address that never fails is never blocked.
 *
 * IPv6 counts by /64 and everything that is no address counts as one ({@link addressKey}).
 *
 * @throws ConfigurationError `CONFIGURATION_ERROR` with every wrong option
 */
export function createFailureLimit(options: FailureLimitOptions = {}): FailureLimit {
  const { max = 20, windowSeconds = 60, maxAddresses = 50_000, now = systemClock } = options;
  const problems: string[] = [];
  if (!Number.isSafeInteger(max) || max < 1)
    problems.push('limits.failures.max must be a whole number from 1');
  if (!Number.isFinite(windowSeconds) || windowSeconds <= 0) {
    problems.push('limits.failures.windowSeconds must be a number above 0');
  }
  if (!Number.isSafeInteger(maxAddresses) || maxAddresses < 1) {
    problems.push('limits.failures.maxAddresses must be a whole number from 1');
  }
  if (problems.length > 0) throw new ConfigurationError(problems);

  const limiter = createGcraLimiter({
    ratePerSecond: max / windowSeconds,
    burst: max,
    maxKeys: maxAddresses,
    // Were new addresses refused, a flood from many would lock out everyone who has not failed.
    whenFull: 'forgive',
    now,
  });
  return {
    keyOf: addressKey,
    isBlocked: (remoteAddress) => limiter.peek(addressKey(remoteAddress)),
    record(remoteAddress) {
      limiter.consume(addressKey(remoteAddress));
    },
  };
}
