import { MCPAuthError } from '../core/errors.ts';

/** The web's `fetch`, injectable. */
export type Fetch = typeof globalThis.fetch;

export interface JsonFetchOptions {
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

/** The error for something that could not be checked; `detail` is for logs. */
export function unavailable(detail: string, cause?: unknown): MCPAuthError {
  return new MCPAuthError('AUTHENTICATION_UNAVAILABLE', 'Authentication is not available at the moment', {
    detail,
    cause,
  });
}

/**
 * Gets a JSON document, following no redirect and reading no more than `maxBytes` of the (decoded) body.
 *
 * @throws MCPAuthError (AUTHENTICATION_UNAVAILABLE) whatever goes wrong.
 */
export async function fetchJson(url: string, options: JsonFetchOptions): Promise<unknown> {
  const { fetch, maxBytes, signal } = options;
  try {
    const response = await fetch(url, { redirect: 'error', signal, headers: { accept: 'application/json' } });
    if (response.status !== 200 || response.redirected) {
      await response.body?.cancel();
      throw unavailable(`unexpected answer ${response.status}`);
    }
    return JSON.parse(await readBody(response, maxBytes));
  } catch (error) {
    throw error instanceof MCPAuthError ? error : unavailable('the document could not be read', error);
  }
}

async function readBody(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let size = 0;
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw unavailable(`the document is larger than ${maxBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Runs `work` and gives up after `timeoutMs`, even when the work does not listen to its signal.
 *
 * @throws MCPAuthError (AUTHENTICATION_UNAVAILABLE) when time is up; else what the work throws.
 */
export async function within<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = unavailable(`no answer within ${timeoutMs} ms`);
      controller.abort(error);
      reject(error);
    }, timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([work(controller.signal), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
