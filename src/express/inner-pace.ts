/** What a write calls when more may be written, or when it came to nothing. */
export type Written = (error?: Error) => void;

/** After how much writing others have their turn. */
const TURN_BYTES = 64 * 1024;
/** What a chunk costs beside its bytes. */
const CHUNK_BYTES = 256;

export interface WritePace {
  /** Chunks have been written; `done` is called when more may be. */
  wrote(chunks: readonly Uint8Array[], done: Written): void;
  /** To be called when the reader has made room. */
  onRoom(): void;
  /** Nothing is waited for any more. */
  open(): void;
  /** What waits has nobody left to wait for. */
  cancel(): void;
}

/**
 * How fast an app may write: no faster than its reader reads, and never so that timers and others starve. A network
 * would see to both; here a writer and a reader could go on between themselves for ever.
 */
export function createWritePace(isFull: () => boolean): WritePace {
  let turnBytes = 0;
  let isResting = false;
  let isOpen = false;
  let waiting: Written | undefined;

  const tell = (error?: Error): void => {
    const done = waiting;
    waiting = undefined;
    done?.(error);
  };
  const check = (): void => {
    if (isOpen || !(isResting || isFull())) tell();
  };
  const rest = (): void => {
    isResting = true;
    setImmediate(() => {
      isResting = false;
      check();
    });
  };

  return {
    wrote(chunks, done) {
      waiting = done;
      for (const { byteLength } of chunks) turnBytes += byteLength + CHUNK_BYTES;
      if (turnBytes >= TURN_BYTES && !isOpen) {
        turnBytes = 0;
        rest();
      }
      check();
    },
    onRoom: check,
    open() {
      isOpen = true;
      tell();
    },
    cancel() {
      isOpen = true;
      // As the system says it of a connection that is closed meanwhile.
      tell(Object.assign(new Error('write ECANCELED'), { code: 'ECANCELED', syscall: 'write' }));
    },
  };
}
