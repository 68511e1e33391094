import type { Request, Response } from 'express';

/** Slows down whoever guesses: failed attempts of one address within a window. */
export interface AttemptLimit {
  /**
   * Counts an attempt before it is looked at, so that many at once count as well. True where there were too many;
   * that is answered then, with 429.
   */
  refuses(request: Request, response: Response): boolean;
  /** Takes the attempt back: it was none of guessing. */
  forgive(request: Request): void;
}

export interface AttemptLimitOptions {
  readonly now: () => number;
  /** Default 20. */
  readonly max?: number | undefined;
  /** Default one minute. */
  readonly windowMs?: number | undefined;
}

const MAX_ADDRESSES = 10_000;

export function createAttemptLimit({ now, max = 20, windowMs = 60_000 }: AttemptLimitOptions): AttemptLimit {
  // In the order in which their windows end.
  const windows = new Map<string, { count: number; readonly endsAt: number }>();

  const windowOf = (address: string) => {
    for (const [known, { endsAt }] of windows) {
      if (endsAt > now() && windows.size < MAX_ADDRESSES) break;
      windows.delete(known);
    }
    const found = windows.get(address) ?? { count: 0, endsAt: now() + windowMs };
    windows.set(address, found);
    return found;
  };

  return {
    refuses(request, response) {
      const window = windowOf(request.ip ?? '');
      if (window.count < max) {
        window.count += 1;
        return false;
      }
      const seconds = Math.ceil((window.endsAt - now()) / 1000);
      response.status(429).set('retry-after', String(seconds)).json({ error: 'Too many attempts' });
      return true;
    },
    forgive(request) {
      const window = windows.get(request.ip ?? '');
      if (window !== undefined && window.count > 0) window.count -= 1;
    },
  };
}
