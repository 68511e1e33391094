import {
  CLIENT_TIMEOUT_MS,
  capabilitiesOf,
  isWanted,
  PAUSABLE,
  type Parking,
  toInputRequired,
} from './bridge.ts';
import { unsupported } from './client-questions.ts';
import { toModernResult } from './direct-result.ts';
import type { Era } from './direct-transport.ts';
import { takeEnvelope } from './envelope.ts';
import type { MessageExtra } from './link-contract.ts';
import type { LinkUse } from './link-use.ts';
import { RPC, RpcError } from './rpc-error.ts';
import type { CallLeg, RunningCall } from './running-call.ts';
import {
  isNotification,
  isObject,
  isRequest,
  type JsonObject,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';

/** A link that is in use for one request, and where its calls wait for their client. */
export interface LentLink {
  readonly use: LinkUse;
  readonly parking: Parking;
  /** Longest that the client, often a person, may take over a question. */
  readonly clientTimeoutMs?: number | undefined;
}

/** A server that serves the era of the request on any transport, or the link to one of another SDK. */
export type Lent = LentLink | { readonly product: ServerProduct };

export interface DirectServerOptions {
  readonly era: Era;
  readonly onError: (error: unknown) => void;
}

/**
 * Speaks for the server behind a link as a bridge does, for one request of the kinds that need no protocol server in
 * front: what the SDK would do on the way is done here, in fewer steps.
 */
export function createDirectServer(lent: LentLink, options: DirectServerOptions): ServerProduct {
  return new DirectServer(lent, options);
}

/** Notifications of the 2025 era that the 2026 era does not know. */
const LEGACY_NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/elicitation/complete',
  'notifications/tasks/status',
  'notifications/initialized',
  'notifications/roots/list_changed',
]);
const RESOURCE_NOT_FOUND = -32002;
const INVALID_PARAMS = -32602;

class DirectServer implements ServerProduct {
  readonly #lent: LentLink;
  readonly #options: DirectServerOptions;
  #transport: TransportLike | undefined;
  #call: RunningCall | undefined;
  #leaveUse: (() => Promise<void>) | undefined;
  #cancelled: AbortController | undefined;

  constructor(lent: LentLink, options: DirectServerOptions) {
    this.#lent = lent;
    this.#options = options;
  }

  async connect(transport: TransportLike): Promise<void> {
    this.#transport = transport;
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onclose = () => void this.#leave().catch(this.#options.onError);
    const isModern = this.#options.era === 'modern';
    this.#leaveUse = this.#lent.use.join({
      notify: ({ method, params }) => this.#send(method, params),
      ask: isModern ? undefined : (request) => Promise.reject(unsupported(request)),
      // Not at once: a call that ends with the server still has its error to send.
      onClose: () => {
        setImmediate(() => void transport.close().catch(this.#options.onError));
      },
    });
    await transport.start();
  }

  async close(): Promise<void> {
    await this.#transport?.close();
    await this.#leave();
  }

  #receive(message: JsonRpcMessage, extra: unknown): void {
    if (isRequest(message)) void this.#serve(message, extra as MessageExtra).catch(this.#options.onError);
    else if (isNotification(message) && message.method === 'notifications/cancelled') {
      this.#cancelled?.abort(message.params?.['reason']);
    }
  }

  async #serve(message: JsonRpcRequest, extra: MessageExtra): Promise<void> {
    const cancelled = new AbortController();
    this.#cancelled = cancelled;
    const { request, envelope } = takeEnvelope(message);
    const { method, id, params } = request;
    const call = this.#lent.use.call({
      method,
      params,
      options: { extra: toExtra(extra) },
      canPause: PAUSABLE.has(method),
      clientTimeoutMs: this.#lent.clientTimeoutMs ?? CLIENT_TIMEOUT_MS,
    });
    this.#call = call;
    try {
      const end = await call.follow(this.#toLeg(request, envelope, call));
      // The transport ends with its answer, and a call that waits for its client must outlast that.
      this.#call = undefined;
      const result = 'result' in end ? end.result : { resultType: 'input_required', ...end };
      await this.#answer(request, result);
    } catch (error) {
      if (cancelled.signal.aborted) return;
      const demand =
        error instanceof RpcError && this.#options.era === 'modern'
          ? toInputRequired(error, { method, envelope })
          : undefined;
      if (demand !== undefined) await this.#answer(request, demand);
      else await this.#transport?.send({ jsonrpc: '2.0', id, error: toErrorBody(error) });
    } finally {
      this.#call = undefined;
    }
  }

  async #answer({ id, method }: JsonRpcRequest, result: JsonObject): Promise<void> {
    const { serverInfo } = this.#lent.use.link;
    const shown = this.#options.era === 'modern' ? toModernResult(method, result, serverInfo) : result;
    await this.#transport?.send({ jsonrpc: '2.0', id, result: shown });
  }

  #toLeg(request: JsonRpcRequest, envelope: JsonObject | undefined, call: RunningCall): CallLeg {
    const { id, method, params } = request;
    const { parking, use } = this.#lent;
    const isModern = this.#options.era === 'modern';
    const token = isObject(params?.['_meta']) ? params['_meta']['progressToken'] : undefined;
    return {
      signal: this.#cancelled?.signal ?? AbortSignal.abort(),
      progressToken: typeof token === 'string' || typeof token === 'number' ? token : undefined,
      capabilities: isModern ? capabilitiesOf(envelope) : undefined,
      notify: (name, body) =>
        isModern && name === 'notifications/message' && !isWanted(body, envelope)
          ? Promise.resolve()
          : this.#send(name, body, { relatedRequestId: id }),
      park: isModern ? () => parking.calls.park({ use, call }, parking.owner, { method, params }) : undefined,
    };
  }

  /** A client that is gone, or does not know a notification, is no error of the server that sent it. */
  async #send(method: string, params: JsonObject | undefined, options?: object): Promise<void> {
    if (this.#options.era === 'modern' && LEGACY_NOTIFICATIONS.has(method)) return;
    try {
      await this.#transport?.send(
        { jsonrpc: '2.0', method, ...(params !== undefined && { params }) },
        options,
      );
    } catch (error) {
      this.#options.onError(error);
    }
  }

  async #leave(): Promise<void> {
    this.#call?.cancel(new RpcError(RPC.connectionClosed, 'Connection closed'));
    const leave = this.#leaveUse;
    this.#leaveUse = undefined;
    await leave?.();
  }
}

/** SDK v1 reads `requestInfo`, and is alone in that: it is made when it is read. */
function toExtra({ authInfo, request }: MessageExtra): MessageExtra {
  if (request === undefined) return { authInfo };
  return {
    authInfo,
    request,
    get requestInfo() {
      return { headers: Object.fromEntries(request.headers), url: new URL(request.url) };
    },
  };
}

function toErrorBody(error: unknown): { code: number; message: string; data?: unknown } {
  const { code, message = 'Internal error', data } = error as Partial<RpcError>;
  const known = Number.isSafeInteger(code) ? Number(code) : RPC.internalError;
  return {
    code: known === RESOURCE_NOT_FOUND ? INVALID_PARAMS : known,
    message,
    ...(data !== undefined && { data }),
  };
}
