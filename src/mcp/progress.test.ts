import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPrincipal } from '../core/principal.ts';
import { createProgressMonitor, type ProgressMonitor } from './progress.ts';

const alice = createPrincipal({ issuer: 'https://issuer.example', subject: 'alice' });
const bob = createPrincipal({ issuer: 'https://issuer.example', subject: 'bob' });

const START = Date.parse('2026-02-23T21:00:00.000Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;

describe('progress monitor', () => {
  let now = START;
  let monitor: ProgressMonitor;

  /** Moves the clock, and with it the timer that sweeps. */
  const pass = (ms: number) => {
    now += ms;
    vi.advanceTimersByTime(ms);
  };

  beforeEach(() => {
    vi.useFakeTimers();
    now = START;
    monitor = createProgressMonitor(() => now);
  });

  afterEach(() => {
    monitor.close();
    vi.useRealTimers();
  });

  it('[mcp-auth/endpoint.progress-tracking] keeps streams of one token apart, by user and by request', () => {
    const first = monitor.start(alice, 'alice', 0);
    monitor.start(alice, 'alice', 0);
    const other = monitor.start(bob, 'bob', 0);
    first.message(100);
    first.message(50);
    other.message(7);

    expect(monitor.stats(alice, 'alice')).toEqual({
      user: { userId: 'alice', activeStreams: 2, totalMessages: 2, totalBytes: 150, oldestStreamAge: 0 },
      global: { activeStreams: 3, totalMessages: 3, userCount: 2 },
      timestamp: '2026-02-23T21:00:00.000Z',
    });
    first.end();
    expect(monitor.metrics(alice, false).metrics).toMatchObject([
      { userId: 'alice', progressToken: 0, messageCount: 0 },
    ]);
    expect(monitor.stats(bob, 'bob').user).toMatchObject({ activeStreams: 1, totalBytes: 7 });
  });

  it('tells users of one name apart by their issuer', () => {
    const namesake = createPrincipal({ issuer: 'https://other.example', subject: 'alice' });
    monitor.start(alice, 'alice', 1);
    expect(monitor.stats(namesake, 'alice').user.activeStreams).toBe(0);
    expect(monitor.metrics(namesake, false).metrics).toEqual([]);
  });

  it('measures each stream', () => {
    const stream = monitor.start(alice, 'alice', 'op-456');
    pass(2 * SECOND);
    stream.message(300);
    stream.message(100);
    pass(2 * SECOND);
    expect(monitor.metrics(alice, false).metrics).toEqual([
      {
        userId: 'alice',
        progressToken: 'op-456',
        startTime: START,
        lastUpdate: START + 2 * SECOND,
        duration: 4 * SECOND,
        messageCount: 2,
        bytesTransferred: 400,
        averageMessageSize: 200,
        messagesPerSecond: 0.5,
      },
    ]);
    expect(monitor.stats(alice, 'alice').user.oldestStreamAge).toBe(4 * SECOND);
  });

  it('has an average for a stream that has sent nothing, at the moment it starts', () => {
    monitor.start(alice, 'alice', 1);
    expect(monitor.metrics(alice, false).metrics).toMatchObject([
      { averageMessageSize: 0, messagesPerSecond: 0 },
    ]);
  });

  it('[mcp-auth/endpoint.progress-tracking] forgets a stream that was idle for 5 minutes at the next sweep, each minute', () => {
    const idle = monitor.start(alice, 'alice', 1);
    const busy = monitor.start(alice, 'alice', 2);
    const tokens = () => monitor.metrics(alice, false).metrics.map(({ progressToken }) => progressToken);

    pass(5 * MINUTE);
    expect(tokens()).toEqual([1, 2]);
    busy.message(1);
    // Idle for more than five minutes, and no sweep yet: an issue in the health report.
    pass(30 * SECOND);
    expect(monitor.metrics(alice, false).health).toMatchObject({
      healthy: false,
      issues: ['stream 1 has been silent for over 5 minutes'],
    });
    pass(30 * SECOND);
    expect(tokens()).toEqual([2]);
    expect(monitor.metrics(alice, false).health.healthy).toBe(true);

    idle.message(1);
    expect(tokens()).toEqual([2, 1]);
    idle.end();
    idle.message(1);
    expect(tokens()).toEqual([2]);
  });

  it('[mcp-auth/endpoint.progress-tracking] warns of a stream over an hour, and of more than 100 messages a second', () => {
    const long = monitor.start(alice, 'alice', 'long');
    for (let minute = 0; minute < 60; minute++) {
      pass(MINUTE);
      long.message(1);
    }
    expect(monitor.metrics(alice, false).health).toEqual({ healthy: true, issues: [], warnings: [] });
    pass(1);
    expect(monitor.metrics(alice, false).health.warnings).toEqual([
      'stream long has been running for over an hour',
    ]);
    long.end();

    const fast = monitor.start(alice, 'alice', 7);
    pass(SECOND);
    for (let count = 0; count < 100; count++) fast.message(1);
    expect(monitor.metrics(alice, false).health.warnings).toEqual([]);
    fast.message(1);
    expect(monitor.metrics(alice, false).health.warnings).toEqual([
      'stream 7 sends more than 100 messages a second',
    ]);
  });

  it('shows own streams only, health included, unless all are asked for', () => {
    monitor.start(bob, 'bob', 'secret-project');
    pass(5 * MINUTE);
    pass(1);
    expect(monitor.metrics(alice, false)).toMatchObject({
      metrics: [],
      health: { healthy: true, issues: [] },
    });
    expect(monitor.metrics(alice, true).health.issues).toEqual([
      'stream secret-project has been silent for over 5 minutes',
    ]);
    expect(monitor.metrics(alice, true).metrics.map(({ userId }) => userId)).toEqual(['bob']);
  });

  it('leaves no timer when it is closed', () => {
    expect(vi.getTimerCount()).toBe(1);
    monitor.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
