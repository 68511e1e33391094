import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import type { AuditEvent } from './audit-sink.ts';
import { createCallbackSink } from './callback.ts';

const event = (number: number): AuditEvent => ({
  time: '2026-01-01T00:00:00.000Z',
  type: 'call',
  outcome: 'allow',
  requestId: String(number),
});

/** A function that takes its time until it is let go. */
function slow() {
  const seen: AuditEvent[] = [];
  const waiting: (() => void)[] = [];
  const callback = (given: AuditEvent) => {
    seen.push(given);
    return new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  };
  const letGo = (count = waiting.length) => {
    for (const resolve of waiting.splice(0, count)) resolve();
  };
  return { seen, callback, letGo };
}

describe('createCallbackSink', () => {
  it('[config/audit] gives every event, redacted and frozen', () => {
    const seen: AuditEvent[] = [];
    const sink = createCallbackSink((given) => void seen.push(given));
    sink.write({ ...event(0), detail: 'Bearer abc', target: 'db://t?key=1' });
    expect(seen).toEqual([{ ...event(0), detail: 'Bearer [redacted]', target: 'db://t' }]);
    expect(Object.isFrozen(seen[0])).toBe(true);
  });

  it('[config/audit] lets no error of the function reach the caller', async () => {
    const throwing = createCallbackSink(() => {
      throw new Error('broken');
    });
    const rejecting = createCallbackSink(() => Promise.reject(new Error('broken')));
    for (const sink of [throwing, rejecting]) {
      expect(() => sink.write(event(0))).not.toThrow();
      await expect(sink.flush()).resolves.toBeUndefined();
      await expect(sink.close()).resolves.toBeUndefined();
    }
  });

  it('[config/audit] waits for calls under way when flushed and when closed', async () => {
    const { callback, letGo } = slow();
    const sink = createCallbackSink(callback);
    sink.write(event(0));
    let isDone = false;
    const flushed = sink.flush().then(() => {
      isDone = true;
    });
    await new Promise(setImmediate);
    expect(isDone).toBe(false);
    letGo();
    await flushed;
    await sink.close();
  });

  it('[config/audit] refuse: is full at the bound, keeps room for calls under way, and counts beyond', async () => {
    const { seen, callback, letGo } = slow();
    const sink = createCallbackSink(callback, { maxInFlight: 4, now: () => 0 });
    for (let i = 0; i < 4; i += 1) {
      expect(sink.isFull?.()).toBe(false);
      sink.write(event(i));
    }
    expect(sink.isFull?.()).toBe(true);
    for (let i = 4; i < 20; i += 1) sink.write(event(i));
    expect(seen).toHaveLength(8);
    letGo();
    await new Promise(setImmediate);
    letGo();
    await sink.flush();
    expect(sink.isFull?.()).toBe(false);
    expect(seen).toHaveLength(9);
    expect(seen[8]).toMatchObject({
      type: 'lifecycle',
      detail: expect.stringContaining('12 audit events were lost'),
    });
  });

  it('[config/audit] drop: is never full, and tells how many were lost at the latest when closed', async () => {
    const { seen, callback, letGo } = slow();
    const sink = createCallbackSink(callback, { maxInFlight: 1, onFull: 'drop' });
    for (let i = 0; i < 5; i += 1) sink.write(event(i));
    expect(sink.isFull?.()).toBe(false);
    expect(seen).toHaveLength(1);
    const closed = sink.close();
    letGo();
    await new Promise(setImmediate);
    letGo();
    await closed;
    expect(seen.map(({ type }) => type)).toEqual(['call', 'lifecycle']);
    expect(seen[1]?.detail).toContain('4 audit events were lost');
  });

  it('does not wait for ever', async () => {
    const refusing = createCallbackSink(slow().callback, { timeoutMs: 10 });
    refusing.write(event(0));
    await expect(refusing.flush()).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    const dropping = createCallbackSink(slow().callback, { timeoutMs: 10, onFull: 'drop' });
    dropping.write(event(0));
    await expect(dropping.close()).resolves.toBeUndefined();
  });

  it('refuses bounds that are none', () => {
    const wrong = () => createCallbackSink(() => undefined, { maxInFlight: 0, timeoutMs: 1.5 });
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow(/maxInFlight.*\n.*timeoutMs/);
  });
});
