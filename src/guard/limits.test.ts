import { afterEach, describe, expect, it, vi } from 'vitest';
import { accessTo, CONTEXT, callerOf, factsOf, LET, STOP } from '../../test/support/guard-parts.ts';
import { createPrincipal } from '../core/principal.ts';
import { Secret } from '../core/secret.ts';
import type { LimitSubject } from '../limits/call-limits.ts';
import { checkFailures } from './check-failures.ts';
import { checkExpiry } from './check-message.ts';
import { limitCalls } from './limit-calls.ts';
import { createConcurrencyLimit } from './limit-concurrency.ts';
import type { Passage } from './passage.ts';

function passageOf(facts = factsOf(), subject = 'alice'): Passage {
  return { caller: callerOf(createPrincipal({ issuer: 'https://issuer.example.com', subject })), facts };
}

describe('checkExpiry', () => {
  const at = (expiresAt: number | undefined) => {
    const principal = createPrincipal({
      issuer: 'i',
      subject: 's',
      ...(expiresAt !== undefined && { expiresAt }),
    });
    return checkExpiry(() => 50_000)({ caller: callerOf(principal), facts: factsOf() });
  };

  it('refuses from the very second at which the token expires', () => {
    expect(at(51)).toBeUndefined();
    expect(at(50)).toMatchObject({ code: 'INVALID_TOKEN', detail: 'expired on a live connection' });
    expect(at(49)).toMatchObject({ code: 'INVALID_TOKEN' });
  });

  it('lets pass what never expires', () => {
    expect(at(undefined)).toBeUndefined();
  });
});

describe('checkFailures', () => {
  const arrive = (isBlocked: boolean, isKnown: boolean | undefined, context = CONTEXT) => {
    const failures = {
      keyOf: String,
      isBlocked: () => (isBlocked ? STOP : LET),
      record: () => undefined,
    };
    const provider = {
      authenticate: async () => ({ authenticated: false }),
      ...(isKnown !== undefined && { isKnown: () => isKnown }),
    };
    return checkFailures(failures, provider).enter({ context, authenticated: false });
  };

  it('stops an address that failed too often, unless it shows something that is verified already', () => {
    expect(arrive(false, false)).toBeUndefined();
    expect(arrive(true, false)).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 7 });
    expect(arrive(true, true)).toBeUndefined();
    expect(arrive(true, undefined)).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
  });

  it('is about addresses: without one there is nothing to stop', () => {
    const { remoteAddress: _, ...nowhere } = CONTEXT;
    expect(arrive(true, false, nowhere)).toBeUndefined();
  });
});

describe('checkFailures, for many at once', () => {
  afterEach(() => vi.useRealTimers());
  const guess = () => ({
    context: { ...CONTEXT, credential: { kind: 'bearer', token: new Secret('guess') } } as const,
    authenticated: false,
  });
  const provider = { authenticate: async () => ({ authenticated: false }) };
  const keyOf = (address: string): string => address.split('::')[0] ?? '';
  const failures = { keyOf, isBlocked: () => LET, record: () => undefined };

  it('checks so many at a time, and the others in their turn', async () => {
    const check = checkFailures(failures, provider);
    const arrivals = Array.from({ length: 66 }, guess);
    const results = arrivals.map((arrival) => check.enter(arrival));
    expect(results.slice(0, 64)).toEqual(Array.from({ length: 64 }, () => undefined));
    expect(results[64]).toBeInstanceOf(Promise);
    const [first, ...others] = arrivals;
    if (first !== undefined) check.leave(first);
    expect(await results[64]).toBeUndefined();
    for (const arrival of others.slice(0, 63)) check.leave(arrival);
    expect(await results[65]).toBeUndefined();
    for (const arrival of others.slice(63)) check.leave(arrival);
    expect(check.enter(guess())).toBeUndefined();
  });

  it('takes for one address what failures count as one', () => {
    const check = checkFailures(failures, provider);
    const from = (remoteAddress: string) =>
      check.enter({ ...guess(), context: { ...guess().context, remoteAddress } });
    const results = Array.from({ length: 65 }, (_, host) => from(`2001:db8::${host}`));
    expect(results.filter((result) => result === undefined)).toHaveLength(64);
    expect(from('2001:db8:0:1::1')).toBeUndefined();
  });

  it('refuses whose turn comes when those before have failed too often', async () => {
    let isBlocked = false;
    const check = checkFailures({ ...failures, isBlocked: () => (isBlocked ? STOP : LET) }, provider);
    const arrivals = Array.from({ length: 70 }, guess);
    const results = arrivals.map((arrival) => check.enter(arrival));
    isBlocked = true;
    for (const [index, arrival] of arrivals.entries()) {
      const refusal = await results[index];
      if (index >= 64) expect(refusal).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 7 });
      check.leave(arrival);
    }
    isBlocked = false;
    expect(check.enter(guess())).toBeUndefined();
  });

  it('lets nobody wait for ever, nor without bound', async () => {
    vi.useFakeTimers();
    const check = checkFailures(failures, provider);
    const results = Array.from({ length: 64 + 1001 }, () => check.enter(guess()));
    expect(await results[64 + 1000]).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 1 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await results[64]).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 1 });
    expect(await results[64 + 999]).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
  });

  it('never holds up what is verified already', () => {
    const check = checkFailures(failures, { ...provider, isKnown: () => true });
    for (let index = 0; index < 100; index++) expect(check.enter(guess())).toBeUndefined();
  });
});

describe('createConcurrencyLimit', () => {
  afterEach(() => vi.useRealTimers());
  it('gives a place back when its call ends, and once', () => {
    const limit = createConcurrencyLimit(1);
    const first = passageOf();
    expect(limit.enter(first)).toBeUndefined();
    expect(limit.enter(passageOf())).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
    limit.leave(first, { ok: true });
    limit.leave(first, { ok: true });
    expect(limit.enter(passageOf())).toBeUndefined();
    expect(limit.enter(passageOf())).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
  });

  it('holds the place of a call that was cut off, whose tool may still run', () => {
    vi.useFakeTimers();
    const limit = createConcurrencyLimit(1);
    const first = passageOf();
    expect(limit.enter(first)).toBeUndefined();
    limit.leave(first, { ok: false, error: 'aborted' });
    expect(limit.enter(passageOf())).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
    vi.advanceTimersByTime(10_000);
    expect(limit.enter(passageOf())).toBeUndefined();
  });
});

describe('limitCalls', () => {
  const consume = (facts = factsOf()) => {
    const subjects: LimitSubject[] = [];
    const limits = {
      consume: (subject: LimitSubject) => {
        subjects.push(subject);
        return LET;
      },
    };
    expect(limitCalls(limits)({ caller: callerOf(), facts })).toBeUndefined();
    return subjects;
  };

  it('counts a tool by server and name, and everything else without one', () => {
    expect(consume()).toEqual([{ principal: callerOf().principal, tool: 'notes/echo' }]);
    const prompt = accessTo('greet', {
      action: 'prompts/get',
      target: { server: 'notes', kind: 'prompt', name: 'greet' },
    });
    for (const accesses of [[prompt], []]) {
      expect(consume(factsOf({ method: 'prompts/get', accesses }))).toEqual([
        { principal: callerOf().principal, tool: undefined },
      ]);
    }
  });

  it('refuses what the limits refuse, at once or later', async () => {
    const refusal = { code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 7 };
    expect(limitCalls({ consume: () => STOP })(passageOf())).toMatchObject(refusal);
    expect(await limitCalls({ consume: async () => STOP })(passageOf())).toMatchObject(refusal);
  });
});

describe('createConcurrencyLimit', () => {
  it('lets as many in as there are places, for each principal', () => {
    const { enter, leave } = createConcurrencyLimit(2);
    const [one, two, three] = [passageOf(), passageOf(), passageOf()];
    expect([enter(one), enter(two)]).toEqual([undefined, undefined]);
    expect(enter(three)).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 1 });
    expect(enter(passageOf(factsOf(), 'bob'))).toBeUndefined();
    leave(one);
    expect(enter(three)).toBeUndefined();
    expect(enter(one)).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
  });

  it.each(['subscriptions/listen', 'http/GET'])('does not count %s, which is meant to last', (method) => {
    const { enter, leave } = createConcurrencyLimit(1);
    const stream = passageOf(factsOf({ method, accesses: [] }));
    expect([enter(stream), enter(stream), enter(passageOf())]).toEqual([undefined, undefined, undefined]);
    leave(stream);
    expect(enter(passageOf())).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
  });

  it('has no end when none is set', () => {
    const { enter, leave } = createConcurrencyLimit(undefined);
    for (let index = 0; index < 1000; index++) expect(enter(passageOf())).toBeUndefined();
    leave(passageOf());
  });
});
