import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import { createDebtTable } from './debt-table.ts';
import type { LimitResult, RateLimiter } from './rate-limiter.ts';

export interface GcraOptions {
  /** Calls that come back each second; fractions are fine (100 a minute is 100 / 60). */
  readonly ratePerSecond: number;
  /** Calls that may come at once; a whole number from 1. */
  readonly burst: number;
  /** Keys remembered at most. Default 100 000, at about 120 bytes each. */
  readonly maxKeys?: number | undefined;
  /** What happens to a new key where `maxKeys` keys are in debt. Default `forgive`. */
  readonly whenFull?: 'refuse' | 'forgive' | undefined;
  readonly now?: Clock | undefined;
}

/** A limiter in this process's memory: it answers at once. */
export interface GcraLimiter extends RateLimiter {
  /** @throws ConfigurationError `CONFIGURATION_ERROR` unless `points` is a whole number up to the burst */
  consume(key: string, points?: number): LimitResult;
  peek(key: string): LimitResult;
  /** Whether a debt of the key is on record, paid or not. */
  holds(key: string): boolean;
  /** Keys on record. */
  readonly size: number;
}

/** Ticks are whole nanoseconds since the limiter was made, so that sums are exact. */
const TICKS_PER_MS = 1e6;
const TICKS_PER_SECOND = 1e9;
/** Longer keys are stored as their hash: what a client sends must not decide how much memory is used. */
const MAX_KEY_LENGTH = 256;

/**
 * Never lets through more than `burst + ratePerSecond × t` calls of one key in any t seconds, by the
 * generic cell rate algorithm: one number per key, no timer.
 *
 * A debt is forgotten early only when `maxKeys` keys are in debt at once and none of 64 candidates is paid:
 * the smallest goes, and its key starts with a full burst again. A flood of keys then gains calls by the
 * number of its keys, and from an exhausted key too where one call is the whole burst. With
 * `whenFull: 'refuse'` no debt is ever forgotten: the new key is refused until one is paid. A flood then
 * gains nothing, but can keep new keys out.
 *
 * A clock set back does not lock anyone out: time stands still for that one reading only.
 *
 * @see https://www.itu.int/rec/T-REC-I.371 Annex A
 * @throws ConfigurationError `CONFIGURATION_ERROR` with every wrong option
 */
export function createGcraLimiter(options: GcraOptions): GcraLimiter {
  const { ratePerSecond, burst, maxKeys = 100_000, now = systemClock, whenFull } = options;
  checkOptions(ratePerSecond, burst, maxKeys);
  const interval = intervalTicks(ratePerSecond);
  const capacity = interval * burst;
  const table = createDebtTable(maxKeys);
  const ticks = createTicks(now);

  const answer = (spare: number, needed: number): LimitResult => ({
    allowed: spare >= needed,
    remaining: Math.floor((spare >= needed ? spare : Math.max(spare, 0)) / interval),
    retryAfterSeconds: spare >= needed ? 0 : Math.ceil((needed - spare) / TICKS_PER_SECOND),
  });

  /** The refusal of a new key where the table has no room for it. */
  const findCrowded = (time: number): LimitResult | undefined => {
    const wait = whenFull === 'refuse' ? table.roomAt(time) - time : 0;
    if (wait === 0) return undefined;
    return { allowed: false, remaining: 0, retryAfterSeconds: Math.ceil(wait / TICKS_PER_SECOND) };
  };

  return {
    get size() {
      return table.size;
    },
    holds: (key) => table.slotOf(boundedKey(key)) !== -1,
    peek(key) {
      const time = ticks();
      const slot = table.slotOf(boundedKey(key));
      const crowded = slot === -1 ? findCrowded(time) : undefined;
      if (crowded !== undefined) return crowded;
      const debt = slot === -1 ? 0 : Math.max(0, table.paidAt(slot) - time);
      return answer(capacity - debt, interval);
    },
    consume(key, points = 1) {
      if (!Number.isSafeInteger(points) || points < 1 || points > burst) {
        throw new ConfigurationError(`points must be a whole number from 1 to the burst (${burst})`);
      }
      const time = ticks();
      const known = boundedKey(key);
      const slot = table.slotOf(known);
      const start = slot === -1 ? time : Math.max(time, table.paidAt(slot));
      const cost = points * interval;
      const spare = capacity - (start - time);
      if (spare < cost) return answer(spare, cost);
      const crowded = slot === -1 ? findCrowded(time) : undefined;
      if (crowded !== undefined) return crowded;
      if (slot === -1) table.add(known, start + cost, time);
      else table.update(slot, start + cost);
      return { allowed: true, remaining: Math.floor((spare - cost) / interval), retryAfterSeconds: 0 };
    },
  };
}

function checkOptions(ratePerSecond: number, burst: number, maxKeys: number): void {
  const problems: string[] = [];
  if (!Number.isFinite(ratePerSecond) || ratePerSecond <= 0)
    problems.push('ratePerSecond must be a number above 0');
  if (!Number.isSafeInteger(burst) || burst < 1) problems.push('burst must be a whole number from 1');
  if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) problems.push('maxKeys must be a whole number from 1');
  if (problems.length === 0 && intervalTicks(ratePerSecond) * burst > Number.MAX_SAFE_INTEGER) {
    problems.push('a burst must come back within 100 days: raise ratePerSecond or lower burst');
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
}

/** Rounded up, so that the rate is never exceeded; the slack undoes what 100 / 60 and the like round. */
function intervalTicks(ratePerSecond: number): number {
  const exact = TICKS_PER_SECOND / ratePerSecond;
  return Math.max(1, Math.ceil(exact * (1 - 1e-12)));
}

function createTicks(now: Clock): () => number {
  let lastMs = now();
  let ticks = 0;
  return () => {
    const ms = now();
    if (ms > lastMs) ticks += Math.round((ms - lastMs) * TICKS_PER_MS);
    lastMs = ms;
    return ticks;
  };
}

function boundedKey(key: string): string {
  if (key.length <= MAX_KEY_LENGTH) return key;
  return `sha256:${createHash('sha256').update(key, 'utf8').digest('base64url')}`;
}
