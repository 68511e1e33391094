import { TransportError } from '../core/errors.ts';
import type { InnerResponse } from './inner-request.ts';

export interface AnswerHead {
  readonly status: number;
  readonly headers: InnerResponse['headers'];
  /** How long the body is: so many bytes, as its chunks say, or as long as the connection. */
  readonly framing: number | 'chunked' | 'close';
}

type Headers = Record<string, string | string[]>;

/** Reads the head of an answer, as Node's server writes it, without the empty line at its end. */
export function parseAnswerHead(text: string, method: string): AnswerHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw noAnswer('its first line is no status line');
  const headers = Object.create(null) as Headers;
  for (const line of lines) addField(headers, line);
  const framing = framingOf(method, status, headers);
  // Of this hop alone (RFC 9110 §7.6.1): the body that is handed on is framed no more.
  delete headers.connection;
  delete headers['keep-alive'];
  delete headers['transfer-encoding'];
  return { status, headers, framing };
}

function addField(headers: Headers, line: string): void {
  const colon = line.indexOf(':');
  if (colon <= 0) throw noAnswer('a line of its head is no header field');
  const name = line.slice(0, colon).toLowerCase();
  const value = line.slice(colon + 1).trim();
  const present = headers[name];
  if (present === undefined) headers[name] = value;
  else if (typeof present === 'string') headers[name] = [present, value];
  else present.push(value);
}

/** RFC 9112 §6.3 */
function framingOf(method: string, status: number, headers: Headers): AnswerHead['framing'] {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  const { 'transfer-encoding': coding, 'content-length': length } = headers;
  if (coding !== undefined) return /(?:^|,)\s*chunked$/i.test(String(coding)) ? 'chunked' : 'close';
  if (length === undefined) return 'close';
  if (typeof length !== 'string' || !/^\d{1,15}$/.test(length))
    throw noAnswer('its Content-Length is no length');
  return Number(length);
}

/** RFC 9112 §7.1; Node's server writes no chunk extensions. */
export function parseChunkSize(line: string): number {
  if (!/^[\da-f]{1,12}$/i.test(line)) throw noAnswer('the size of a chunk is no number');
  return Number.parseInt(line, 16);
}

export function noAnswer(detail: string): TransportError {
  return new TransportError('What the app wrote is not an HTTP answer', { detail });
}
