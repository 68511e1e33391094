import { type Refusal, refuse } from '../core/refusal.ts';
import type { InboundRequest } from './inbound-request.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly timeoutMs: number;
}

export type JsonBody = { readonly value: unknown } | Refusal;

/** Reads and parses a JSON body once, within bounds of size, depth and time. What is compressed is refused unread. */
export async function readJsonBody(request: InboundRequest, limits: BodyLimits): Promise<JsonBody> {
  if (isEncoded(request)) {
    return refuse('UNSUPPORTED_MEDIA_TYPE', 'The body must be sent without a Content-Encoding');
  }
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limits.maxBytes) return tooLarge(limits);
  const body = request.body();
  const whole = body?.takeAll?.();
  const text =
    body === null ? '' : whole === undefined ? await readText(body, limits) : decodeWhole(whole, limits);
  if (typeof text !== 'string') return text;
  if (isDeeperThan(text, limits.maxDepth)) {
    return refuse('VALIDATION_ERROR', `The body nests deeper than ${limits.maxDepth} levels`);
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return refuse('VALIDATION_ERROR', 'The body is not valid JSON', { detail: 'parse' });
  }
}

// A few bytes of gzip can stand for gigabytes: the bound on size would bound nothing.
function isEncoded({ headers }: InboundRequest): boolean {
  const encoding = headers['content-encoding'];
  return (
    encoding !== undefined && !(typeof encoding === 'string' && encoding.trim().toLowerCase() === 'identity')
  );
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function decodeWhole(bytes: Uint8Array, limits: BodyLimits): string | Refusal {
  if (bytes.byteLength > limits.maxBytes) return tooLarge(limits);
  try {
    return decoder.decode(bytes);
  } catch {
    return notText();
  }
}

function notText(): Refusal {
  return refuse('VALIDATION_ERROR', 'The body could not be read as UTF-8 text', { detail: 'parse' });
}

async function readText(body: AsyncIterable<Uint8Array>, limits: BodyLimits): Promise<string | Refusal> {
  const reader = body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Refusal>((resolve) => {
    timer = setTimeout(
      () => resolve(refuse('REQUEST_TIMEOUT', 'The body did not arrive in time')),
      limits.timeoutMs,
    );
  });
  try {
    for (;;) {
      const step = await Promise.race([reader.next(), late]);
      if ('refused' in step) return step;
      if (step.done === true) break;
      bytes += step.value.byteLength;
      if (bytes > limits.maxBytes) return tooLarge(limits);
      chunks.push(step.value);
    }
    return decoder.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  } catch {
    return notText();
  } finally {
    clearTimeout(timer);
    // Not awaited: a stalled sender must not hold the answer back.
    void Promise.resolve(reader.return?.()).catch(() => undefined);
  }
}

function tooLarge(limits: BodyLimits): Refusal {
  return refuse('PAYLOAD_TOO_LARGE', `The body is larger than ${limits.maxBytes} bytes`);
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Counts brackets outside strings, so that nothing recursive ever sees a body that is too deep. */
export function isDeeperThan(json: string, maxDepth: number): boolean {
  let depth = 0;
  for (let index = 0; index < json.length; index++) {
    switch (json.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(json, index);
        break;
      case 91:
      case 123:
        if (++depth > maxDepth) return true;
        break;
      case 93:
      case 125:
        depth--;
    }
  }
  return false;
}

function endOfString(json: string, start: number): number {
  for (let index = start + 1; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (code === BACKSLASH) index++;
    else if (code === QUOTE) return index;
  }
  return json.length;
}
