import { describe, expect, it } from 'vitest';
import { accessTo, callerOf, CONTEXT, factsOf, LET, STOP } from '../../test/support/guard-parts.ts';
import { createPrincipal } from '../core/principal.ts';
import type { LimitSubject } from '../limits/call-limits.ts';
import { checkExpiry } from './check-expiry.ts';
import { checkFailures } from './check-failures.ts';
import { limitCalls } from './limit-calls.ts';
import { createConcurrencyLimit } from './limit-concurrency.ts';
import type { Passage } from './passage.ts';

function passageOf(facts = factsOf(), subject = 'alice'): Passage {
  return { caller: callerOf(createPrincipal({ issuer: 'https://issuer.example.com', subject })), facts };
}

describe('checkExpiry', () => {
  const at = (expiresAt: number | undefined) => {
    const principal = createPrincipal({ issuer: 'i', subject: 's', ...(expiresAt !== undefined && { expiresAt }) });
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
    const failures = { isBlocked: () => (isBlocked ? STOP : LET), record: () => undefined };
    const provider = {
      authenticate: async () => ({ authenticated: false }),
      ...(isKnown !== undefined && { isKnown: () => isKnown }),
    };
    return checkFailures(failures, provider)({ context, authenticated: false });
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
    const prompt = accessTo('greet', { action: 'prompts/get', target: { server: 'notes', kind: 'prompt', name: 'greet' } });
    for (const accesses of [[prompt], []]) {
      expect(consume(factsOf({ method: 'prompts/get', accesses }))).toEqual([{ principal: callerOf().principal, tool: undefined }]);
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
