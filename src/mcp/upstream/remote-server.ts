import { MCPAuthError, ServerUnavailableError, TransportError } from '../../core/errors.ts';
import { isEventStream } from '../../http/answer.ts';
import {
  isObject,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type TransportLike,
} from '../server-product.ts';
import { readEvents, readText } from './event-stream.ts';
import { toHttpFailure, toNetworkFailure } from './http-failure.ts';
import { isTooDeep, readMessage } from './read-message.ts';
import { createRemoteRequests, type RemoteRequests, type RemoteServerOptions } from './remote-requests.ts';
import { toFailureAnswer, type UpstreamProduct } from './upstream-product.ts';

const MAX_MESSAGE_BYTES = 10_485_760;
const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
const MAX_RESUMPTIONS = 5;
/** Messages on their way to the server: while there are more, nothing that would have to be answered is read. */
const MAX_TELLING = 32;

/**
 * An MCP server elsewhere, over Streamable HTTP of the 2025 versions. What arrives on the stream of a request is
 * told to belong to it. Redirects are refused: they would take the user's token elsewhere. Closing it ends its
 * session.
 */
export function createRemoteServer(options: RemoteServerOptions): UpstreamProduct {
  return new RemoteServer(options);
}

class RemoteServer implements UpstreamProduct {
  readonly #requests: RemoteRequests;
  readonly #options: RemoteServerOptions;
  readonly #maxBytes: number;
  readonly #closed = new AbortController();
  /** Requests without an answer, and what ends the waiting for one. */
  readonly #waiting = new Map<JsonRpcId, AbortController>();
  readonly #telling = new Set<Promise<unknown>>();
  #transport: TransportLike | undefined;
  #failure: MCPAuthError | undefined;
  /** The server is told that it is initialized before it is asked for anything. */
  #initialized: Promise<void> = Promise.resolve();

  constructor(options: RemoteServerOptions) {
    this.#options = options;
    this.#maxBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.#requests = createRemoteRequests(options);
  }

  get failure(): MCPAuthError | undefined {
    return this.#failure;
  }

  async connect(transport: TransportLike): Promise<void> {
    if (this.#transport !== undefined) throw new TransportError('The server is in use already');
    this.#transport = transport;
    transport.onmessage = (message: JsonRpcMessage) => this.#deliver(message);
  }

  async close(): Promise<void> {
    if (!this.#closed.signal.aborted) {
      this.#closed.abort();
      for (const waiting of this.#waiting.values()) waiting.abort();
      await this.#requests.endSession();
    }
    await this.#transport?.close();
  }

  #deliver(message: JsonRpcMessage): void {
    if ('method' in message && 'id' in message) {
      this.#ask(message).catch((error: unknown) => this.#options.onError(error));
      return;
    }
    const telling: Promise<unknown> = this.#tell(message)
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => this.#telling.delete(telling));
    this.#telling.add(telling);
  }

  async #tell(message: JsonRpcMessage): Promise<void> {
    const { method, id } = describe(message);
    if (method === 'notifications/cancelled' && id !== undefined) this.#waiting.get(id)?.abort();
    const telling = this.#initialized.then(() => this.#requests.tell(message, this.#closed.signal));
    if (method === 'notifications/initialized') {
      this.#initialized = telling.then(
        () => this.#listen(),
        () => undefined,
      );
    }
    try {
      await telling;
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      if (this.#isOverAfter(error)) await this.close();
      throw error;
    }
  }

  async #ask(request: JsonRpcRequest): Promise<void> {
    const waiting = new AbortController();
    this.#waiting.set(request.id, waiting);
    try {
      await this.#initialized;
      waiting.signal.throwIfAborted();
      const response = await this.#requests.post(request, waiting.signal);
      await this.#takeAnswer(request, response, waiting.signal);
    } catch (error) {
      if (waiting.signal.aborted) return;
      const isOver = this.#isOverAfter(error);
      await this.#send(toFailureAnswer(request.id, toNetworkFailure(error)));
      if (isOver) await this.close();
    } finally {
      this.#waiting.delete(request.id);
    }
  }

  async #takeAnswer(request: JsonRpcRequest, response: Response, signal: AbortSignal): Promise<void> {
    if (response.body === null) throw new TransportError('The server sent no answer');
    if (isEventStream(response)) {
      await this.#followAnswer(request, response.body, signal);
      return;
    }
    const messages = parseMessages(await readText(response.body, this.#maxBytes));
    const isAnswered = messages.some((message) => isAnswerTo(message, request));
    if (response.ok && !isAnswered) throw new TransportError('The server sent no answer');
    // Errors of JSON-RPC may come with a status that says the same.
    if (!isAnswered) throw toHttpFailure(response);
    for (const message of messages) await this.#pass(message, request);
  }

  /** Until the answer has come, also over several streams: a server may end one and have it asked for again. */
  async #followAnswer(
    request: JsonRpcRequest,
    body: ReadableStream<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    let stream: ReadableStream<Uint8Array> | null = body;
    let last: Position = {};
    for (let attempt = 0; attempt <= MAX_RESUMPTIONS && stream !== null; attempt += 1) {
      const followed = await this.#follow(stream, request, last);
      if (followed.isAnswered) return;
      signal.throwIfAborted();
      last = followed;
      if (last.id === undefined) break;
      await pause(last.retryMs ?? this.#retryMs(attempt), signal);
      stream = (await this.#requests.listen(last.id, signal)).body;
    }
    throw new ServerUnavailableError('The server ended the stream before it answered');
  }

  /** Reads one stream. Its messages belong to `request`, where there is one. */
  async #follow(
    body: ReadableStream<Uint8Array>,
    request: JsonRpcRequest | undefined,
    from: Position,
  ): Promise<Position & { readonly isAnswered: boolean }> {
    let position = from;
    try {
      for await (const { id, retryMs, data } of readEvents(body, this.#maxBytes)) {
        position = { id: id ?? position.id, retryMs: retryMs ?? position.retryMs };
        if (data === '') continue;
        for (const message of parseMessages(data)) {
          const isAnswer = request !== undefined && isAnswerTo(message, request);
          await this.#pass(message, request);
          if (isAnswer) return { ...position, isAnswered: true };
        }
      }
    } catch (error) {
      if (error instanceof MCPAuthError) throw error;
      if (!this.#closed.signal.aborted) this.#options.onError(toNetworkFailure(error));
    }
    return { ...position, isAnswered: false };
  }

  /** What belongs to no request comes on a stream of its own, where the server keeps sessions and has one. */
  #listen(): void {
    if (!this.#requests.hasSession || this.#closed.signal.aborted) return;
    void this.#listenOn().catch((error: unknown) => {
      if (!this.#closed.signal.aborted) this.#options.onError(error);
    });
  }

  async #listenOn(): Promise<void> {
    const { signal } = this.#closed;
    let position: Position = {};
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      let response: Response;
      try {
        response = await this.#requests.listen(position.id, signal);
      } catch (error) {
        // A server without such a stream says so (405), and one that has forgotten the session ends it (404).
        if (!(error instanceof ServerUnavailableError)) return;
        if (attempt >= MAX_RESUMPTIONS) throw error;
        await pause(this.#retryMs(attempt), signal);
        continue;
      }
      if (response.body === null) return;
      const earlier = position.id;
      position = await this.#follow(response.body, undefined, position);
      if (position.id !== earlier) attempt = 0;
      // A server may ask for more patience, not for less.
      await pause(Math.max(position.retryMs ?? 0, this.#retryMs(attempt)), signal);
    }
  }

  #retryMs(attempt: number): number {
    return Math.min((this.#options.retryMs ?? RETRY_MS) * 2 ** attempt, MAX_RETRY_MS);
  }

  async #pass(message: JsonRpcMessage, request: JsonRpcRequest | undefined): Promise<void> {
    if (request?.method === 'initialize' && isAnswerTo(message, request))
      this.#requests.adoptVersion(message);
    await this.#send(message, request?.id);
    while (this.#telling.size > MAX_TELLING) await Promise.race(this.#telling);
  }

  async #send(message: JsonRpcMessage, relatedRequestId?: JsonRpcId): Promise<void> {
    const options = 'method' in message && relatedRequestId !== undefined ? { relatedRequestId } : undefined;
    await this.#transport?.send(message, options);
  }

  /** Whether the server is of no more use: a session that is over or refused serves nobody. */
  #isOverAfter(error: unknown): boolean {
    const failure = toNetworkFailure(error);
    const isLost = this.#requests.isLost(failure);
    if (isLost || !this.#requests.isOpen) this.#failure = failure;
    return isLost;
  }
}

interface Position {
  readonly id?: string | undefined;
  readonly retryMs?: number | undefined;
}

function describe(message: JsonRpcMessage): { readonly method?: string; readonly id?: JsonRpcId } {
  if (!('method' in message)) return {};
  const id = message.params?.['requestId'];
  return { method: message.method, ...((typeof id === 'string' || typeof id === 'number') && { id }) };
}

function isAnswerTo(message: JsonRpcMessage, { id }: JsonRpcRequest): boolean {
  return !('method' in message) && message.id === id;
}

/** @throws TransportError (TRANSPORT_ERROR) for what nests too deeply */
function parseMessages(text: string): readonly JsonRpcMessage[] {
  if (isTooDeep(text)) throw new TransportError('The server sent a message that nests too deeply');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.flatMap((part) => (isObject(part) ? (readMessage(part) ?? []) : []));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(ms, MAX_RETRY_MS)).unref();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
