import type { AuditSink } from './audit-sink.ts';

/**
 * Writes every event to all sinks; one that throws does not keep it from the others. Full when any is full.
 * Where a sink must keep events before the answer, `flush` waits for such sinks alone, so that a slow batched one does
 * not delay answers; `close` closes all, whatever happens to one.
 */
export function createFanOut(sinks: readonly AuditSink[]): AuditSink {
  const strict = sinks.filter((sink) => sink.durability === 'before-answer');
  const flushed = strict.length === 0 ? sinks : strict;
  return {
    durability: strict.length === 0 ? 'batched' : 'before-answer',
    write(event) {
      for (const sink of sinks) {
        try {
          sink.write(event);
        } catch {
          // The contract forbids it; the other sinks must get the event all the same.
        }
      }
    },
    isFull: () => sinks.some((sink) => sink.isFull?.() === true),
    flush: () => settleAll(flushed.map((sink) => () => sink.flush())),
    close: () => settleAll(sinks.map((sink) => () => sink.close())),
  };
}

async function settleAll(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const results = await Promise.allSettled(tasks.map(async (task) => task()));
  const errors = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, 'Several audit sinks failed');
}
