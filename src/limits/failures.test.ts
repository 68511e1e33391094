import { describe, expect, it } from 'vitest';
import { createFailureLimit } from './failures.ts';

function failuresOnClock(options: { max?: number; windowSeconds?: number; maxAddresses?: number } = {}) {
  const clock = { ms: 0 };
  return { clock, failures: createFailureLimit({ ...options, now: () => clock.ms }) };
}

describe('createFailureLimit', () => {
  it('[config/limits] blocks an address after 20 failures and forgives them one by one', () => {
    const { clock, failures } = failuresOnClock();
    for (let i = 0; i < 20; i += 1) {
      expect(failures.isBlocked('192.0.2.1').allowed).toBe(true);
      failures.record('192.0.2.1');
    }
    expect(failures.isBlocked('192.0.2.1')).toEqual({ allowed: false, remaining: 0, retryAfterSeconds: 3 });
    clock.ms += 3000;
    expect(failures.isBlocked('192.0.2.1')).toMatchObject({ allowed: true, remaining: 1 });
    failures.record('192.0.2.1');
    expect(failures.isBlocked('192.0.2.1').allowed).toBe(false);
    clock.ms += 60_000;
    expect(failures.isBlocked('192.0.2.1')).toMatchObject({ allowed: true, remaining: 20 });
  });

  it('asking counts as nothing, and failures while blocked do not lengthen the block', () => {
    const { clock, failures } = failuresOnClock({ max: 2, windowSeconds: 10 });
    for (let i = 0; i < 100; i += 1) expect(failures.isBlocked('192.0.2.1').allowed).toBe(true);
    for (let i = 0; i < 100; i += 1) failures.record('192.0.2.1');
    expect(failures.isBlocked('192.0.2.1').retryAfterSeconds).toBe(5);
    clock.ms += 5000;
    expect(failures.isBlocked('192.0.2.1').allowed).toBe(true);
  });

  it('[config/limits] blocks a /64, an IPv4 address in either form, and all unknown ones together', () => {
    const { failures } = failuresOnClock({ max: 1 });
    failures.record('2001:db8:0:1::1');
    expect(failures.isBlocked('2001:db8:0:1:ffff::9').allowed).toBe(false);
    expect(failures.isBlocked('2001:db8:0:2::1').allowed).toBe(true);
    failures.record('::ffff:192.0.2.1');
    expect(failures.isBlocked('192.0.2.1').allowed).toBe(false);
    expect(failures.isBlocked('192.0.2.2').allowed).toBe(true);
    failures.record('who knows');
    expect(failures.isBlocked('').allowed).toBe(false);
  });

  it('keeps a failing address blocked while others fail from many places', () => {
    const { failures } = failuresOnClock({ max: 5, maxAddresses: 100 });
    for (let i = 0; i < 5; i += 1) failures.record('192.0.2.1');
    for (let i = 0; i < 2000; i += 1) failures.record(`10.0.${i >> 8}.${i & 255}`);
    expect(failures.isBlocked('192.0.2.1').allowed).toBe(false);
  });

  it('blocks nobody who never failed while the table is full of debts, and still counts who fails', () => {
    const { failures } = failuresOnClock({ max: 2, maxAddresses: 3 });
    for (let i = 0; i < 9; i += 1) failures.record(`10.0.0.${i}`);
    expect(failures.isBlocked('192.0.2.1').allowed).toBe(true);
    for (let i = 0; i < 2; i += 1) failures.record('192.0.2.1');
    expect(failures.isBlocked('192.0.2.1').allowed).toBe(false);
  });

  it('names every wrong option at once', () => {
    const make = () => createFailureLimit({ max: 0, windowSeconds: -1, maxAddresses: 1.5 });
    expect(make).toThrow(/failures\.max[^]*failures\.windowSeconds[^]*failures\.maxAddresses/);
  });
});
