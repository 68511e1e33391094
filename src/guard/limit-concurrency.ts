import type { Outcome } from '../core/admission.ts';
import { refuse } from '../core/refusal.ts';
import type { Passage, Step } from './passage.ts';

/** How many calls of one principal may run at once. Takes a place in its step and gives it back when the call ends. */
export interface ConcurrencyLimit {
  readonly enter: Step<Passage>;
  /** Gives back the place of a passage that has one; of a call that was cut off only after a while. */
  leave(passage: Passage, outcome?: Outcome): void;
}

// The tool of a call that was cut off may still be at work, and nobody hears when it ends.
const ABORTED_HOLD_MS = 10_000;

/** Streams meant to last are not counted. */
export function createConcurrencyLimit(max: number | undefined): ConcurrencyLimit {
  const running = new Map<string, number>();
  const entered = new WeakSet<Passage>();

  const free = (key: string): void => {
    const count = (running.get(key) ?? 1) - 1;
    if (count > 0) running.set(key, count);
    else running.delete(key);
  };

  return {
    enter(passage) {
      const { caller, facts } = passage;
      if (max === undefined || isLasting(facts.method)) return undefined;
      const { key } = caller.principal;
      const count = running.get(key) ?? 0;
      if (count >= max) {
        return refuse('RATE_LIMIT_EXCEEDED', `At most ${max} calls may run at once`, {
          retryAfterSeconds: 1,
        });
      }
      running.set(key, count + 1);
      entered.add(passage);
      return undefined;
    },
    leave(passage, outcome) {
      if (!entered.delete(passage)) return;
      const { key } = passage.caller.principal;
      if (outcome?.error === 'aborted') setTimeout(() => free(key), ABORTED_HOLD_MS).unref();
      else free(key);
    },
  };
}

/** Streams meant to last: they hold no place, and nothing waits for their end. */
export function isLasting(method: string): boolean {
  return method === 'subscriptions/listen' || method === 'http/GET';
}
