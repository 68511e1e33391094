import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { TransportError } from '../../core/errors.ts';

/** Name and value pairs, in order; a name may occur more than once. */
export type HeaderList = readonly (readonly [string, string])[];

/** A request byte for byte: nothing is added but Host and Content-Length where they are absent. */
export interface RawRequest {
  readonly method: string;
  /** Path and query as they go on the wire. */
  readonly path: string;
  readonly headers: HeaderList;
  readonly body?: string | Uint8Array;
  /** Total time, from the first byte sent to the last byte wanted. */
  readonly timeoutMs: number;
  /** Ends the reading early, given the body so far; asked once before the first byte of it. */
  readonly isEnough?: (body: string) => boolean;
}

/**
 * How the reading ended: the server ended the response, enough had been read, time or space ran out,
 * or the connection broke in the middle.
 */
export type Ending = 'ended' | 'enough' | 'timeout' | 'too-large' | 'broken';

/** What came back, up to where the reading ended. */
export interface RawResponse {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: string;
  readonly ending: Ending;
  /** Milliseconds since the epoch when the reading ended. */
  readonly endedAt: number;
}

/**
 * Sends a request to the one server it was made for and reads at most 1 MiB of the answer. A redirect is
 * an answer like any other: it is never followed.
 * @throws TransportError when no status line came
 */
export interface Exchange {
  send(request: RawRequest): Promise<RawResponse>;
  /** Whether Host and repeated headers reach the server as given. */
  readonly raw: boolean;
}

/** More than this of a body is not read. */
export const MAX_BODY_BYTES = 1_048_576;

/** The first value of a header, by its lower-case name. */
export function findHeader(headers: HeaderList, name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** All values of a header, by its lower-case name. */
export function headerValues(headers: HeaderList, name: string): readonly string[] {
  return headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

/** An exchange over a new connection for each request: a broken one then spoils no other. */
export function createNodeExchange(url: URL): Exchange {
  return { raw: true, send: (request) => sendOverNode(url, request) };
}

function sendOverNode(url: URL, request: RawRequest): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    let outgoing: ClientRequest;
    let settled = false;
    // The response's own reading is bounded by the same timer.
    let reading: ((ending: Ending) => void) | undefined;
    const timer = setTimeout(() => {
      if (reading === undefined) fail(`no answer within ${request.timeoutMs} ms`);
      else reading('timeout');
    }, request.timeoutMs);
    const settle = (then: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      then();
      outgoing?.destroy();
    };
    const fail = (message: string): void => settle(() => reject(new TransportError(message)));
    try {
      outgoing = open(url, request);
    } catch (error) {
      fail(`the request could not be sent: ${codeOf(error)}`);
      return;
    }
    outgoing.on('error', (error) => {
      if (reading === undefined) fail(`the connection failed: ${codeOf(error)}`);
      else reading('broken');
    });
    outgoing.on('response', (incoming) => {
      reading = readBody(incoming, request, (response) => settle(() => resolve(response)));
    });
    outgoing.end(request.body);
  });
}

function open(url: URL, request: RawRequest): ClientRequest {
  const headers = [...request.headers];
  const length = request.body === undefined ? undefined : Buffer.byteLength(request.body);
  if (findHeader(headers, 'host') === undefined) headers.unshift(['Host', url.host]);
  if (length !== undefined) headers.push(['Content-Length', String(length)]);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return send({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? undefined : Number(url.port),
    method: request.method,
    path: request.path,
    // A flat list reaches the wire in this order, with repetitions.
    headers: headers.flat(),
    agent: false,
  });
}

function readBody(
  incoming: IncomingMessage,
  request: RawRequest,
  done: (response: RawResponse) => void,
): (ending: Ending) => void {
  const decoder = new TextDecoder();
  let body = '';
  let size = 0;
  const end = (ending: Ending): void => {
    const { statusCode = 0 } = incoming;
    done({ status: statusCode, headers: pairs(incoming.rawHeaders), body, ending, endedAt: Date.now() });
  };
  incoming.on('data', (chunk: Uint8Array) => {
    size += chunk.byteLength;
    body += decoder.decode(chunk, { stream: true });
    if (size > MAX_BODY_BYTES) end('too-large');
    else if (request.isEnough?.(body) === true) end('enough');
  });
  incoming.on('end', () => end('ended'));
  incoming.on('error', () => end('broken'));
  if (request.isEnough?.('') === true) end('enough');
  return end;
}

function pairs(flat: readonly string[]): HeaderList {
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    headers.push([flat[index] ?? '', flat[index + 1] ?? '']);
  }
  return headers;
}

/** The code alone: the message of a parser error may repeat what the server sent. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
