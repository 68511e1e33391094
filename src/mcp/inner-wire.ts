import { TransportError } from '../core/errors.ts';
import { abortReason, checkNotAborted } from './abort-reason.ts';
import { isChange, isListChange, RESOURCE_UPDATED } from './changes.ts';
import { withDeadline } from './deadline.ts';
import type { InnerLinkOptions, LinkPeer, LinkRequestOptions } from './link-contract.ts';
import { busy, RPC, RpcError, toRpcErrorBody } from './rpc-error.ts';
import {
  isObject,
  type JsonObject,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';
import { closedErrorOf } from './upstream/upstream-product.ts';

/** The message level of a link: ids, routing and order, without any knowledge of the handshake. */
export interface InnerWire {
  readonly closed: boolean;
  connect(): Promise<void>;
  request(method: string, params?: JsonObject, options?: LinkRequestOptions): Promise<JsonObject>;
  notify(method: string, params?: JsonObject): void;
  attach(peer: LinkPeer): () => void;
  close(): Promise<void>;
}

interface Pending {
  readonly options: LinkRequestOptions;
  settle(outcome: { readonly result: JsonObject } | { readonly error: Error }): void;
}

const CLOSE_TIMEOUT_MS = 5_000;
// Each may wait for a person, and each is kept until then.
const MAX_SERVED = 64;

/**
 * Messages are handed over as they are, synchronously in both directions, so that their order is the
 * order in which they were sent.
 */
export function createInnerWire(product: ServerProduct, options: InnerLinkOptions): InnerWire {
  return new Wire(product, options);
}

class Wire implements InnerWire {
  readonly #product: ServerProduct;
  readonly #options: InnerLinkOptions;
  readonly #transport: TransportLike;
  readonly #pending = new Map<number, Pending>();
  readonly #served = new Map<JsonRpcId, AbortController>();
  readonly #peers = new Set<LinkPeer>();
  // Not from 0: SDK v1 takes a zero for no id when a request is cancelled.
  #nextId = 1;
  #sessionId: string | undefined;
  #closed = false;
  #ended = false;
  #closing: Promise<void> | undefined;

  constructor(product: ServerProduct, options: InnerLinkOptions) {
    this.#product = product;
    this.#options = options;
    this.#sessionId = options.sessionId;
    const sessionId = (): string | undefined => this.#sessionId;
    this.#transport = {
      start: async () => undefined,
      send: (message, sendOptions) => this.#receive(message, relatedRequestIdOf(sendOptions)),
      close: async () => this.#end(),
      get sessionId() {
        return sessionId();
      },
    };
  }

  get closed(): boolean {
    return this.#closed;
  }

  connect(): Promise<void> {
    return this.#product.connect(this.#transport);
  }

  attach(peer: LinkPeer): () => void {
    this.#peers.add(peer);
    return () => void this.#peers.delete(peer);
  }

  notify(method: string, params?: JsonObject): void {
    if (this.#closed) return;
    try {
      this.#deliver({ jsonrpc: '2.0', method, ...(params !== undefined && { params }) });
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  request(method: string, params?: JsonObject, options: LinkRequestOptions = {}): Promise<JsonObject> {
    const { signal, timeoutMs } = options;
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedErrorOf(this.#product);
      checkNotAborted(signal);
      const id = this.#nextId++;
      const abandon = (error: Error, reason: string): void => {
        pending.settle({ error });
        this.notify('notifications/cancelled', { requestId: id, reason });
      };
      const onAbort = (): void => {
        if (signal !== undefined) abandon(abortReason(signal), 'The client gave the request up');
      };
      const onTimeout = (): void => abandon(new RpcError(RPC.requestTimeout, 'Request timed out'), 'timeout');
      const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout, timeoutMs).unref();
      const pending: Pending = {
        options,
        settle: (outcome) => {
          if (!this.#pending.delete(id)) return;
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.result);
        },
      };
      this.#pending.set(id, pending);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#send({ jsonrpc: '2.0', id, method, ...withToken(params, options, id) }, pending);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  #send(request: JsonRpcRequest, pending: Pending): void {
    const { extra = {}, sessionId = this.#options.sessionId } = pending.options;
    // Servers read it from the transport while they take the request, and remember it with the request.
    this.#sessionId = sessionId;
    try {
      this.#deliver(request, extra);
    } catch (cause) {
      pending.settle({ error: new TransportError('The server could not take the request', { cause }) });
    } finally {
      this.#sessionId = this.#options.sessionId;
    }
  }

  #deliver(message: JsonRpcMessage, extra?: unknown): void {
    if (this.#transport.onmessage === undefined) throw new TransportError('The server is not connected');
    this.#transport.onmessage(message, extra);
  }

  /** Never rejects: servers seldom await what they send, and an unhandled rejection would end the process. */
  async #receive(message: JsonRpcMessage, related: JsonRpcId | undefined): Promise<void> {
    if (this.#closed) return;
    try {
      if (!('method' in message)) this.#settle(message);
      else if ('id' in message) this.#serve(message, related);
      else await this.#hear(message, related);
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  #settle(message: Exclude<JsonRpcMessage, { method: string }>): void {
    const pending = this.#pendingOf(message.id);
    if (pending === undefined) return;
    if ('error' in message) {
      const { code, message: text, data } = message.error;
      pending.settle({ error: new RpcError(code, text, data) });
    } else if (isObject(message.result)) {
      pending.settle({ result: message.result });
    } else {
      pending.settle({ error: new RpcError(RPC.internalError, 'The server answered without a result') });
    }
  }

  async #hear(notification: JsonRpcNotification, related: JsonRpcId | undefined): Promise<void> {
    const { method, params = {} } = notification;
    if (method === 'notifications/progress') {
      await this.#pendingOf(params['progressToken'])?.options.onProgress?.(params);
      return;
    }
    if (method === 'notifications/cancelled') {
      this.#served.get(params['requestId'] as JsonRpcId)?.abort();
      return;
    }
    this.#options.onNotification?.(notification);
    if (this.#peers.size === 0 && isChange(method)) {
      this.#options.onUnheardChange?.(notification);
    }
    if (isListChange(method)) {
      for (const peer of this.#peers) await peer.onNotification(notification);
    } else if (related === undefined || method === RESOURCE_UPDATED) {
      await this.#onlyPeer()?.onNotification(notification);
    } else {
      await this.#pendingOf(related)?.options.onNotification?.(notification);
    }
  }

  #serve(request: JsonRpcRequest, related: JsonRpcId | undefined): void {
    const controller = new AbortController();
    this.#served.set(request.id, controller);
    const answer = (
      body: { readonly result: JsonObject } | { readonly error: ReturnType<typeof toRpcErrorBody> },
    ) => {
      this.#served.delete(request.id);
      if (this.#closed || controller.signal.aborted) return;
      this.#deliver({ jsonrpc: '2.0', id: request.id, ...body });
    };
    // Whether its peer is there is asked of the link itself; a client far away may have no way to be asked.
    const run = request.method === 'ping' ? async () => ({}) : this.#answererOf(related, this.#served.size);
    Promise.resolve()
      .then(() => run(request, controller.signal))
      .then(
        (result) => answer({ result }),
        (error: unknown) => answer({ error: toRpcErrorBody(error) }),
      )
      .catch((error: unknown) => this.#options.onError?.(error));
  }

  #answererOf(related: JsonRpcId | undefined, open: number): LinkPeer['onRequest'] {
    if (open > MAX_SERVED) return () => Promise.reject(busy('too many questions at once'));
    if (related !== undefined) return this.#pendingOf(related)?.options.onRequest ?? this.#lastAnswerer();
    // `elicitInput` of both SDKs does not say which call it is for.
    const own = this.#peers.size === 0 ? this.#onlyPending()?.options.onRequest : this.#onlyPeer()?.onRequest;
    return own ?? this.#lastAnswerer();
  }

  #lastAnswerer(): LinkPeer['onRequest'] {
    return this.#options.onRequest ?? refuseRequest;
  }

  #onlyPending(): Pending | undefined {
    const [first, second] = this.#pending.values();
    return second === undefined ? first : undefined;
  }

  #pendingOf(id: unknown): Pending | undefined {
    return typeof id === 'number' ? this.#pending.get(id) : undefined;
  }

  #onlyPeer(): LinkPeer | undefined {
    const [first, second] = this.#peers;
    return second === undefined ? first : undefined;
  }

  async #shutDown(): Promise<void> {
    this.#stop();
    try {
      await withDeadline(this.#product.close(), CLOSE_TIMEOUT_MS, 'The server did not close in time');
    } finally {
      this.#end();
    }
  }

  #stop(): void {
    this.#closed = true;
    const error = closedErrorOf(this.#product);
    for (const pending of [...this.#pending.values()]) pending.settle({ error });
    for (const controller of this.#served.values()) controller.abort();
    this.#served.clear();
  }

  /** The server has let go of the transport, of its own accord or because it was closed. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stop();
    try {
      this.#transport.onclose?.();
    } finally {
      for (const peer of [...this.#peers]) peer.onClose();
      this.#options.onClose?.();
    }
  }
}

async function refuseRequest(request: JsonRpcRequest): Promise<never> {
  throw new RpcError(RPC.methodNotFound, `The client does not support ${request.method}`);
}

function withToken(
  params: JsonObject | undefined,
  { onProgress }: LinkRequestOptions,
  id: number,
): { readonly params?: JsonObject } {
  const { progressToken: _foreign, ...meta } = isObject(params?.['_meta']) ? params['_meta'] : {};
  if (onProgress !== undefined) return { params: { ...params, _meta: { ...meta, progressToken: id } } };
  if (params === undefined) return {};
  return params['_meta'] === undefined ? { params } : { params: { ...params, _meta: meta } };
}

function relatedRequestIdOf(options: unknown): JsonRpcId | undefined {
  const related = isObject(options) ? options['relatedRequestId'] : undefined;
  return typeof related === 'string' || typeof related === 'number' ? related : undefined;
}
