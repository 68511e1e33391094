import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLiveStreams } from './live-streams.ts';

describe('createLiveStreams', () => {
  beforeEach(() => vi.useFakeTimers({ now: 0 }));
  afterEach(() => vi.useRealTimers());

  it('ends a stream when its token expires, and not before', () => {
    const close = vi.fn();
    createLiveStreams(Date.now).add({ expiresAt: 10, close });
    vi.advanceTimersByTime(9_999);
    expect(close).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(close).toHaveBeenCalledOnce();
  });

  it('waits for an expiry further away than a timer can', () => {
    const close = vi.fn();
    const fortyDays = 40 * 24 * 3600;
    createLiveStreams(Date.now).add({ expiresAt: fortyDays, close });
    vi.advanceTimersByTime((fortyDays - 1) * 1000);
    expect(close).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(close).toHaveBeenCalledOnce();
  });

  it('ends the streams of a revoked credential alone', () => {
    const [revoked, other] = [vi.fn(), vi.fn()];
    const streams = createLiveStreams(Date.now);
    streams.add({ credentialFingerprint: 'a', close: revoked });
    streams.add({ credentialFingerprint: 'b', close: other });
    streams.revoke('a');
    expect([revoked.mock.calls.length, other.mock.calls.length, streams.size]).toEqual([1, 0, 1]);
  });

  it('forgets a stream that ended by itself, and its timer with it', () => {
    const close = vi.fn();
    const streams = createLiveStreams(Date.now);
    const forget = streams.add({ expiresAt: 10, close });
    forget();
    expect([streams.size, vi.getTimerCount()]).toEqual([0, 0]);
    streams.closeAll();
    expect(close).not.toHaveBeenCalled();
  });

  it('ends what is added after all were ended', () => {
    const close = vi.fn();
    const streams = createLiveStreams(Date.now);
    streams.closeAll();
    streams.add({ close });
    vi.advanceTimersByTime(1);
    expect([close.mock.calls.length, streams.size]).toEqual([1, 0]);
  });
});
