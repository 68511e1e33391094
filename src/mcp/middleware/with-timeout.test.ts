import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError, MCPAuthError } from '../../core/errors.ts';
import { createStandaloneContext } from '../tool-handler.ts';
import { withTimeout } from './with-timeout.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('withTimeout', () => {
  it('[mcp-auth/tool-level.with-timeout] gives up at once and aborts the signal of the handler', async () => {
    vi.useFakeTimers();
    let signal: AbortSignal | undefined;
    const tool = withTimeout(5000)(async (_args, _token, _user, context) => {
      signal = context?.signal;
      return new Promise(() => {});
    });

    const call = Promise.resolve(tool({}, 'token', 'alice')).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(4999);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal?.aborted).toBe(true);
    const error = await call;
    expect(error).toBeInstanceOf(MCPAuthError);
    expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT', message: 'The tool timed out after 5000 ms' });
    expect(signal?.reason).toBe(error);
  });

  it('[mcp-auth/tool-level.with-timeout] leaves no timer, whether the handler returns, throws or expires', async () => {
    vi.useFakeTimers();
    const limited = withTimeout(5000);
    expect(await limited(async () => 'ran')({}, 'token', 'alice')).toBe('ran');
    expect(vi.getTimerCount()).toBe(0);

    const throwing = limited(() => {
      throw new Error('broken');
    });
    await expect(throwing({}, 'token', 'alice')).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);

    const hanging = Promise.resolve(limited(() => new Promise(() => {}))({}, 'token', 'alice')).catch(
      () => 'expired',
    );
    await vi.advanceTimersByTimeAsync(5000);
    expect(await hanging).toBe('expired');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('reports the timeout also when the handler fails because of it', async () => {
    const tool = withTimeout(10)(async (_args, _token, _user, context) => {
      await new Promise((_resolve, reject) => {
        context?.signal.addEventListener('abort', () => reject(new Error('aborted by the handler')));
      });
    });
    await expect(tool({}, 'token', 'alice')).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('leaves no unhandled rejection when the handler fails afterwards', async () => {
    const unhandled: unknown[] = [];
    const record = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', record);
    try {
      let fail = (_error: Error): void => {};
      const tool = withTimeout(5)(() => new Promise((_resolve, reject) => (fail = reject)));
      await expect(tool({}, 'token', 'alice')).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
      fail(new Error('too late'));
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', record);
    }
  });

  it('hands on the cancellation of the client', async () => {
    const client = new AbortController();
    const context = { ...createStandaloneContext('alice'), signal: client.signal };
    const tool = withTimeout(60_000)(async (_args, _token, _user, inner) => {
      client.abort(new Error('cancelled'));
      return { inner: inner?.signal.aborted, toolName: inner?.toolName };
    });
    expect(await tool({}, 'token', 'alice', { ...context, toolName: 'slow' })).toEqual({
      inner: true,
      toolName: 'slow',
    });
  });

  it('refuses a time that no timer can keep', () => {
    for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      expect(() => withTimeout(wrong)).toThrow(ConfigurationError);
    }
  });
});
