import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError, MCPAuthError } from '../core/errors.ts';
import type { AuditEvent, AuditSink } from './audit-sink.ts';
import { lostEvents } from './lost-events.ts';
import { redactEvent } from './redact.ts';

export type AuditCallback = (event: AuditEvent) => void | PromiseLike<void>;

export interface CallbackSinkOptions {
  /** How many calls that take their time may be under way. Default 1000. */
  readonly maxInFlight?: number | undefined;
  /** Beyond that, calls are refused (default), or events lost, counted and reported. */
  readonly onFull?: 'refuse' | 'drop' | undefined;
  /** How long `flush` and `close` wait for calls under way. Default 10000. */
  readonly timeoutMs?: number | undefined;
  readonly now?: Clock | undefined;
}

/**
 * Gives every event, redacted and frozen, to a function. What it throws or rejects with is ignored: the
 * function sees to its own errors.
 *
 * With `refuse`, events of calls that are running already are taken up to twice the bound, then lost; lost events
 * are counted, and one event of type `lifecycle` tells their number when there is room again.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) when a bound is not a positive whole number
 */
export function createCallbackSink(callback: AuditCallback, options: CallbackSinkOptions = {}): AuditSink {
  const { maxInFlight = 1000, onFull = 'refuse', timeoutMs = 10_000, now = systemClock } = options;
  checkBounds({ maxInFlight, timeoutMs });
  const limit = onFull === 'refuse' ? 2 * maxInFlight : maxInFlight;
  const inFlight = new Set<Promise<void>>();
  let lost = 0;

  const deliver = (event: AuditEvent): void => {
    const pending = callSafely(callback, Object.freeze(redactEvent(event)));
    if (pending === undefined) return;
    const tracked: Promise<void> = pending.finally(() => {
      inFlight.delete(tracked);
      if (inFlight.size <= maxInFlight / 2) reportLost();
    });
    inFlight.add(tracked);
  };
  const reportLost = (): void => {
    if (lost === 0) return;
    const count = lost;
    lost = 0;
    deliver(lostEvents(count, now()));
  };
  const settle = async (): Promise<void> => {
    const isDone = await settledWithin([...inFlight], timeoutMs);
    if (!isDone && onFull === 'refuse') {
      throw new MCPAuthError('INTERNAL_ERROR', 'Audit events are not taken in time', {
        detail: 'audit callback',
      });
    }
  };
  return {
    durability: 'batched',
    write(event) {
      if (inFlight.size >= limit) lost += 1;
      else deliver(event);
    },
    isFull: () => onFull === 'refuse' && inFlight.size >= maxInFlight,
    flush: settle,
    close: async () => {
      await settle();
      reportLost();
      await settle();
    },
  };
}

/** Never throws and never rejects. Undefined when the function is done already. */
function callSafely(callback: AuditCallback, event: AuditEvent): Promise<void> | undefined {
  try {
    const result: unknown = callback(event);
    if (typeof result !== 'object' || result === null || !('then' in result)) return undefined;
    return Promise.resolve(result).then(
      () => undefined,
      () => undefined,
    );
  } catch {
    return undefined;
  }
}

async function settledWithin(tasks: readonly Promise<void>[], timeoutMs: number): Promise<boolean> {
  if (tasks.length === 0) return true;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs).unref();
  });
  const isDone = await Promise.race([Promise.all(tasks).then(() => true), timeout]);
  clearTimeout(timer);
  return isDone;
}

function checkBounds(bounds: Readonly<Record<string, number>>): void {
  const wrong = Object.entries(bounds).filter(([, value]) => !Number.isSafeInteger(value) || value < 1);
  if (wrong.length > 0) {
    throw new ConfigurationError(wrong.map(([name]) => `audit.${name}: must be a positive whole number`));
  }
}
