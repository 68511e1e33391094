import { type MCPAuthError, ServerUnavailableError, TransportError } from '../../core/errors.ts';
import { isEventStream } from '../../http/answer.ts';
import { isObject, type JsonRpcMessage, type JsonRpcRequest } from '../server-product.ts';
import { toHttpFailure } from './http-failure.ts';

export interface RemoteServerOptions {
  readonly url: string;
  /** For every request; credentials of the user among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Told of streams that break. */
  readonly onError: (error: unknown) => void;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Longest message it may send. Default 10 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /** How long to wait before a broken stream is opened again, at first. Default one second. */
  readonly retryMs?: number | undefined;
}

/** The HTTP requests of one session with a server elsewhere (MCP, Streamable HTTP). */
export interface RemoteRequests {
  readonly hasSession: boolean;
  /** Whether the server has answered `initialize`. */
  readonly isOpen: boolean;
  /** The answer to a request, whatever its status where it may hold one. @throws MCPAuthError for any other */
  post(request: JsonRpcRequest, signal: AbortSignal): Promise<Response>;
  tell(message: JsonRpcMessage, signal: AbortSignal): Promise<void>;
  /** A stream of what the server says by itself, or that goes on after an event. */
  listen(lastEventId: string | undefined, signal: AbortSignal): Promise<Response>;
  /** Takes over the version that an answer to `initialize` names. */
  adoptVersion(message: JsonRpcMessage): void;
  /** Whether a failure means that there is no session any more. */
  isLost(failure: MCPAuthError): boolean;
  /** Tells the server that its session is over. Never rejects. */
  endSession(): Promise<void>;
}

const TELL_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 2_000;

/** The server has forgotten the session. */
class SessionLostError extends ServerUnavailableError {}

export function createRemoteRequests(options: RemoteServerOptions): RemoteRequests {
  return new Requests(options);
}

type Init = RequestInit & { readonly headers: Readonly<Record<string, string>> };

class Requests implements RemoteRequests {
  readonly #options: RemoteServerOptions;
  #sessionId: string | undefined;
  #version: string | undefined;

  constructor(options: RemoteServerOptions) {
    this.#options = options;
  }

  get hasSession(): boolean {
    return this.#sessionId !== undefined;
  }

  get isOpen(): boolean {
    return this.#version !== undefined;
  }

  async post(request: JsonRpcRequest, signal: AbortSignal): Promise<Response> {
    const response = await this.#post(request, signal);
    if (response.ok || mayHoldAnswer(response)) {
      if (response.ok && request.method === 'initialize') this.#adoptSession(response);
      return response;
    }
    await drop(response);
    throw toHttpFailure(response);
  }

  async tell(message: JsonRpcMessage, signal: AbortSignal): Promise<void> {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(TELL_TIMEOUT_MS)]);
    const response = await this.#post(message, inTime);
    await drop(response);
    if (!response.ok) throw toHttpFailure(response);
  }

  async listen(lastEventId: string | undefined, signal: AbortSignal): Promise<Response> {
    const resumption = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const headers = { accept: 'text/event-stream', ...resumption };
    const response = await this.#send({ method: 'GET', signal, headers });
    if (response.ok && isEventStream(response)) return response;
    await drop(response);
    throw toHttpFailure(response);
  }

  adoptVersion(message: JsonRpcMessage): void {
    const result: unknown = 'result' in message ? message.result : undefined;
    const named = isObject(result) ? result['protocolVersion'] : undefined;
    if (typeof named === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(named)) this.#version = named;
  }

  isLost(failure: MCPAuthError): boolean {
    return failure instanceof SessionLostError || failure.code === 'TOKEN_RESOLUTION_FAILED';
  }

  async endSession(): Promise<void> {
    if (this.#sessionId === undefined) return;
    try {
      await drop(
        await this.#send({ method: 'DELETE', headers: {}, signal: AbortSignal.timeout(END_TIMEOUT_MS) }),
      );
    } catch {
      // It ends there by itself.
    }
    this.#sessionId = undefined;
  }

  #post(message: JsonRpcMessage, signal: AbortSignal): Promise<Response> {
    return this.#send({
      method: 'POST',
      signal,
      body: JSON.stringify(message),
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    });
  }

  async #send(init: Init): Promise<Response> {
    const { url, headers: configured, fetch = globalThis.fetch } = this.#options;
    const headers = {
      ...init.headers,
      ...(this.#sessionId !== undefined && { 'mcp-session-id': this.#sessionId }),
      ...(this.#version !== undefined && { 'mcp-protocol-version': this.#version }),
      ...configured,
    };
    // The user's token is for this very URL.
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    if (response.status !== 404 || this.#sessionId === undefined) return response;
    await drop(response);
    throw new SessionLostError('The server has ended the session', {
      detail: 'status 404',
      retryAfterSeconds: 1,
    });
  }

  #adoptSession({ headers }: Response): void {
    const named = headers.get('mcp-session-id');
    // MCP, session management: visible ASCII only.
    if (named !== null && !/^[\x21-\x7E]{1,1024}$/.test(named)) {
      throw new TransportError('The server names its session in a way that cannot be sent back');
    }
    this.#sessionId = named ?? undefined;
  }
}

/** 400 and the like come with an error of JSON-RPC where the request was read. */
function mayHoldAnswer({ status, headers }: Response): boolean {
  const isRefused = status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
  return isRefused && headers.get('content-type')?.startsWith('application/json') === true;
}

/** A body that nobody reads would hold its connection. */
async function drop(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}
