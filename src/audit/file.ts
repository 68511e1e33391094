import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  mkdirSync,
  openSync,
  readSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { AuditSink } from './audit-sink.ts';
import { type AppendFile, LineWriter } from './line-writer.ts';

export interface FileSinkOptions {
  readonly path: string;
  /** `batched` (default): within moments. `before-answer`: on the disk before the caller is answered. */
  readonly durability?: 'batched' | 'before-answer' | undefined;
  /**
   * What happens while events cannot be written fast enough, or at all: calls are refused (default), or
   * events lost, counted and reported. `drop` and `before-answer` exclude each other.
   */
  readonly onFull?: 'refuse' | 'drop' | undefined;
  /** How much may wait. Default 8388608. */
  readonly maxQueuedBytes?: number | undefined;
  /** How long an event waits for others. Default 250. */
  readonly flushIntervalMs?: number | undefined;
  /** Whether written means on the disk, or handed to the system. Default: with `before-answer`. */
  readonly fsync?: boolean | undefined;
  readonly now?: Clock | undefined;
  /** Opens the file; default {@link openAppendFile}. */
  readonly open?: ((path: string) => AppendFile) | undefined;
}

/** {@link AuditSink} that knows its durability and whether it is full. */
export interface FileSink extends AuditSink {
  readonly durability: 'batched' | 'before-answer';
  isFull(): boolean;
}

/**
 * Appends one line of JSON per event, in the order written. A line is never torn by an error: what could
 * not be written is tried again after each interval, from where it stopped.
 *
 * - `batched` loses up to one interval of events when the process is killed.
 * - Full, with `refuse`: more than `maxQueuedBytes` wait, or the last attempt to write failed. Events of calls
 *   that are running already are still taken, up to twice the bound. Lost events are counted, and one event of
 *   type `lifecycle` tells their number once there is room.
 * - `flush` and `close` reject with INTERNAL_ERROR when the file cannot be written; `flush` not with `drop`.
 * - The file stays open: rotate it by copying and truncating.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) for wrong options, and for a file that cannot be opened
 */
export function createFileSink(options: FileSinkOptions): FileSink {
  const { durability = 'batched', onFull = 'refuse' } = options;
  const { maxQueuedBytes = 8_388_608, flushIntervalMs = 250 } = options;
  checkOptions({ ...options, durability, onFull, maxQueuedBytes, flushIntervalMs });
  const writer = new LineWriter((options.open ?? openAppendFile)(options.path), {
    onFull,
    maxQueuedBytes,
    flushIntervalMs,
    fsync: options.fsync ?? durability === 'before-answer',
    now: options.now ?? systemClock,
  });
  return {
    durability,
    write: (event) => writer.write(event),
    isFull: () => writer.isFull(),
    flush: () => writer.flush(),
    close: () => writer.close(),
  };
}

/**
 * Opens a file for appending, and creates it for its owner alone (mode 0600, directories 0700) if need be. A line
 * torn by the end of an earlier process is ended, so that the next one stands by itself.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) when it cannot be opened
 */
export function openAppendFile(path: string): AppendFile {
  const descriptor = open(path);
  const isRegular = fstatSync(descriptor).isFile();
  return {
    async append(bytes) {
      return (await writeTo(descriptor, bytes)).bytesWritten;
    },
    // Pipes and terminals cannot be synchronised.
    sync: () => (isRegular ? syncFile(descriptor) : Promise.resolve()),
    close: () => Promise.resolve(closeSync(descriptor)),
  };
}

const writeTo = promisify(write);
const syncFile = promisify(fsync);

function open(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return endTornLine(openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o600));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new ConfigurationError(`audit.path: ${path} cannot be opened for appending (${code})`, {
      cause: error,
    });
  }
}

function endTornLine(descriptor: number): number {
  try {
    const { size } = fstatSync(descriptor);
    const last = Buffer.alloc(1);
    if (size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last.toString() !== '\n') {
      writeSync(descriptor, '\n');
    }
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

type CheckedOptions = FileSinkOptions & Required<Pick<FileSinkOptions, 'maxQueuedBytes' | 'flushIntervalMs'>>;

function checkOptions(options: CheckedOptions): void {
  const problems: string[] = [];
  if (typeof options.path !== 'string' || options.path === '') problems.push('audit.path: must name a file');
  for (const name of ['maxQueuedBytes', 'flushIntervalMs'] as const) {
    const value = options[name];
    if (value === undefined || !Number.isSafeInteger(value) || value < 1) {
      problems.push(`audit.${name}: must be a positive whole number`);
    }
  }
  if (!['batched', 'before-answer'].includes(String(options.durability))) {
    problems.push('audit.durability: must be "batched" or "before-answer"');
  }
  if (!['refuse', 'drop'].includes(String(options.onFull))) {
    problems.push('audit.onFull: must be "refuse" or "drop"');
  }
  if (options.durability === 'before-answer' && options.onFull === 'drop') {
    problems.push('audit.onFull: "drop" may lose what "before-answer" promises to keep');
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
}
