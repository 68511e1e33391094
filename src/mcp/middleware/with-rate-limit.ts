import type { Clock } from '../../core/clock.ts';
import { ConfigurationError, RateLimitError } from '../../core/errors.ts';
import { createGcraLimiter } from '../../limits/gcra.ts';
import type { RateLimiter } from '../../limits/rate-limiter.ts';
import type { ToolContext } from '../tool-handler.ts';
import { defineToolMiddleware, type ToolMiddleware } from './tool-middleware.ts';

/** Bounds what one middleware remembers, whoever calls. */
const MAX_KEYS = 10_000;

/** A limit of its own, or a limiter that counts elsewhere. */
export type ToolRateLimitOptions = RateLimitKey & (RateLimitWindow | RateLimitBackend);

interface RateLimitKey {
  /** Whose calls count together; by default the caller's. */
  readonly keyGenerator?: ((userId: string, context: ToolContext | undefined) => string) | undefined;
}

interface RateLimitWindow {
  /** Calls that may come at once. They grow back evenly, `maxRequests` in `windowMs`. */
  readonly maxRequests: number;
  readonly windowMs: number;
  readonly now?: Clock | undefined;
  readonly limiter?: undefined;
}

interface RateLimitBackend {
  /** Counts elsewhere, for instance in a store that several processes share. */
  readonly limiter: RateLimiter;
  readonly maxRequests?: undefined;
  readonly windowMs?: undefined;
  readonly now?: undefined;
}

/**
 * Limits how often a user may call. Tools that are wrapped by one and the same middleware share its limit.
 * If the limiter fails, the call fails.
 *
 * The call fails with RateLimitError (`retryAfter` in seconds).
 *
 * @throws ConfigurationError at creation.
 */
export function withRateLimit(options: ToolRateLimitOptions): ToolMiddleware {
  const limiter = options.limiter ?? createWindow(options);
  const toKey = options.keyGenerator ?? callerKey;

  return defineToolMiddleware((next) => async (...call) => {
    const [, , userId, context] = call;
    const result = await limiter.consume(toKey(userId, context));
    if (!result.allowed) {
      const seconds = result.retryAfterSeconds;
      throw new RateLimitError(`Too many calls; try again in ${seconds} s`, seconds);
    }
    return next(...call);
  });
}

function createWindow({ maxRequests, windowMs, now }: RateLimitWindow): RateLimiter {
  const problems: string[] = [];
  if (!Number.isSafeInteger(maxRequests) || maxRequests < 1) {
    problems.push('withRateLimit: maxRequests must be a whole number of at least 1');
  }
  if (!Number.isFinite(windowMs) || windowMs <= 0) {
    problems.push('withRateLimit: windowMs must be a positive number of milliseconds');
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return createGcraLimiter({
    ratePerSecond: (maxRequests * 1000) / windowMs,
    burst: maxRequests,
    maxKeys: MAX_KEYS,
    ...(now === undefined ? {} : { now }),
  });
}

// A principal's key is an array of three: the two kinds of key cannot meet.
function callerKey(userId: string, context: ToolContext | undefined): string {
  return context?.principal?.key ?? JSON.stringify(['user', userId]);
}
