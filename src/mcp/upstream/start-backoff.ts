import { ServerUnavailableError } from '../../core/errors.ts';

/** How the starts of one kind of process went. Keys tell apart processes that fail for reasons of their own. */
export interface StartBackoff {
  /** @throws ServerUnavailableError (SERVER_UNAVAILABLE) with the time to wait, while it is too early to try again */
  checkMayStart(key: string): void;
  failed(key: string): void;
  succeeded(key: string): void;
}

export interface StartBackoffOptions {
  readonly now: () => number;
  /** After the first failure; doubled by each that follows. Default one second. */
  readonly firstMs?: number | undefined;
  /** Default one minute. */
  readonly longestMs?: number | undefined;
}

interface Failures {
  readonly count: number;
  readonly until: number;
}

const MAX_KEYS = 1000;

/** Keeps what dies while it starts from being started in a loop. */
export function createStartBackoff(options: StartBackoffOptions): StartBackoff {
  const { now, firstMs = 1000, longestMs = 60_000 } = options;
  // In the order of their last failure.
  const failing = new Map<string, Failures>();
  return {
    checkMayStart(key) {
      const waitMs = (failing.get(key)?.until ?? 0) - now();
      if (waitMs <= 0) return;
      throw new ServerUnavailableError('The server failed to start; it is not started again yet', {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
        detail: `next start in ${waitMs} ms`,
      });
    },
    failed(key) {
      const earlier = failing.get(key);
      // Those that were started together fail together, and count once.
      if (earlier !== undefined && now() < earlier.until) return;
      const count = (earlier?.count ?? 0) + 1;
      failing.delete(key);
      failing.set(key, { count, until: now() + Math.min(longestMs, firstMs * 2 ** Math.min(count - 1, 20)) });
      const [oldest] = failing.keys();
      if (failing.size > MAX_KEYS && oldest !== undefined) failing.delete(oldest);
    },
    succeeded(key) {
      failing.delete(key);
    },
  };
}
