import { type Refusal, refuse } from '../core/refusal.ts';

/** Bounds on connections that are open, or about to be. */
export interface Places {
  /** Returns what gives the place back. */
  take(key: string): (() => void) | Refusal;
  readonly taken: number;
}

export function createPlaces(max: number, maxPerKey: number): Places {
  const counts = new Map<string, number>();
  let taken = 0;

  return {
    take(key) {
      const count = counts.get(key) ?? 0;
      if (count >= maxPerKey)
        return refuse('RATE_LIMIT_EXCEEDED', 'Too many open connections for this principal', {
          retryAfterSeconds: 30,
        });
      if (taken >= max)
        return refuse('SERVER_POOL_ERROR', 'Too many open connections', { retryAfterSeconds: 30 });
      taken += 1;
      counts.set(key, count + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        taken -= 1;
        const left = (counts.get(key) ?? 1) - 1;
        if (left > 0) counts.set(key, left);
        else counts.delete(key);
      };
    },
    get taken() {
      return taken;
    },
  };
}
