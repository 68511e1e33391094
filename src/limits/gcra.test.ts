import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { createGcraLimiter } from './gcra.ts';

/** A limiter on a clock of its own, in milliseconds. */
function onClock(options: { ratePerSecond: number; burst: number; maxKeys?: number; whenFull?: 'refuse' }) {
  const clock = { ms: 1_700_000_000_000 };
  return { clock, limiter: createGcraLimiter({ ...options, now: () => clock.ms }) };
}

describe('createGcraLimiter', () => {
  it('[config/limits] lets a burst through, then one call per interval', () => {
    const { clock, limiter } = onClock({ ratePerSecond: 2, burst: 3 });
    expect([1, 2, 3].map(() => limiter.consume('a').remaining)).toEqual([2, 1, 0]);
    expect(limiter.consume('a')).toEqual({ allowed: false, remaining: 0, retryAfterSeconds: 1 });
    clock.ms += 499;
    expect(limiter.consume('a').allowed).toBe(false);
    clock.ms += 1;
    expect(limiter.consume('a')).toEqual({ allowed: true, remaining: 0, retryAfterSeconds: 0 });
    expect(limiter.consume('a').allowed).toBe(false);
  });

  it('counts every key by itself', () => {
    const { limiter } = onClock({ ratePerSecond: 1, burst: 1 });
    expect(limiter.consume('a').allowed).toBe(true);
    expect(limiter.consume('b').allowed).toBe(true);
    expect(limiter.consume('a').allowed).toBe(false);
  });

  it('tells apart long keys that begin alike', () => {
    const { limiter } = onClock({ ratePerSecond: 1, burst: 1 });
    const long = 'x'.repeat(5000);
    expect(limiter.consume(`${long}1`).allowed).toBe(true);
    expect(limiter.consume(`${long}2`).allowed).toBe(true);
    expect(limiter.peek(`${long}1`).allowed).toBe(false);
  });

  it('takes nothing when it looks or refuses', () => {
    const { clock, limiter } = onClock({ ratePerSecond: 1, burst: 2 });
    for (let i = 0; i < 5; i += 1) expect(limiter.peek('a')).toMatchObject({ allowed: true, remaining: 2 });
    expect(limiter.size).toBe(0);
    limiter.consume('a', 2);
    for (let i = 0; i < 5; i += 1) expect(limiter.consume('a').allowed).toBe(false);
    clock.ms += 1000;
    expect(limiter.peek('a')).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('takes all the points asked for or none', () => {
    const { limiter } = onClock({ ratePerSecond: 1, burst: 5 });
    expect(limiter.consume('a', 3)).toMatchObject({ allowed: true, remaining: 2 });
    expect(limiter.consume('a', 4)).toEqual({ allowed: false, remaining: 2, retryAfterSeconds: 2 });
    expect(limiter.consume('a', 2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it.each([0, -1, 1.5, Number.NaN, 6])('refuses to take %d points from a burst of 5', (points) => {
    const { limiter } = onClock({ ratePerSecond: 1, burst: 5 });
    expect(() => limiter.consume('a', points)).toThrow(ConfigurationError);
  });

  it('does not lock callers out when the clock is set back', () => {
    const { clock, limiter } = onClock({ ratePerSecond: 1, burst: 1 });
    limiter.consume('a');
    clock.ms -= 3_600_000;
    expect(limiter.consume('a')).toMatchObject({ allowed: false, retryAfterSeconds: 1 });
    clock.ms += 1000;
    expect(limiter.consume('a').allowed).toBe(true);
  });

  it('names every wrong option at once', () => {
    const make = () => createGcraLimiter({ ratePerSecond: 0, burst: 0.5, maxKeys: 0 });
    expect(make).toThrow(expect.objectContaining({ problems: expect.objectContaining({ length: 3 }) }));
    expect(() => createGcraLimiter({ ratePerSecond: 1e-9, burst: 1000 })).toThrow(/100 days/);
  });

  it('stays within its bound and keeps an exhausted key blocked through a flood of others', () => {
    const { limiter } = onClock({ ratePerSecond: 0.1, burst: 10, maxKeys: 200 });
    limiter.consume('attacker', 10);
    for (let i = 0; i < 5000; i += 1) limiter.consume(`other ${i}`);
    expect(limiter.size).toBe(200);
    expect(limiter.consume('attacker').allowed).toBe(false);
  });

  it('refuses a new key where only unpaid debts are held, until one of them is paid', () => {
    const { clock, limiter } = onClock({ ratePerSecond: 0.1, burst: 1, maxKeys: 2, whenFull: 'refuse' });
    limiter.consume('a');
    clock.ms += 4000;
    limiter.consume('b');
    const refusal = { allowed: false, remaining: 0, retryAfterSeconds: 6 };
    expect(limiter.peek('c')).toEqual(refusal);
    expect(limiter.consume('c')).toEqual(refusal);
    clock.ms += 6000;
    expect(limiter.peek('c').allowed).toBe(true);
    expect(limiter.consume('c').allowed).toBe(true);
    expect(['a', 'b', 'c'].map((key) => limiter.holds(key))).toEqual([false, true, true]);
    expect(limiter.peek('b').allowed).toBe(false);
  });

  it('gives keys of a flood no more than a burst per forgotten key', () => {
    const { limiter } = onClock({ ratePerSecond: 0.001, burst: 2, maxKeys: 10 });
    const calls = 1000;
    let allowed = 0;
    for (let i = 0; i < calls; i += 1) {
      if (limiter.consume('attacker').allowed) allowed += 1;
      limiter.consume(`other ${i}`);
    }
    // Each forgotten entry was pushed out by one of the other keys.
    expect(allowed).toBeLessThanOrEqual(2 + 2 * (calls / 10));
  });
});

const rate = fc.constantFrom(0.5, 1, 100 / 60, 10, 1000 / 3600, 7, 333.3);
const burst = fc.integer({ min: 1, max: 12 });
const steps = fc.array(
  fc.record({
    waitMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(20_000)),
    points: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 1, maxLength: 80 },
);

describe('createGcraLimiter, for all histories', () => {
  it('never allows more than burst + rate × t in any stretch of time', () => {
    fc.assert(
      fc.property(rate, burst, steps, (ratePerSecond, size, history) => {
        const { clock, limiter } = onClock({ ratePerSecond, burst: size });
        const taken: { ms: number; points: number }[] = [];
        for (const step of history) {
          clock.ms += step.waitMs;
          const points = Math.min(step.points, size);
          if (limiter.consume('a', points).allowed) taken.push({ ms: clock.ms, points });
        }
        for (const [from, first] of taken.entries()) {
          let sum = 0;
          for (const { ms, points } of taken.slice(from)) {
            sum += points;
            expect(sum).toBeLessThanOrEqual(size + (ratePerSecond * (ms - first.ms)) / 1000 + 1e-6);
          }
        }
      }),
    );
  });

  it('equals a bucket of exact fractions, refilled by the clock', () => {
    const whole = fc.constantFrom(1, 2, 4, 5, 10, 100);
    fc.assert(
      fc.property(whole, burst, steps, (ratePerSecond, size, history) => {
        const { clock, limiter } = onClock({ ratePerSecond, burst: size });
        // In thousandths of a call: one call comes back in 1000 / rate ms.
        let level = BigInt(size) * 1000n;
        for (const step of history) {
          clock.ms += step.waitMs;
          const refilled = level + BigInt(step.waitMs) * BigInt(ratePerSecond);
          const full = BigInt(size) * 1000n;
          level = refilled > full ? full : refilled;
          const points = Math.min(step.points, size);
          const cost = BigInt(points) * 1000n;
          const allowed = level >= cost;
          const perSecond = BigInt(ratePerSecond) * 1000n;
          const wait = allowed ? 0 : Number((cost - level + perSecond - 1n) / perSecond);
          expect(limiter.peek('a').remaining).toBe(Number(level / 1000n));
          if (allowed) level -= cost;
          const remaining = Number(level / 1000n);
          expect(limiter.consume('a', points)).toEqual({ allowed, remaining, retryAfterSeconds: wait });
        }
      }),
    );
  });

  it('allows after the time it names, and not a second earlier', () => {
    fc.assert(
      fc.property(rate, burst, fc.nat(3000), (ratePerSecond, size, waitMs) => {
        const { clock, limiter } = onClock({ ratePerSecond, burst: size });
        limiter.consume('a', size);
        clock.ms += waitMs;
        const result = limiter.peek('a');
        if (result.allowed) return;
        clock.ms += (result.retryAfterSeconds - 1) * 1000;
        expect(limiter.peek('a').allowed).toBe(false);
        clock.ms += 1000;
        expect(limiter.peek('a').allowed).toBe(true);
      }),
    );
  });
});
