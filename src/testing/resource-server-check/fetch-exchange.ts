import { TransportError } from '../../core/errors.ts';
import { type Ending, type Exchange, MAX_BODY_BYTES, type RawRequest, type RawResponse } from './exchange.ts';

/**
 * An exchange through a fetch function: for a gate without a listener. What fetch forbids or merges is
 * not sent as given, so `raw` is false.
 */
export function createFetchExchange(url: URL, fetch: typeof globalThis.fetch): Exchange {
  return { raw: false, send: (request) => sendOverFetch(url, fetch, request) };
}

async function sendOverFetch(
  url: URL,
  fetch: typeof globalThis.fetch,
  request: RawRequest,
): Promise<RawResponse> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), request.timeoutMs);
  try {
    const sent = fetch(
      new Request(new URL(request.path, url.origin), {
        method: request.method,
        headers: request.headers.map(([name, value]): [string, string] => [name, value]),
        ...(request.body === undefined ? {} : { body: request.body }),
        redirect: 'manual',
        signal: abort.signal,
      }),
    );
    const response = await Promise.race([sent, whenAborted(abort.signal)]);
    return await readResponse(response, request, abort.signal);
  } catch (error) {
    if (error instanceof TransportError) throw error;
    throw new TransportError(
      abort.signal.aborted ? `no answer within ${request.timeoutMs} ms` : 'the request could not be sent',
    );
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** A function that stands in for fetch may not heed the signal. */
function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}

async function readResponse(
  response: Response,
  request: RawRequest,
  signal: AbortSignal,
): Promise<RawResponse> {
  const decoder = new TextDecoder();
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  // A response made in process does not know of the request's signal.
  const onAbort = (): void => void reader?.cancel().catch(() => undefined);
  signal.addEventListener('abort', onAbort);
  let body = '';
  let size = 0;
  let ending: Ending = request.isEnough?.('') === true ? 'enough' : 'ended';
  try {
    while (ending === 'ended') {
      const chunk = await reader?.read();
      if (chunk === undefined || chunk.done) break;
      size += chunk.value.byteLength;
      body += decoder.decode(chunk.value, { stream: true });
      if (size > MAX_BODY_BYTES) ending = 'too-large';
      else if (request.isEnough?.(body) === true) ending = 'enough';
    }
    if (signal.aborted) ending = 'timeout';
  } catch {
    ending = signal.aborted ? 'timeout' : 'broken';
  } finally {
    signal.removeEventListener('abort', onAbort);
    onAbort();
  }
  return { status: response.status, headers: [...response.headers], body, ending, endedAt: Date.now() };
}
