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

export function createLineReader({ maxBytes, onTooLong, onLine }: LineReaderOptions): LineReader {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let length = 0;
  let failed = false;

  const take = (part: Uint8Array): void => {
    const room = maxBytes - length;
    if (part.length > room && onTooLong !== 'cut') {
      failed = true;
      parts = [];
      onTooLong();
      return;
    }
    const kept = part.length > room ? part.subarray(0, room) : part;
    if (kept.length === 0) return;
    parts.push(kept);
    length += kept.length;
  };
  const flush = (): void => {
    const [first = new Uint8Array()] = parts;
    const bytes = parts.length <= 1 ? first : join(parts, length);
    parts = [];
    length = 0;
    onLine(decoder.decode(bytes));
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

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
