import { describe, expect, it } from 'vitest';
import { ConfigurationError, RateLimitError } from '../../core/errors.ts';
import { createPrincipal } from '../../core/principal.ts';
import type { RateLimiter } from '../../limits/rate-limiter.ts';
import { createStandaloneContext } from '../tool-handler.ts';
import { type ToolRateLimitOptions, withRateLimit } from './with-rate-limit.ts';

async function expectLimit(call: unknown): Promise<RateLimitError> {
  const error = await Promise.resolve(call).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RateLimitError);
  return error as RateLimitError;
}

describe('withRateLimit', () => {
  it('[mcp-auth/tool-level.with-rate-limit] refuses with the code and the seconds to wait', async () => {
    let time = 1_000_000;
    const tool = withRateLimit({ maxRequests: 2, windowMs: 10_000, now: () => time })(async () => 'ran');

    expect(await tool({}, 'token', 'alice')).toBe('ran');
    expect(await tool({}, 'token', 'alice')).toBe('ran');
    const error = await expectLimit(tool({}, 'token', 'alice'));
    expect(error).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfter: 5, status: 429 });
    expect(error.message).toBe('Too many calls; try again in 5 s');

    time += error.retryAfter * 1000 - 1;
    await expectLimit(tool({}, 'token', 'alice'));
    time += 1;
    expect(await tool({}, 'token', 'alice')).toBe('ran');
  });

  it('[mcp-auth/tool-level.with-rate-limit] counts each user apart', async () => {
    const tool = withRateLimit({ maxRequests: 1, windowMs: 60_000 })(async () => 'ran');
    expect(await tool({}, 'token', 'alice')).toBe('ran');
    await expectLimit(tool({}, 'token', 'alice'));
    expect(await tool({}, 'token', 'bob')).toBe('ran');
  });

  it('tells users of different tenants apart though their ids are the same', async () => {
    const tool = withRateLimit({ maxRequests: 1, windowMs: 60_000 })(async () => 'ran');
    const contextOf = (tenantId: string) => ({
      ...createStandaloneContext('alice'),
      principal: createPrincipal({ issuer: 'https://issuer.example', subject: 'alice', tenantId }),
    });
    expect(await tool({}, 'token', 'alice', contextOf('acme'))).toBe('ran');
    expect(await tool({}, 'token', 'alice', contextOf('globex'))).toBe('ran');
    await expectLimit(tool({}, 'token', 'alice', contextOf('acme')));
  });

  it('shares one limit among tools wrapped by the same middleware, and not otherwise', async () => {
    const limit = withRateLimit({ maxRequests: 1, windowMs: 60_000 });
    const first = limit(async () => 'first');
    const second = limit(async () => 'second');
    expect(await first({}, 'token', 'alice')).toBe('first');
    await expectLimit(second({}, 'token', 'alice'));
    const other = withRateLimit({ maxRequests: 1, windowMs: 60_000 })(async () => 'other');
    expect(await other({}, 'token', 'alice')).toBe('other');
  });

  it('counts by the key that is given', async () => {
    const limit = withRateLimit({
      maxRequests: 1,
      windowMs: 60_000,
      keyGenerator: (userId) => userId.slice(0, 1),
    });
    const tool = limit(async () => 'ran');
    expect(await tool({}, 'token', 'alice')).toBe('ran');
    await expectLimit(tool({}, 'token', 'adam'));
    expect(await tool({}, 'token', 'bob')).toBe('ran');
  });

  it('keeps an exhausted user limited while many others come', async () => {
    const tool = withRateLimit({ maxRequests: 2, windowMs: 3_600_000 })(async () => 'ran');
    await tool({}, 'token', 'alice');
    await tool({}, 'token', 'alice');
    for (let user = 0; user < 15_000; user += 1) await tool({}, 'token', `user-${user}`);
    await expectLimit(tool({}, 'token', 'alice'));
  });

  it('asks an injected limiter, and fails closed when that fails', async () => {
    const keys: string[] = [];
    const limiter: RateLimiter = {
      consume: async (key) => {
        keys.push(key);
        if (keys.length > 1) throw new Error('store out of reach');
        return { allowed: false, remaining: 0, retryAfterSeconds: 12 };
      },
      peek: () => ({ allowed: true, remaining: 1, retryAfterSeconds: 0 }),
    };
    let runs = 0;
    const tool = withRateLimit({ limiter })(() => (runs += 1));
    expect((await expectLimit(tool({}, 'token', 'alice'))).retryAfter).toBe(12);
    await expect(tool({}, 'token', 'alice')).rejects.toThrow('store out of reach');
    expect(keys).toEqual(['["user","alice"]', '["user","alice"]']);
    expect(runs).toBe(0);
  });

  it('refuses wrong options, all at once', () => {
    const wrong = [
      { maxRequests: 0, windowMs: 1000 },
      { maxRequests: 1.5, windowMs: 1000 },
      { maxRequests: Number.POSITIVE_INFINITY, windowMs: 1000 },
      { maxRequests: 1, windowMs: 0 },
      { maxRequests: 1, windowMs: Number.NaN },
      {} as ToolRateLimitOptions,
    ];
    for (const options of wrong) expect(() => withRateLimit(options)).toThrow(ConfigurationError);
    expect(() => withRateLimit({ maxRequests: -1, windowMs: -1 })).toThrow(/maxRequests.*\n.*windowMs/);
  });
});
