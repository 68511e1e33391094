import { refuse } from '../core/refusal.ts';
import type { Passage, Step } from './passage.ts';

/** How many calls of one principal may run at once. Takes a place in its step and gives it back when the call ends. */
export interface ConcurrencyLimit {
  readonly enter: Step<Passage>;
  leave(passage: Passage): void;
}

/** The last step before running, so that whatever enters also leaves. Streams meant to last are not counted. */
export function createConcurrencyLimit(max: number | undefined): ConcurrencyLimit {
  const running = new Map<string, number>();
  return {
    enter({ caller, facts }) {
      if (max === undefined || isLasting(facts.method)) return undefined;
      const { key } = caller.principal;
      const count = running.get(key) ?? 0;
      if (count >= max) {
        return refuse('RATE_LIMIT_EXCEEDED', `At most ${max} calls may run at once`, { retryAfterSeconds: 1 });
      }
      running.set(key, count + 1);
      return undefined;
    },
    leave({ caller, facts }) {
      if (max === undefined || isLasting(facts.method)) return;
      const { key } = caller.principal;
      const count = (running.get(key) ?? 1) - 1;
      if (count > 0) running.set(key, count);
      else running.delete(key);
    },
  };
}

/** Whether a request opens a stream that is meant to last: nobody waits for its end. */
export function isLasting(method: string): boolean {
  return method === 'subscriptions/listen' || method === 'http/GET';
}
