import { type Json } from '../support/wire.ts';

/** What a call came to. Each has exactly one of these. */
export type Outcome =
  | { readonly kind: 'result'; readonly result: Json }
  /** The gate, or the protocol, said no: with a code of the reference, and over HTTP with the status that goes with it. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** An error of the wrapped server or of the protocol, which names no code of the gate. */
  | { readonly kind: 'error'; readonly rpcCode: number; readonly message: string }
  /** The connection ended first, in a way that says why. */
  | { readonly kind: 'ended'; readonly why: string };

/** Something that must not happen. The run fails with its seed. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** The status of each code over HTTP, as docs/reference/errors.md has it. */
const STATUS: Readonly<Record<string, number>> = {
  AUTHENTICATION_FAILED: 401,
  AUTHENTICATION_UNAVAILABLE: 503,
  MISSING_CREDENTIALS: 401,
  INVALID_TOKEN: 401,
  ACCESS_DENIED: 403,
  INSUFFICIENT_SCOPE: 403,
  TOKEN_RESOLUTION_FAILED: 403,
  CREDENTIALS_UNAVAILABLE: 503,
  RATE_LIMIT_EXCEEDED: 429,
  SERVER_POOL_ERROR: 503,
  SERVER_UNAVAILABLE: 503,
  TRANSPORT_ERROR: 500,
  VALIDATION_ERROR: 400,
  NOT_FOUND: 404,
  PAYLOAD_TOO_LARGE: 413,
  REQUEST_TIMEOUT: 408,
  SHUTTING_DOWN: 503,
};

/** An answer over HTTP, read to its end. */
export interface Heard {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly messages: readonly Json[];
  readonly text: string;
  /** Whether it ended in the protocol's own way. */
  readonly isWhole: boolean;
}

/** What an HTTP answer says of the call with this id. @throws Violation for what no client could make sense of */
export function outcomeOfHttp(heard: Heard, id: string | number): Outcome {
  const answers = heard.messages.filter(
    (message) => Object.is(message['id'], id) && message['method'] === undefined,
  );
  if (answers.length > 1)
    throw new Violation(`${answers.length} answers to one call: ${heard.text.slice(0, 500)}`);
  const [answer] = answers;
  if (answer !== undefined) return outcomeOfMessage(answer);
  if (!heard.isWhole) throw new Violation(`The answer was cut: ${heard.status} ${heard.text.slice(0, 300)}`);
  if (heard.status === 200) throw new Violation(`An answer without an answer: ${heard.text.slice(0, 300)}`);
  return refusalIn(heard);
}

function refusalIn(heard: Heard): Outcome {
  const body = parse(heard.text);
  const code = body?.['code'] ?? body?.['error']?.['data']?.['code'];
  const message = body?.['error']?.['message'] ?? body?.['error'];
  if (typeof code !== 'string' || STATUS[code] !== heard.status) {
    throw new Violation(`Neither answer nor refusal: ${heard.status} ${heard.text.slice(0, 300)}`);
  }
  const challenge = heard.headers['www-authenticate'];
  if (heard.status === 401 && !String(challenge).includes('resource_metadata=')) {
    throw new Violation(`401 without a challenge: ${String(challenge)}`);
  }
  return { kind: 'refused', code, message: String(message) };
}

export function outcomeOfMessage(answer: Json): Outcome {
  const { result, error } = answer;
  if (result !== undefined && error === undefined) return { kind: 'result', result };
  const rpcCode: unknown = error?.['code'];
  const message: unknown = error?.['message'];
  if (result !== undefined || typeof rpcCode !== 'number' || typeof message !== 'string') {
    throw new Violation(`Malformed: ${JSON.stringify(answer).slice(0, 300)}`);
  }
  if (/\n\s+at |file:\/\//.test(message)) throw new Violation(`An error tells where: ${message}`);
  const code: unknown = error?.['data']?.['code'];
  return typeof code === 'string' ? { kind: 'refused', code, message } : { kind: 'error', rpcCode, message };
}

export function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Nothing may take longer, however busy the machine is. */
const BOUND_MS = 45_000;

/** @throws Violation when nothing comes of it in time */
export async function inTime<T>(work: Promise<T>, what: string, boundMs = BOUND_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Violation(`Nothing came of it in ${boundMs} ms: ${what}`)), boundMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
