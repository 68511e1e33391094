export interface LineReaderOptions {
  /** Longest line, without its end. */
  readonly maxBytes: number;
  /** `cut`: the rest of a longer line is dropped. `fail`: nothing is read any more. */
  readonly onTooLong: 'cut' | (() => void);
  readonly onLine: (line: string) => void;
}

/** Takes a stream of bytes apart into lines of UTF-8, and holds no more than one line. */
export interface LineReader {
  push(chunk: Uint8Array): void;
  /** What the stream ended with, if it was not a whole line. */
  end(): void;
}

const LINE_FEED = 0x0a;
const LEAST_BYTES = 1024;
// What a long line needed is not kept for the short ones that follow.
const KEPT_BYTES = 65_536;
const NOTHING = new Uint8Array();

export function createLineReader({ maxBytes, onTooLong, onLine }: LineReaderOptions): LineReader {
  const decoder = new TextDecoder();
  // Not the chunks themselves: a sender of single bytes would have each of them kept.
  let held: Uint8Array = NOTHING;
  let length = 0;
  let failed = false;

  const take = (part: Uint8Array): void => {
    const room = maxBytes - length;
    if (part.length > room && onTooLong !== 'cut') {
      failed = true;
      held = NOTHING;
      onTooLong();
      return;
    }
    const kept = part.length > room ? part.subarray(0, room) : part;
    if (length + kept.length > held.length) held = enlarge(held, length + kept.length);
    held.set(kept, length);
    length += kept.length;
  };
  const flush = (): void => {
    const line = decoder.decode(held.subarray(0, length));
    length = 0;
    if (held.length > KEPT_BYTES) held = NOTHING;
    onLine(line);
  };

  return {
    push(chunk) {
      let rest = chunk;
      for (let end = rest.indexOf(LINE_FEED); end !== -1 && !failed; end = rest.indexOf(LINE_FEED)) {
        take(rest.subarray(0, end));
        if (!failed) flush();
        rest = rest.subarray(end + 1);
      }
      if (!failed) take(rest);
    },
    end() {
      if (!failed && length > 0) flush();
    },
  };
}

function enlarge(held: Uint8Array, least: number): Uint8Array {
  const larger = new Uint8Array(Math.max(LEAST_BYTES, least, held.length * 2));
  larger.set(held);
  return larger;
}
