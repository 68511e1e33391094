import { connect } from 'node:net';

/** What came back for bytes that may be no HTTP at all. */
export interface SocketAnswer {
  /** Status of the final answer; undefined when the connection was closed without one. */
  readonly status: number | undefined;
  readonly head: string;
  readonly body: string;
  /** Whether the answer ended as HTTP says, or was cut off. */
  readonly complete: boolean;
  /** Whether the other side closed the connection. */
  readonly closed: boolean;
}

export interface SocketOptions {
  readonly method?: string | undefined;
  /** How long to wait for the end of an answer before closing the connection. Default 5000. */
  readonly patienceMs?: number | undefined;
  /** The same for an event stream, which may be meant to last. Default: as long as for others. */
  readonly streamPatienceMs?: number | undefined;
}

/** The bytes of a request, with nothing checked and nothing added; text is latin1, but a body UTF-8. */
export function toBytes(lines: readonly string[], body: string | Uint8Array = ''): Buffer {
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

/** Sends bytes as they are and reads one answer: what no HTTP client would let through. */
export function exchangeBytes(
  url: string,
  bytes: string | Uint8Array,
  { method = 'POST', patienceMs = 5000, streamPatienceMs = patienceMs }: SocketOptions = {},
): Promise<SocketAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    const received = (): string => Buffer.concat(chunks).toString('latin1');
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...parseAnswer(received(), method), closed });
    };
    let timer = setTimeout(() => finish(false), patienceMs);
    socket.on('connect', () =>
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    );
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const answer = parseAnswer(received(), method);
      if (answer.complete) finish(false);
      else if (isEventStream(answer)) {
        clearTimeout(timer);
        timer = setTimeout(() => finish(false), streamPatienceMs);
      }
    });
    // A connection that is cut while we still write is an answer too: what came before it counts.
    socket.on('error', () => undefined);
    socket.on('close', () => finish(true));
  });
}

export function isEventStream({ head }: Pick<SocketAnswer, 'head'>): boolean {
  return /^content-type: *text\/event-stream/im.test(head);
}

/** The first final answer in what was received. */
export function parseAnswer(text: string, method: string): Omit<SocketAnswer, 'closed'> {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return { status: undefined, head: text, body: '', complete: false };
  const head = text.slice(0, end);
  const rest = text.slice(end + 4);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
  // RFC 9110 §15.2: interim answers come before the final one.
  if (status < 200) return parseAnswer(rest, method);
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  const isChunked = /^transfer-encoding: *chunked/im.test(head);
  const hasNoBody = method === 'HEAD' || status === 204 || status === 304;
  if (hasNoBody) return { status, head, body: '', complete: true };
  if (isChunked) return { status, head, body: rest, complete: /(?:^|\r\n)0\r\n\r\n$/.test(rest) };
  if (length !== undefined) {
    const body = rest.slice(0, Number(length));
    return { status, head, body: utf8(body), complete: rest.length >= Number(length) };
  }
  // Node's own refusals of malformed heads carry no body and close the connection.
  return { status, head, body: utf8(rest), complete: rest === '' && /^connection: *close/im.test(head) };
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
