import type { Clock } from '../core/clock.ts';
import { TokenResolutionError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { type FoundToken, outage, parseCredentialAnswer, UNLINKED } from './credential-answer.ts';
import type { CredentialEndpoint, CredentialSubject } from './credential-endpoint.ts';

export interface CredentialQuery extends CredentialSubject {
  readonly requestId?: string | undefined;
  /** The user's own token, sent in place of the service's as the bearer. */
  readonly userToken?: Secret | undefined;
}

export interface CredentialServiceOptions {
  readonly endpoint: CredentialEndpoint;
  readonly serviceToken: Secret;
  readonly customHeaders: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly fetch: typeof globalThis.fetch;
  readonly now: Clock;
}

const MAX_BODY_BYTES = 65_536;

/**
 * Asks the credential service once, within `timeoutMs` from first to last byte.
 *
 * @throws TokenResolutionError `CREDENTIALS_UNAVAILABLE` whatever goes wrong; the service refusing our own
 *   token (401, 403) is an outage too, never the user's fault
 */
export async function askCredentialService(
  query: CredentialQuery,
  options: CredentialServiceOptions,
): Promise<FoundToken> {
  try {
    return await within(options.timeoutMs, async (signal) => {
      const response = await options.fetch(options.endpoint(query), {
        headers: toHeaders(query, options),
        // A redirect would carry the service token to wherever it points.
        redirect: 'error',
        signal,
      });
      if (response.status === 200) {
        return parseCredentialAnswer(await readText(response), query, options.now());
      }
      await response.body?.cancel();
      if (response.status === 404) return UNLINKED;
      throw outage(`the credential service answered ${response.status}`);
    });
  } catch (error) {
    // What fetch throws may quote a header, so only its kind is kept.
    throw error instanceof TokenResolutionError ? error : outage(`the request failed: ${kindOf(error)}`);
  }
}

function toHeaders(query: CredentialQuery, options: CredentialServiceOptions): Headers {
  const headers = new Headers(options.customHeaders);
  headers.set('accept', 'application/json');
  const service = options.serviceToken.reveal();
  if (query.userToken === undefined) {
    headers.set('authorization', `Bearer ${service}`);
  } else {
    headers.set('authorization', `Bearer ${query.userToken.reveal()}`);
    headers.set('x-service-token', service);
  }
  headers.set('x-user-id', toHeaderValue(query.userId));
  if (query.requestId !== undefined && /^[\x21-\x7e]{1,128}$/.test(query.requestId)) {
    headers.set('x-request-id', query.requestId);
  }
  return headers;
}

/** Percent-encodes what a header cannot hold or would trim, and `%` itself: no two ids become one. */
function toHeaderValue(id: string): string {
  return /^[\x21-\x24\x26-\x7e]+$/.test(id) ? id : encodeURIComponent(id);
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const body: AsyncIterable<Uint8Array> | null = response.body;
  let text = '';
  let size = 0;
  // Leaving the loop early cancels the body, and with it the connection.
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw outage(`the answer is larger than ${MAX_BODY_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Gives up after `timeoutMs`, even on work that does not listen to its signal. */
async function within<Value>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeIsUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = outage(`no complete answer within ${timeoutMs} ms`);
      reject(error);
      controller.abort(error);
    }, timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([work(controller.signal), timeIsUp]);
  } finally {
    clearTimeout(timer);
  }
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const cause = error.cause;
  if (typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string') {
    return cause.code;
  }
  return error.name;
}
