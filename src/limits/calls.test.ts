import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { ANONYMOUS, createPrincipal } from '../core/principal.ts';
import { type CallLimit, createCallLimits } from './calls.ts';

const ISSUER = 'https://issuer.example.com';
const ann = createPrincipal({ issuer: ISSUER, subject: 'ann', tenantId: 'acme' });
const bob = createPrincipal({ issuer: ISSUER, subject: 'bob', tenantId: 'acme' });
const lone = createPrincipal({ issuer: ISSUER, subject: 'lone' });

function limitsOnClock(limits: readonly CallLimit[]) {
  const clock = { ms: 0 };
  return { clock, limits: createCallLimits(limits, { now: () => clock.ms }) };
}

describe('createCallLimits', () => {
  it('[config/limits] per principal: counts each principal by itself, whatever is called', () => {
    const { limits } = limitsOnClock([{ per: 'principal', rate: '2/min' }]);
    expect(limits.consume({ principal: ann, tool: 'files/read' })).toMatchObject({
      allowed: true,
      remaining: 1,
    });
    expect(limits.consume({ principal: ann })).toMatchObject({ allowed: true, remaining: 0 });
    expect(limits.consume({ principal: ann })).toEqual({
      allowed: false,
      remaining: 0,
      retryAfterSeconds: 30,
    });
    expect(limits.consume({ principal: bob }).allowed).toBe(true);
  });

  it('[config/limits] per tenant: users of one tenant share it, other issuers and loners do not', () => {
    const { limits } = limitsOnClock([{ per: 'tenant', rate: '1/min' }]);
    expect(limits.consume({ principal: ann }).allowed).toBe(true);
    expect(limits.consume({ principal: bob }).allowed).toBe(false);
    const elsewhere = createPrincipal({
      issuer: 'https://other.example.com',
      subject: 'ann',
      tenantId: 'acme',
    });
    expect(limits.consume({ principal: elsewhere }).allowed).toBe(true);
    for (let i = 0; i < 5; i += 1) {
      expect(limits.consume({ principal: lone })).toMatchObject({ allowed: true, remaining: Infinity });
    }
  });

  it('[config/limits] per tool: counts one principal and one tool, and tool calls only', () => {
    const { limits } = limitsOnClock([{ per: 'tool', rate: '1/min' }]);
    expect(limits.consume({ principal: ann, tool: 'files/read' }).allowed).toBe(true);
    expect(limits.consume({ principal: ann, tool: 'files/read' }).allowed).toBe(false);
    expect(limits.consume({ principal: ann, tool: 'files/write' }).allowed).toBe(true);
    expect(limits.consume({ principal: bob, tool: 'files/read' }).allowed).toBe(true);
    expect(limits.consume({ principal: ann }).allowed).toBe(true);
  });

  it('per tool: calls of made-up tools give no call of an exhausted one back', () => {
    const clock = { ms: 0 };
    const limits = createCallLimits([{ per: 'tool', rate: '100/day', burst: 1 }], {
      now: () => clock.ms,
      maxKeys: 200,
    });
    expect(limits.consume({ principal: ann, tool: 'files/delete_all' }).allowed).toBe(true);
    for (let i = 0; i < 5000; i += 1) {
      clock.ms += 1;
      limits.consume({ principal: ann, tool: `files/none_${i}` });
      expect(limits.consume({ principal: ann, tool: 'files/delete_all' }).allowed).toBe(false);
    }
  });

  it('per tool: a principal with ever new tools is refused more of them, and keeps nobody else out', () => {
    const clock = { ms: 0 };
    const limits = createCallLimits(
      [
        { per: 'principal', rate: '10/min' },
        { per: 'tool', rate: '1/min' },
      ],
      { now: () => clock.ms, maxKeys: 300 },
    );
    for (const tool of ['a/1', 'a/2', 'a/3']) {
      expect(limits.consume({ principal: ann, tool }).allowed).toBe(true);
    }
    const refusal = { allowed: false, remaining: 0, retryAfterSeconds: 20 };
    for (let i = 0; i < 500; i += 1) {
      expect(limits.consume({ principal: ann, tool: `b/${i}` })).toEqual(refusal);
    }
    expect(limits.consume({ principal: ann })).toMatchObject({ allowed: true, remaining: 6 });
    expect(limits.consume({ principal: bob, tool: 'a/1' }).allowed).toBe(true);
    clock.ms += 20_000;
    expect(limits.consume({ principal: ann, tool: 'a/4' }).allowed).toBe(true);
  });

  it('takes from no limit when one of them has no room for another key', () => {
    const clock = { ms: 0 };
    const limits = createCallLimits(
      [
        { per: 'tenant', rate: '10/min' },
        { per: 'principal', rate: '1/min' },
      ],
      { now: () => clock.ms, maxKeys: 1 },
    );
    const refusal = { allowed: false, remaining: 0, retryAfterSeconds: 60 };
    expect(limits.consume({ principal: ann })).toMatchObject({ allowed: true, remaining: 0 });
    for (let i = 0; i < 20; i += 1) expect(limits.consume({ principal: bob })).toEqual(refusal);
    clock.ms += 60_000;
    expect(limits.consume({ principal: bob }).allowed).toBe(true);
  });

  it('[config/limits] tool: counts only the tools that match', () => {
    const { limits } = limitsOnClock([{ per: 'principal', rate: '1/min', tool: 'files/delete_*' }]);
    expect(limits.consume({ principal: ann, tool: 'files/delete_one' }).allowed).toBe(true);
    expect(limits.consume({ principal: ann, tool: 'files/delete_all' }).allowed).toBe(false);
    expect(limits.consume({ principal: ann, tool: 'files/read' }).allowed).toBe(true);
    expect(limits.consume({ principal: ann, tool: 'notes/delete_all' }).allowed).toBe(true);
    expect(limits.consume({ principal: ann }).allowed).toBe(true);
  });

  it('takes from no limit when one refuses', () => {
    const { clock, limits } = limitsOnClock([
      { per: 'principal', rate: '10/min' },
      { per: 'tool', rate: '1/s', tool: 'files/read' },
    ]);
    expect(limits.consume({ principal: ann, tool: 'files/read' }).allowed).toBe(true);
    for (let i = 0; i < 50; i += 1)
      expect(limits.consume({ principal: ann, tool: 'files/read' }).allowed).toBe(false);
    expect(limits.consume({ principal: ann })).toMatchObject({ allowed: true, remaining: 8 });
    clock.ms += 1000;
    expect(limits.consume({ principal: ann, tool: 'files/read' }).allowed).toBe(true);
  });

  it('names the least that remains and the longest wait', () => {
    const { limits } = limitsOnClock([
      { per: 'principal', rate: '1/s', burst: 2 },
      { per: 'tenant', rate: '1/min', burst: 2 },
      { per: 'principal', rate: '100/s' },
    ]);
    expect(limits.consume({ principal: ann })).toMatchObject({ allowed: true, remaining: 1 });
    expect(limits.consume({ principal: ann })).toMatchObject({ allowed: true, remaining: 0 });
    expect(limits.consume({ principal: ann })).toEqual({
      allowed: false,
      remaining: 0,
      retryAfterSeconds: 60,
    });
  });

  it('counts everyone who has not signed in as one', () => {
    const { limits } = limitsOnClock([{ per: 'principal', rate: '1/min' }]);
    expect(limits.consume({ principal: ANONYMOUS }).allowed).toBe(true);
    expect(limits.consume({ principal: ANONYMOUS }).allowed).toBe(false);
  });

  it('tells apart identities whose parts run together', () => {
    const { limits } = limitsOnClock([
      { per: 'tenant', rate: '1/min' },
      { per: 'tool', rate: '1/min' },
    ]);
    const one = createPrincipal({ issuer: 'a', subject: 's', tenantId: 'b","c' });
    const two = createPrincipal({ issuer: 'a","b', subject: 's', tenantId: 'c' });
    expect(limits.consume({ principal: one, tool: 'x/y' }).allowed).toBe(true);
    expect(limits.consume({ principal: two, tool: 'x/y' }).allowed).toBe(true);
  });

  it('allows everything without limits', () => {
    expect(createCallLimits([]).consume({ principal: ann })).toEqual({
      allowed: true,
      remaining: Infinity,
      retryAfterSeconds: 0,
    });
  });

  it('names every wrong limit at once', () => {
    const wrong = [
      { per: 'key', rate: '1/s' },
      { per: 'principal', rate: 'often', tool: 'read' },
      { per: 'tool', rate: '1/s', burst: 0 },
    ] as unknown as CallLimit[];
    expect(() => createCallLimits(wrong)).toThrow(ConfigurationError);
    expect(() => createCallLimits(wrong)).toThrow(
      expect.objectContaining({
        problems: [
          'limits.calls[0]: per must be principal, tenant or tool',
          expect.stringContaining('limits.calls[1]: tool must be written'),
          expect.stringContaining('limits.calls[1]: the rate "often" is not understood'),
          'limits.calls[2]: burst must be a whole number from 1',
        ],
      }),
    );
  });
});
