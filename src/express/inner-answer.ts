import { type AnswerHead, noAnswer, parseAnswerHead, parseChunkSize } from './inner-framing.ts';

export interface AnswerParts {
  head(head: AnswerHead): void;
  /** A copy of what the app wrote: its buffer is its own again. */
  data(bytes: Uint8Array): void;
  /** The answer is whole. Nothing follows. */
  end(): void;
}

export interface AnswerReader {
  /** @throws TransportError (TRANSPORT_ERROR) for bytes that are no HTTP answer. */
  read(bytes: Buffer): void;
  /** The app says nothing more: an answer as long as its connection is whole now. */
  close(): void;
}

/** Reads on from `start`; gives where it stopped. */
type Step = (bytes: Buffer, start: number) => number;

type Body = Omit<AnswerParts, 'head'>;

const MAX_HEAD_BYTES = 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Reads what Node's server writes for one request (RFC 9112). Informational answers and trailers are left out.
 *
 * The connection is where an answer is what it is: every middleware has had its say, whichever methods of the
 * `ServerResponse` it has replaced.
 */
export function createAnswerReader(method: string, parts: AnswerParts): AnswerReader {
  const collectHead = createCollector('\r\n\r\n', MAX_HEAD_BYTES);
  let step: Step | undefined;
  let isOpen = false;

  const body: Body = {
    data: parts.data,
    end() {
      step = undefined;
      isOpen = false;
      parts.end();
    },
  };

  step = (bytes, start) => {
    const { text, next } = collectHead(bytes, start);
    if (text === undefined) return next;
    const head = parseAnswerHead(text, method);
    if (head.status === 101) throw noAnswer('it changes to another protocol');
    if (head.status >= 200) {
      parts.head(head);
      isOpen = head.framing === 'close';
      if (head.framing === 0) body.end();
      else step = bodyStep(head.framing, body);
    }
    return next;
  };

  return {
    read(bytes) {
      let at = 0;
      while (step !== undefined && at < bytes.byteLength) at = step(bytes, at);
    },
    close() {
      if (isOpen) body.end();
    },
  };
}

function bodyStep(framing: AnswerHead['framing'], body: Body): Step {
  if (framing === 'chunked') return chunkedStep(body);
  if (framing !== 'close') return sizedStep(framing, body);
  return (bytes, start) => {
    body.data(Buffer.from(bytes.subarray(start)));
    return bytes.byteLength;
  };
}

function sizedStep(size: number, { data, end }: Body): Step {
  let left = size;
  return (bytes, start) => {
    const part = bytes.subarray(start, start + left);
    left -= part.byteLength;
    data(Buffer.from(part));
    if (left === 0) end();
    return start + part.byteLength;
  };
}

/** RFC 9112 §7.1 */
function chunkedStep({ data, end }: Body): Step {
  const collectLine = createCollector('\r\n', MAX_LINE_BYTES);
  let step: Step;

  const lineStep =
    (then: (line: string) => void): Step =>
    (bytes, start) => {
      const { text, next } = collectLine(bytes, start);
      if (text !== undefined) then(text);
      return next;
    };

  const size = lineStep((line) => {
    const bytes = parseChunkSize(line);
    step = bytes === 0 ? trailer : sizedStep(bytes, { data, end: () => (step = chunkEnd) });
  });
  const chunkEnd = lineStep((line) => {
    if (line !== '') throw noAnswer('a chunk is longer than its size');
    step = size;
  });
  const trailer = lineStep((line) => {
    if (line === '') end();
  });

  step = size;
  return (bytes, start) => step(bytes, start);
}

interface Collected {
  /** Undefined while its end has not come. */
  readonly text: string | undefined;
  readonly next: number;
}

/** Puts together what comes in pieces, up to `end`. */
function createCollector(end: string, maxBytes: number): (bytes: Buffer, start: number) => Collected {
  let held: Buffer | undefined;
  return (bytes, start) => {
    const rest = bytes.subarray(start);
    const heldBytes = held?.byteLength ?? 0;
    const all = held === undefined ? rest : Buffer.concat([held, rest]);
    // The end, too, may have come in pieces.
    const at = all.indexOf(end, Math.max(0, heldBytes - end.length));
    if (at >= 0) {
      held = undefined;
      return { text: all.toString('latin1', 0, at), next: start + at + end.length - heldBytes };
    }
    if (all.byteLength > maxBytes) throw noAnswer('a part of it is too long');
    held = all === rest ? Buffer.from(rest) : all;
    return { text: undefined, next: bytes.byteLength };
  };
}
