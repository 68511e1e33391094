/** Knows a peer's messages in pieces from its bytes, of which `ws` tells nothing until the last has come. */
export interface FrameFollower {
  /** In the order in which they came. What is malformed is for others to find. */
  take(chunk: Uint8Array): void;
  /** Another number for each message in pieces whose last piece has not begun; undefined while there is none. */
  readonly unfinished: number | undefined;
}

const MASK_BYTES = 4;

/** RFC 6455 §5.2. */
export function createFrameFollower(): FrameFollower {
  let header: number[] = [];
  let payloadLeft = 0;
  let count = 0;
  let unfinished: number | undefined;

  const beginFrame = (): void => {
    const [flags = 0] = header;
    payloadLeft = payloadBytes(header);
    header = [];
    // RFC 6455 §5.4: control frames come between the pieces of a message, and are no part of it.
    if ((flags & 0x08) !== 0) return;
    if ((flags & 0x80) !== 0) unfinished = undefined;
    else if (unfinished === undefined) unfinished = count += 1;
  };

  return {
    take(chunk) {
      for (let at = 0; at < chunk.length; ) {
        if (payloadLeft > 0) {
          const taken = Math.min(payloadLeft, chunk.length - at);
          payloadLeft -= taken;
          at += taken;
          continue;
        }
        header.push(chunk[at] ?? 0);
        at += 1;
        if (header.length === headerBytes(header)) beginFrame();
      }
    },
    get unfinished() {
      return unfinished;
    },
  };
}

function lengthBytes(second: number): number {
  const short = second & 0x7f;
  if (short < 126) return 0;
  return short === 126 ? 2 : 8;
}

function headerBytes([, second]: readonly number[]): number {
  if (second === undefined) return 2;
  return 2 + lengthBytes(second) + ((second & 0x80) === 0 ? 0 : MASK_BYTES);
}

function payloadBytes(header: readonly number[]): number {
  const second = header[1] ?? 0;
  const bytes = lengthBytes(second);
  if (bytes === 0) return second & 0x7f;
  return header.slice(2, 2 + bytes).reduce((length, byte) => length * 256 + byte, 0);
}
