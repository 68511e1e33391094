import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import { compileGlob } from '../core/glob.ts';
import type { CallLimits, LimitSubject } from './call-limits.ts';
import { createGcraLimiter, type GcraLimiter } from './gcra.ts';
import { parseRate, type RateSpec } from './rate.ts';
import type { LimitResult } from './rate-limiter.ts';

/** One limit, and whose calls it counts together. */
export interface CallLimit {
  /**
   * `principal`: all calls of one principal (everyone who has not signed in counts as one).
   * `tenant`: all calls of one tenant of one issuer; a caller without a tenant is not counted.
   * `tool`: the calls of one principal to one tool; only tool calls count.
   */
  readonly per: 'principal' | 'tenant' | 'tool';
  readonly rate: RateSpec;
  /** Calls that may come at once. Default: the count of the rate. */
  readonly burst?: number | undefined;
  /** Counts only calls of tools that match `<server>/<pattern>`, where `*` is any run of characters. */
  readonly tool?: string | undefined;
}

export interface CallLimitsOptions {
  readonly now?: Clock | undefined;
  /**
   * Keys remembered by each limit; where all of them are in debt, new ones are refused. Tools of one principal
   * take about a hundredth of them, more of its tools are refused until then. Default 100 000.
   */
  readonly maxKeys?: number | undefined;
}

/** {@link CallLimits} in this process's memory: they answer at once. */
export interface LocalCallLimits extends CallLimits {
  consume(subject: LimitSubject): LimitResult;
}

interface CompiledLimit {
  readonly limiter: GcraLimiter;
  /** How many new keys a principal may bring, where it chooses them: one must not fill the table for all. */
  readonly share?: GcraLimiter | undefined;
  /** The key this subject is counted under; undefined when the limit is not about it. */
  readonly keyOf: (subject: LimitSubject) => string | undefined;
}

/** A limit that is about a subject. */
interface Applied {
  readonly limit: CompiledLimit;
  readonly key: string;
  readonly owner: string;
}

const SHARES = 100;

const UNLIMITED: LimitResult = Object.freeze({
  allowed: true,
  remaining: Number.POSITIVE_INFINITY,
  retryAfterSeconds: 0,
});

/**
 * A call passes when every limit that is about it allows it, and then counts once in each; a refused
 * call counts in none. `remaining` is the least of them, infinite where no limit applies;
 * `retryAfterSeconds` is the longest wait of those that refuse.
 *
 * @throws ConfigurationError `CONFIGURATION_ERROR` with every wrong limit
 */
export function createCallLimits(
  limits: readonly CallLimit[],
  options: CallLimitsOptions = {},
): LocalCallLimits {
  const compiled = compileAll(limits, options);
  return {
    consume(subject) {
      const applied: Applied[] = [];
      let refusal: LimitResult | undefined;
      for (const limit of compiled) {
        const key = limit.keyOf(subject);
        if (key !== undefined) applied.push({ limit, key, owner: subject.principal.key });
      }
      for (const one of applied) {
        const result = peek(one);
        if (!result.allowed) refusal = later(refusal, result);
      }
      if (refusal !== undefined) return refusal;
      let least = UNLIMITED;
      for (const one of applied) {
        const result = countIn(one);
        // All have just said yes; should one say no after all, the answer must not be the yes of another.
        if (!result.allowed) return result;
        if (result.remaining < least.remaining) least = result;
      }
      return least;
    },
  };
}

function peek({ limit: { limiter, share }, key, owner }: Applied): LimitResult {
  const result = limiter.peek(key);
  if (!result.allowed || share === undefined || limiter.holds(key)) return result;
  const newcomer = share.peek(owner);
  return newcomer.allowed ? result : newcomer;
}

function countIn({ limit: { limiter, share }, key, owner }: Applied): LimitResult {
  if (share !== undefined && !limiter.holds(key)) share.consume(owner);
  return limiter.consume(key);
}

function later(one: LimitResult | undefined, other: LimitResult): LimitResult {
  return one === undefined || other.retryAfterSeconds > one.retryAfterSeconds ? other : one;
}

function compileAll(limits: readonly CallLimit[], options: CallLimitsOptions): readonly CompiledLimit[] {
  const problems: string[] = [];
  const compiled = limits.flatMap((limit, index) => {
    try {
      return [compile(limit, options)];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      problems.push(...error.problems.map((problem) => `limits.calls[${index}]: ${problem}`));
      return [];
    }
  });
  if (problems.length > 0) throw new ConfigurationError(problems);
  return compiled;
}

function compile(
  limit: CallLimit,
  { now = systemClock, maxKeys = 100_000 }: CallLimitsOptions,
): CompiledLimit {
  const problems: string[] = [];
  if (!Object.hasOwn(KEYS, limit.per)) problems.push('per must be principal, tenant or tool');
  if (limit.tool !== undefined && !/^[^/]+\/[^]+$/.test(limit.tool)) {
    problems.push('tool must be written "<server>/<pattern>", such as "files/delete_*" or "*/*"');
  }
  const counted = collect(problems, () => {
    const { limit: count, ratePerSecond } = parseRate(limit.rate);
    const burst = limit.burst ?? count;
    const limiter = createGcraLimiter({ ratePerSecond, burst, maxKeys, now, whenFull: 'refuse' });
    if (limit.per !== 'tool') return { limiter };
    // A key is in debt no longer than its burst takes to come back; in that time the share does, too.
    const size = Math.ceil(maxKeys / SHARES);
    const rate = (ratePerSecond / burst) * size;
    return { limiter, share: createGcraLimiter({ ratePerSecond: rate, burst: size, maxKeys, now }) };
  });
  if (counted === undefined || problems.length > 0) throw new ConfigurationError(problems);
  const isAbout = limit.tool === undefined ? undefined : compileGlob(limit.tool);
  const keyOf = KEYS[limit.per];
  if (isAbout === undefined) return { ...counted, keyOf };
  return {
    ...counted,
    keyOf: (subject) => (subject.tool !== undefined && isAbout(subject.tool) ? keyOf(subject) : undefined),
  };
}

function collect<Value>(problems: string[], make: () => Value): Value | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

const KEYS: Readonly<Record<CallLimit['per'], (subject: LimitSubject) => string | undefined>> = {
  principal: ({ principal }) => principal.key,
  tenant: ({ principal }) =>
    principal.tenantId === undefined ? undefined : JSON.stringify([principal.issuer, principal.tenantId]),
  // A principal's key ends where its JSON ends, so what follows cannot be mistaken for a part of it.
  tool: ({ principal, tool }) => (tool === undefined ? undefined : principal.key + tool),
};
