import { TransportError } from '../../core/errors.ts';
import { createLineReader } from './line-reader.ts';

/** One event of a stream (WHATWG HTML, server-sent events). */
export interface StreamEvent {
  /** The last id that the stream has named, this event's or an earlier one's. */
  readonly id: string | undefined;
  /** How long to wait before connecting again, as the stream last said. */
  readonly retryMs: number | undefined;
  readonly data: string;
}

/**
 * Reads events one at a time: nothing more is read while the last one is in use.
 *
 * @throws TransportError (TRANSPORT_ERROR) for an event longer than `maxBytes`, and what the stream fails with
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<StreamEvent, void, undefined> {
  const lines: string[] = [];
  const isTooLong = { yes: false };
  const reader = createLineReader({
    maxBytes,
    onTooLong: () => {
      isTooLong.yes = true;
    },
    onLine: (line) => lines.push(line),
  });
  const parser = createEventParser(maxBytes);
  const chunks = body.getReader();
  try {
    for (;;) {
      const { done, value } = await chunks.read();
      if (done) return;
      reader.push(value);
      for (const line of lines.splice(0)) {
        const event = parser.push(line);
        if (event !== undefined) yield event;
      }
      if (isTooLong.yes) throw tooLong(maxBytes);
    }
  } finally {
    // Whoever stops reading wants nothing more of it.
    await chunks.cancel().catch(() => undefined);
  }
}

interface EventParser {
  /** The event that a line completes: an empty one does. */
  push(line: string): StreamEvent | undefined;
}

function createEventParser(maxBytes: number): EventParser {
  let data: string[] = [];
  let length = 0;
  let type = '';
  let id: string | undefined;
  let retryMs: number | undefined;

  const finish = (): StreamEvent | undefined => {
    const isMessage = type === '' || type === 'message';
    const event = { id, retryMs, data: isMessage ? data.join('\n') : '' };
    const isWorthTelling = data.length > 0 && isMessage;
    data = [];
    length = 0;
    type = '';
    return isWorthTelling || id !== undefined ? event : undefined;
  };
  const take = (field: string, value: string): void => {
    if (field === 'data') {
      data.push(value);
      length += value.length + 1;
      if (length > maxBytes) throw tooLong(maxBytes);
    } else if (field === 'event') type = value;
    // An id goes into a header of the next request.
    else if (field === 'id' && /^[\x20-\x7E]{0,1024}$/.test(value)) id = value === '' ? undefined : value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value);
  };

  return {
    push(raw) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') return finish();
      const colon = line.indexOf(':');
      if (colon === 0) return undefined;
      if (colon === -1) take(line, '');
      else take(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
      return undefined;
    },
  };
}

/** The text of a body. @throws TransportError (TRANSPORT_ERROR) when it is longer than `maxBytes` */
export async function readText(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await chunks.read();
      if (done) return text + decoder.decode();
      length += value.length;
      if (length > maxBytes) throw tooLong(maxBytes);
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    await chunks.cancel().catch(() => undefined);
  }
}

function tooLong(maxBytes: number): TransportError {
  return new TransportError('The server sent a message that is too long', {
    detail: `over ${maxBytes} bytes`,
  });
}
