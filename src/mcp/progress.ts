import type { Principal } from '../core/principal.ts';

/** One call that may report progress. Known by itself, never by its token: tokens collide between users. */
export interface ProgressStream {
  message(bytes: number): void;
  end(): void;
}

export interface ProgressStats {
  readonly user: {
    readonly userId: string;
    readonly activeStreams: number;
    readonly totalMessages: number;
    readonly totalBytes: number;
    readonly oldestStreamAge: number;
  };
  readonly global: {
    readonly activeStreams: number;
    readonly totalMessages: number;
    readonly userCount: number;
  };
  readonly timestamp: string;
}

export interface ProgressMetric {
  readonly userId: string;
  readonly progressToken: string | number;
  readonly startTime: number;
  readonly lastUpdate: number;
  readonly duration: number;
  readonly messageCount: number;
  readonly bytesTransferred: number;
  readonly averageMessageSize: number;
  readonly messagesPerSecond: number;
}

export interface ProgressMetrics {
  readonly metrics: readonly ProgressMetric[];
  readonly health: {
    readonly healthy: boolean;
    readonly issues: readonly string[];
    readonly warnings: readonly string[];
  };
  readonly timestamp: string;
}

/** Counts progress per principal and request. Times are milliseconds. */
export interface ProgressMonitor {
  start(principal: Principal, userId: string, progressToken: string | number): ProgressStream;
  stats(principal: Principal, userId: string): ProgressStats;
  /** The principal's own streams; with `all` everybody's of the same issuer and tenant. */
  metrics(principal: Principal, all: boolean): ProgressMetrics;
  close(): void;
}

interface Counter {
  readonly principalKey: string;
  readonly realm: string;
  readonly userId: string;
  readonly progressToken: string | number;
  readonly startTime: number;
  lastUpdate: number;
  messages: number;
  bytes: number;
}

const STALE_MS = 5 * 60_000;
const SWEEP_MS = 60_000;
const LONG_MS = 60 * 60_000;
const FAST_PER_SECOND = 100;

export function createProgressMonitor(now: () => number): ProgressMonitor {
  const streams = new Set<Counter>();
  const sweep = () => {
    for (const stream of streams) if (now() - stream.lastUpdate > STALE_MS) streams.delete(stream);
  };
  const timer = setInterval(sweep, SWEEP_MS).unref();
  const timestamp = () => new Date(now()).toISOString();

  return {
    start(principal, userId, progressToken) {
      const startTime = now();
      const stream: Counter = {
        principalKey: principal.key,
        realm: realmOf(principal),
        userId,
        progressToken,
        startTime,
        lastUpdate: startTime,
        messages: 0,
        bytes: 0,
      };
      let ended = false;
      streams.add(stream);
      return {
        message(bytes) {
          if (ended) return;
          stream.messages += 1;
          stream.bytes += bytes;
          stream.lastUpdate = now();
          // A stream that was swept while its call was silent is live again.
          streams.add(stream);
        },
        end() {
          ended = true;
          streams.delete(stream);
        },
      };
    },
    stats(principal, userId) {
      const all = [...streams].filter((stream) => stream.realm === realmOf(principal));
      const own = all.filter((stream) => stream.principalKey === principal.key);
      return {
        user: {
          userId,
          activeStreams: own.length,
          totalMessages: sum(own, 'messages'),
          totalBytes: sum(own, 'bytes'),
          oldestStreamAge: own.reduce((age, stream) => Math.max(age, now() - stream.startTime), 0),
        },
        global: {
          activeStreams: all.length,
          totalMessages: sum(all, 'messages'),
          userCount: new Set(all.map((stream) => stream.principalKey)).size,
        },
        timestamp: timestamp(),
      };
    },
    metrics(principal, all) {
      const visible = [...streams].filter((stream) =>
        all ? stream.realm === realmOf(principal) : stream.principalKey === principal.key,
      );
      const metrics = visible.map((stream) => toMetric(stream, now()));
      return { metrics, health: healthOf(visible, now()), timestamp: timestamp() };
    },
    close() {
      clearInterval(timer);
      streams.clear();
    },
  };
}

/** Issuer and tenant: an administrator of one is nobody in another. */
function realmOf({ issuer, tenantId }: Principal): string {
  return JSON.stringify([issuer, tenantId ?? null]);
}

function sum(streams: readonly Counter[], field: 'messages' | 'bytes'): number {
  return streams.reduce((total, stream) => total + stream[field], 0);
}

function toMetric(stream: Counter, at: number): ProgressMetric {
  const duration = at - stream.startTime;
  return {
    userId: stream.userId,
    progressToken: stream.progressToken,
    startTime: stream.startTime,
    lastUpdate: stream.lastUpdate,
    duration,
    messageCount: stream.messages,
    bytesTransferred: stream.bytes,
    averageMessageSize: stream.messages === 0 ? 0 : stream.bytes / stream.messages,
    messagesPerSecond: perSecond(stream.messages, duration),
  };
}

// Under a second the rate is the count: a burst at the start is no flood.
function perSecond(messages: number, durationMs: number): number {
  return messages / Math.max(1, durationMs / 1000);
}

function healthOf(streams: readonly Counter[], at: number): ProgressMetrics['health'] {
  const issues: string[] = [];
  const warnings: string[] = [];
  for (const stream of streams) {
    const name = `stream ${stream.progressToken}`;
    const duration = at - stream.startTime;
    if (at - stream.lastUpdate > STALE_MS) issues.push(`${name} has been silent for over 5 minutes`);
    if (duration > LONG_MS) warnings.push(`${name} has been running for over an hour`);
    if (perSecond(stream.messages, duration) > FAST_PER_SECOND) {
      warnings.push(`${name} sends more than ${FAST_PER_SECOND} messages a second`);
    }
  }
  return { healthy: issues.length === 0, issues, warnings };
}
