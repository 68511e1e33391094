import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  AuthenticationError,
  ConfigurationError,
  InvalidTokenError,
  MCPAuthError,
  MissingCredentialsError,
  RateLimitError,
  TokenResolutionError,
  TransportError,
  ValidationError,
} from '../../core/errors.ts';
import { createStandaloneContext } from '../tool-handler.ts';
import { compose } from './compose.ts';
import { withRetry } from './with-retry.ts';
import { withTimeout } from './with-timeout.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Fails with the given errors, one after the other, and then succeeds. */
function failing(...errors: unknown[]) {
  const starts: number[] = [];
  const handler = async () => {
    starts.push(Date.now());
    const error = errors[starts.length - 1];
    if (error !== undefined) throw error as Error;
    return 'ran';
  };
  return { handler, starts };
}

const accident = () => new Error('connection reset');

async function settle(call: unknown): Promise<unknown> {
  const settled = Promise.resolve(call).catch((error: unknown) => error);
  await vi.runAllTimersAsync();
  return settled;
}

describe('withRetry', () => {
  it('[mcp-auth/tool-level.with-retry] repeats an idempotent tool up to three times, with growing pauses', async () => {
    const { handler, starts } = failing(accident(), accident(), accident());
    const begin = Date.now();
    expect(await settle(withRetry({ idempotent: true })(handler)({}, 'token', 'alice'))).toBe('ran');
    expect(starts.map((start) => start - begin)).toEqual([0, 1000, 3000, 7000]);
  });

  it('[mcp-auth/tool-level.with-retry] gives the last error when all attempts failed', async () => {
    const last = new Error('still down');
    const { handler, starts } = failing(accident(), accident(), last, accident());
    expect(await settle(withRetry({ idempotent: true, maxRetries: 2 })(handler)({}, 'token', 'alice'))).toBe(
      last,
    );
    expect(starts).toHaveLength(3);
  });

  it('[mcp-auth/tool-level.with-retry] runs a tool that is not marked idempotent once', async () => {
    const error = accident();
    const plain = failing(error);
    expect(await settle(withRetry()(plain.handler)({}, 'token', 'alice'))).toBe(error);
    expect(plain.starts).toHaveLength(1);

    const denied = failing(error);
    const context = { ...createStandaloneContext('alice'), idempotent: true };
    expect(
      await settle(withRetry({ idempotent: false })(denied.handler)({}, 'token', 'alice', context)),
    ).toBe(error);
    expect(denied.starts).toHaveLength(1);
  });

  it('[mcp-auth/tool-level.with-retry] believes the annotations of the tool', async () => {
    const { handler, starts } = failing(accident());
    const context = { ...createStandaloneContext('alice'), idempotent: true };
    expect(await settle(withRetry()(handler)({}, 'token', 'alice', context))).toBe('ran');
    expect(starts).toHaveLength(2);
  });

  it.each([
    new AuthenticationError(),
    new MissingCredentialsError(),
    new InvalidTokenError(),
    new TokenResolutionError('not linked'),
    new RateLimitError('slow down', 3),
    new ValidationError('malformed'),
    new ConfigurationError('wrong'),
    new MCPAuthError('ACCESS_DENIED', 'denied'),
    new MCPAuthError('INSUFFICIENT_SCOPE', 'more scope'),
    Object.assign(new Error('open this page first'), { code: -32042 }),
    'a thrown string',
  ])('[mcp-auth/tool-level.with-retry] does not repeat what is an answer: %s', async (error) => {
    const { handler, starts } = failing(error);
    const tool = withRetry({ idempotent: true, shouldRetry: () => true })(handler);
    expect(await settle(tool({}, 'token', 'alice'))).toBe(error);
    expect(starts).toHaveLength(1);
  });

  it.each([
    new TransportError('socket closed'),
    new TokenResolutionError('tenant manager is down', { outage: true }),
    new MCPAuthError('REQUEST_TIMEOUT', 'timed out'),
    Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
    new TypeError('fetch failed'),
  ])('repeats what may pass by itself: %s', async (error) => {
    const { handler } = failing(error);
    expect(await settle(withRetry({ idempotent: true })(handler)({}, 'token', 'alice'))).toBe('ran');
  });

  it('gives each attempt its own time around a timeout', async () => {
    let attempts = 0;
    const tool = compose(withRetry({ idempotent: true, delayMs: 0 }), withTimeout(50), async () => {
      attempts += 1;
      return attempts < 3 ? new Promise(() => {}) : 'ran';
    });
    expect(await settle(tool({}, 'token', 'alice'))).toBe('ran');
    expect(attempts).toBe(3);
  });

  it('[mcp-auth/tool-level.with-retry] ends the pause and makes no further attempt when the call is cancelled', async () => {
    const client = new AbortController();
    const { handler, starts } = failing(accident());
    const context = { ...createStandaloneContext('alice'), signal: client.signal };
    const call = Promise.resolve(withRetry({ idempotent: true })(handler)({}, 'token', 'alice', context));
    const settled = call.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(500);
    const reason = new Error('cancelled by the client');
    client.abort(reason);
    expect(await settled).toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
    await vi.runAllTimersAsync();
    expect(starts).toHaveLength(1);
  });

  it('makes no second attempt when the first one was cancelled', async () => {
    const client = new AbortController();
    const error = accident();
    let attempts = 0;
    const tool = withRetry({ idempotent: true })(async () => {
      attempts += 1;
      client.abort();
      throw error;
    });
    const context = { ...createStandaloneContext('alice'), signal: client.signal };
    expect(await settle(tool({}, 'token', 'alice', context))).toBe(error);
    expect(attempts).toBe(1);
  });

  it('can be told to pause evenly, not longer than a limit, and not for some errors', async () => {
    const even = failing(accident(), accident());
    let begin = Date.now();
    await settle(
      withRetry({ idempotent: true, delayMs: 10, backoff: 'fixed' })(even.handler)({}, 'token', 'alice'),
    );
    expect(even.starts.map((start) => start - begin)).toEqual([0, 10, 20]);

    const capped = failing(accident(), accident(), accident());
    begin = Date.now();
    await settle(
      withRetry({ idempotent: true, delayMs: 10, maxDelayMs: 15 })(capped.handler)({}, 'token', 'alice'),
    );
    expect(capped.starts.map((start) => start - begin)).toEqual([0, 10, 25, 40]);

    const chosen = failing(accident());
    const tool = withRetry({
      idempotent: true,
      shouldRetry: (error) => error.message !== 'connection reset',
    });
    await settle(tool(chosen.handler)({}, 'token', 'alice'));
    expect(chosen.starts).toHaveLength(1);
  });

  it('counts attempts as well as repetitions', async () => {
    const { handler, starts } = failing(accident(), accident(), accident());
    await settle(withRetry({ idempotent: true, maxAttempts: 2, delayMs: 0 })(handler)({}, 'token', 'alice'));
    expect(starts).toHaveLength(2);
  });

  it('refuses wrong options, all at once', () => {
    const backoff = 'linear' as 'fixed';
    expect(() => withRetry({ maxRetries: 1, maxAttempts: 1 })).toThrow(ConfigurationError);
    expect(() => withRetry({ maxAttempts: 0 })).toThrow(ConfigurationError);
    expect(() => withRetry({ maxRetries: Number.POSITIVE_INFINITY })).toThrow(ConfigurationError);
    expect(() => withRetry({ maxRetries: -1, delayMs: Number.NaN, backoff })).toThrow(
      /maxRetries.*\n.*delayMs.*\n.*backoff/,
    );
  });
});
