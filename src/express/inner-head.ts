import { METHODS, maxHeaderSize, validateHeaderName, validateHeaderValue } from 'node:http';
import { ValidationError } from '../core/errors.ts';
import type { InnerRequest } from './inner-request.ts';

/** How a message is framed and its connection kept is said here, or by nobody: two opinions are smuggling. */
const FRAMING_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const TUNNEL = 'CONNECT';

/** Methods that say so when they come without a body (RFC 9110 §8.6). */
const BODY_METHODS: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * The head of a request, as it stands on a wire: nothing in it ends a line or the head before its time.
 *
 * @throws ValidationError (VALIDATION_ERROR) for a method, a target or a header field that HTTP cannot carry, and for
 *   a head larger than Node's servers accept.
 */
export function encodeHead({ method, target, headers, body }: InnerRequest, host: string): Buffer {
  checkRequestLine(method, target);
  const lines = [`${method} ${target} HTTP/1.1`];
  // RFC 9112 §3.2: a request without Host is refused before any app sees it.
  if (headers.host === undefined) lines.push(`host: ${host}`);
  for (const [name, value] of Object.entries(headers)) {
    checkField(name, value);
    if (!FRAMING_FIELDS.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  if (body !== undefined || BODY_METHODS.has(method)) lines.push(`content-length: ${body?.byteLength ?? 0}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (head.byteLength > maxHeaderSize) {
    throw new ValidationError(`The head of the request is larger than ${maxHeaderSize} bytes`);
  }
  return head;
}

function checkRequestLine(method: string, target: string): void {
  if (method === TUNNEL || !METHODS.includes(method)) {
    throw new ValidationError('The method is not one that an app serves');
  }
  // RFC 9112 §3.2: origin-form, or asterisk-form for OPTIONS; never a fragment.
  const isForm = target.startsWith('/') || (target === '*' && method === 'OPTIONS');
  if (!isForm || !/^[\x21\x22\x24-\x7e]+$/.test(target)) {
    throw new ValidationError('The target is not a percent-encoded path');
  }
}

function checkField(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (error) {
    throw new ValidationError(`The header field ${JSON.stringify(name)} cannot be sent`, { cause: error });
  }
}
