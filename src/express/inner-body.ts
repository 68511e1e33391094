/** From how many unread bytes on an app is asked for no more. */
const HIGH_WATER_BYTES = 64 * 1024;

export interface AnswerBody {
  readonly chunks: AsyncIterableIterator<Uint8Array>;
  /** Whether enough waits to be read. */
  isFull(): boolean;
  offer(chunk: Uint8Array): void;
  /** What was offered is all. */
  end(): void;
  /** What was offered is still read, then the error is thrown, once. */
  fail(error: Error): void;
}

export interface BodyReader {
  /** There is room again. */
  onRoom(): void;
  /** The reader has gone before the end. */
  onLeave(): void;
}

interface Ending {
  readonly error?: Error;
}

interface Waiting {
  readonly resolve: (result: IteratorResult<Uint8Array>) => void;
  readonly reject: (error: Error) => void;
}

const ENDED: Ending = {};
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Chunks between an app that writes and one reader. Leaving its iteration is told, once. */
export function createAnswerBody({ onRoom, onLeave }: BodyReader): AnswerBody {
  const queue: Uint8Array[] = [];
  const waiting: Waiting[] = [];
  let queuedBytes = 0;
  let ending: Ending | undefined;

  const isFull = (): boolean => queuedBytes >= HIGH_WATER_BYTES;

  const finish = (how: Ending): void => {
    if (ending !== undefined) return;
    // Whoever waits has read everything: the first of them hears the error.
    const first = how.error === undefined ? undefined : waiting.shift();
    ending = first === undefined ? how : ENDED;
    if (how.error !== undefined) first?.reject(how.error);
    for (const { resolve } of waiting.splice(0)) resolve(DONE);
  };

  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    const value = queue.shift();
    if (value !== undefined) {
      const wasFull = isFull();
      queuedBytes -= value.byteLength;
      if (wasFull && !isFull()) onRoom();
      return { done: false, value };
    }
    if (ending === undefined) return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    const { error } = ending;
    ending = ENDED;
    if (error !== undefined) throw error;
    return DONE;
  };

  const chunks: AsyncIterableIterator<Uint8Array> = {
    next,
    async return() {
      queue.length = 0;
      queuedBytes = 0;
      const isEarly = ending === undefined;
      finish(ENDED);
      ending = ENDED;
      if (isEarly) onLeave();
      return DONE;
    },
    [Symbol.asyncIterator]: () => chunks,
  };

  return {
    chunks,
    isFull,
    offer(chunk) {
      if (ending !== undefined) return;
      const first = waiting.shift();
      if (first !== undefined) {
        first.resolve({ done: false, value: chunk });
        return;
      }
      queue.push(chunk);
      queuedBytes += chunk.byteLength;
    },
    end: () => finish(ENDED),
    fail: (error) => finish({ error }),
  };
}
