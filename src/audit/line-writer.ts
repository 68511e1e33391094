import type { Clock } from '../core/clock.ts';
import { MCPAuthError } from '../core/errors.ts';
import type { AuditEvent } from './audit-sink.ts';
import { toEventLine } from './event-line.ts';
import { lostEvents } from './lost-events.ts';

/** A file that only grows. */
export interface AppendFile {
  /** Appends some of the bytes, from the first on, and tells how many: at least one. */
  append(bytes: Uint8Array): Promise<number>;
  /** Resolves once what was appended is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface LineWriterOptions {
  readonly onFull: 'refuse' | 'drop';
  readonly maxQueuedBytes: number;
  readonly flushIntervalMs: number;
  /** Whether a line counts as written only when it is on the disk. */
  readonly fsync: boolean;
  readonly now: Clock;
}

const BATCH_BYTES = 65_536;

interface Chunk {
  readonly lines: string[];
  bytes: number;
}

/** What is being written; after a failure it goes on where it stopped, so that no line is torn or doubled. */
interface Batch {
  readonly bytes: Uint8Array;
  readonly lineCount: number;
  offset: number;
}

interface Waiter {
  /** Number of the last line waited for. */
  readonly upTo: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Writes events to a file in their order, in batches of whole lines. One batch is under way at a time; what
 * cannot be written stays and is tried again after each interval.
 */
export class LineWriter {
  readonly #file: AppendFile;
  readonly #options: LineWriterOptions;
  /** Full ones first; the last one still takes lines. */
  #chunks: Chunk[] = [];
  #batch: Batch | undefined;
  #queuedBytes = 0;
  #acceptedLines = 0;
  #writtenLines = 0;
  /** Not in the file, nor in a line of the file that counts them. */
  #lostLines = 0;
  /** The line that counts lost ones, until it is written: they are lost without a word if it is not. */
  #report: { readonly line: number; readonly count: number } | undefined;
  #waiters: Waiter[] = [];
  #isWriting = false;
  #hasFailed = false;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(file: AppendFile, options: LineWriterOptions) {
    this.#file = file;
    this.#options = options;
  }

  write(event: AuditEvent): void {
    const line = `${toEventLine(event)}\n`;
    const bytes = Buffer.byteLength(line);
    const { onFull, maxQueuedBytes } = this.#options;
    // Calls that were running when the queue filled still end: their events get as much room again.
    const limit = onFull === 'refuse' ? 2 * maxQueuedBytes : maxQueuedBytes;
    if (this.#closed !== undefined || this.#queuedBytes + bytes > limit) this.#lostLines += 1;
    else this.#enqueue(line, bytes);
  }

  isFull(): boolean {
    if (this.#closed !== undefined) return true;
    if (this.#options.onFull === 'drop') return false;
    return this.#hasFailed || this.#queuedBytes > this.#options.maxQueuedBytes;
  }

  async flush(): Promise<void> {
    try {
      await this.#written();
    } catch (error) {
      if (this.#options.onFull === 'refuse') throw error;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  #enqueue(line: string, bytes: number): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.bytes + bytes > BATCH_BYTES) {
      chunk = { lines: [], bytes: 0 };
      this.#chunks.push(chunk);
    }
    chunk.lines.push(line);
    chunk.bytes += bytes;
    this.#queuedBytes += bytes;
    this.#acceptedLines += 1;
    // After a failure only the interval and those who wait for the outcome try again, not every event.
    if (this.#chunks.length > 1 && !this.#hasFailed) this.#start();
    else this.#startLater();
  }

  #startLater(): void {
    this.#timer ??= setTimeout(() => this.#start(), this.#options.flushIntervalMs).unref();
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isWriting) void this.#writeAll();
  }

  /** Never rejects: those who wait learn of a failure, and `isFull` tells. */
  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    try {
      for (let batch = this.#nextBatch(); batch !== undefined; batch = this.#nextBatch()) {
        await this.#writeBatch(batch);
        this.#hasFailed = false;
        if (this.#queuedBytes <= this.#options.maxQueuedBytes / 2) this.#reportLost();
      }
    } catch (error) {
      this.#hasFailed = true;
      const failure = toFailure(error);
      for (const waiter of this.#waiters.splice(0)) waiter.reject(failure);
      if (this.#closed === undefined) this.#startLater();
    } finally {
      this.#isWriting = false;
    }
  }

  #nextBatch(): Batch | undefined {
    if (this.#batch !== undefined) return this.#batch;
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#batch = { bytes: Buffer.from(chunk.lines.join('')), lineCount: chunk.lines.length, offset: 0 };
    return this.#batch;
  }

  async #writeBatch(batch: Batch): Promise<void> {
    while (batch.offset < batch.bytes.length) {
      const count = await this.#file.append(batch.bytes.subarray(batch.offset));
      if (count < 1) throw new Error('nothing was written');
      batch.offset += count;
    }
    if (this.#options.fsync) await this.#file.sync();
    this.#batch = undefined;
    this.#queuedBytes -= batch.bytes.length;
    this.#writtenLines += batch.lineCount;
    if (this.#report !== undefined && this.#report.line <= this.#writtenLines) {
      this.#lostLines -= this.#report.count;
      this.#report = undefined;
    }
    const done = this.#waiters.filter(({ upTo }) => upTo <= this.#writtenLines);
    this.#waiters = this.#waiters.filter(({ upTo }) => upTo > this.#writtenLines);
    for (const waiter of done) waiter.resolve();
  }

  #reportLost(): void {
    if (this.#lostLines === 0 || this.#report !== undefined) return;
    const line = `${toEventLine(lostEvents(this.#lostLines, this.#options.now()))}\n`;
    this.#enqueue(line, Buffer.byteLength(line));
    this.#report = { line: this.#acceptedLines, count: this.#lostLines };
  }

  #written(): Promise<void> {
    const upTo = this.#acceptedLines;
    if (upTo <= this.#writtenLines) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ upTo, resolve, reject });
      this.#start();
    });
  }

  #missingLines(): number {
    const reports = this.#report === undefined ? 0 : 1;
    return this.#acceptedLines - this.#writtenLines - reports + this.#lostLines;
  }

  async #finish(): Promise<void> {
    try {
      this.#reportLost();
      await this.#written();
      // Lines may have been lost while the line that counts the earlier ones was on its way.
      this.#reportLost();
      await this.#written();
      await this.#file.sync();
    } catch (error) {
      throw toFailure(error, this.#missingLines());
    } finally {
      clearTimeout(this.#timer);
      await this.#file.close();
    }
  }
}

/** Names the kind of failure alone: messages of the file system hold paths. */
function toFailure(error: unknown, lostLines?: number): MCPAuthError {
  if (error instanceof MCPAuthError && lostLines === undefined) return error;
  const cause = error instanceof MCPAuthError ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  const lost = lostLines === undefined ? '' : `, ${lostLines} events lost`;
  return new MCPAuthError('INTERNAL_ERROR', 'The audit log cannot be written', {
    detail: `${code}${lost}`,
    cause,
  });
}
