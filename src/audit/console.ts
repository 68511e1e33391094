import type { AuditSink } from './audit-sink.ts';
import { toEventLine } from './event-line.ts';

export interface ConsoleSinkOptions {
  /** Gets each line without its end. Default: standard error. */
  readonly write?: ((line: string) => void) | undefined;
}

/**
 * Writes one line of JSON per event, at once, to standard error: standard output belongs to the stdio
 * transport. Errors of writing are ignored, so a closed terminal stops no call; where events must not be
 * lost, use a file.
 */
export function createConsoleSink(options: ConsoleSinkOptions = {}): AuditSink {
  // console.error survives a closed pipe, where a write to process.stderr would end the process.
  const write = options.write ?? ((line: string) => console.error(line));
  return {
    durability: 'batched',
    write(event) {
      try {
        write(toEventLine(event));
      } catch {
        // Auditing to a console promises nothing, and a call must not fail by it.
      }
    },
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
