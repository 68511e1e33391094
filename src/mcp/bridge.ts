import type { JSONRPCRequest, ServerContext } from '@modelcontextprotocol/server';
import { createClientQuestions } from './client-questions.ts';
import type { InnerLink } from './inner-link.ts';
import type { LinkPeer, MessageExtra } from './link-contract.ts';
import { RPC, RpcError } from './rpc-error.ts';
import type { ServerSdk } from './sdk.ts';
import { isObject, type JsonObject, type JsonRpcNotification } from './server-product.ts';

/** The v2 low-level server that a bridge puts in front. */
export type BridgeFront = InstanceType<ServerSdk['Server']>;

export interface BridgeOptions {
  readonly sdk: ServerSdk;
  /** Whether the link ends with the front. A pooled link outlives it. */
  readonly ownsLink: boolean;
  /** Longest that the client, often a person, may take over a request of the server. */
  readonly clientTimeoutMs?: number | undefined;
  /**
   * Called once, when the front has let go of the link, however that came about. `abandoned` counts the
   * calls that were cut off; what runs them may still be at work, so such a link is not for the next user.
   */
  readonly onDetach?: ((abandoned: number) => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

const CLIENT_TIMEOUT_MS = 600_000;
const FIRST_MODERN_VERSION = '2026-07-28';
const LOG_LEVEL_KEY = 'io.modelcontextprotocol/logLevel';
const CLIENT_CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
const URL_METHODS: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
const LOG_LEVELS: readonly unknown[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

/**
 * A fresh v2 server that speaks for the server behind `link`, with its name, capabilities and
 * instructions, in both protocol eras. Results, errors and notifications pass as they are.
 *
 * The front serves one connection; closing it, or the end of that connection, detaches it from the link.
 */
export function bridgeServer(link: InnerLink, options: BridgeOptions): BridgeFront {
  const { sdk } = options;
  const front: BridgeFront = new sdk.Server(link.serverInfo, {
    capabilities: link.capabilities,
    ...(link.instructions !== undefined && { instructions: link.instructions }),
  });
  new Bridge(front, link, options).install();
  return front;
}

/** One call in flight. `sent` is the last of what was passed to the client in its name. */
interface Call {
  readonly context: ServerContext;
  sent: Promise<void>;
}

class Bridge implements LinkPeer {
  readonly #front: BridgeFront;
  readonly #link: InnerLink;
  readonly #options: BridgeOptions;
  readonly #calls = new Set<Call>();
  readonly #questions: ReturnType<typeof createClientQuestions>;
  #unhook: (() => void) | undefined;
  #detaching: Promise<void> | undefined;

  constructor(front: BridgeFront, link: InnerLink, options: BridgeOptions) {
    this.#front = front;
    this.#link = link;
    this.#options = options;
    this.#questions = createClientQuestions({
      link,
      isModern: () => this.#isModern(),
      capabilities: () => this.#front.getClientCapabilities(),
      timeoutMs: options.clientTimeoutMs ?? CLIENT_TIMEOUT_MS,
    });
  }

  install(): void {
    const front = this.#front;
    // The SDK answers this one itself as soon as logging is declared; the server behind keeps its own level.
    front.removeRequestHandler('logging/setLevel');
    front.fallbackRequestHandler = (request, context) => this.#forward(request, context);
    front.fallbackNotificationHandler = async ({ method, params }) => this.#link.notify(method, params);
    this.#unhook = this.#link.attach(this);
    // Both are needed: a connection that ends does not call close(), and a front that was never connected
    // (a subscription stream takes only its capabilities) has no connection to end.
    front.onclose = () => void this.#leave().catch((error: unknown) => this.#options.onError?.(error));
    const close = front.close.bind(front);
    front.close = async () => {
      try {
        await close();
      } finally {
        await this.#leave();
      }
    };
  }

  readonly onNotification = (notification: JsonRpcNotification): Promise<void> => {
    const call = notification.method === 'notifications/message' ? this.#onlyCall() : undefined;
    if (call !== undefined) return this.#relay(call, notification);
    const { method, params } = notification;
    return this.#attempt(() => this.#front.notification({ method, ...(params !== undefined && { params }) }));
  };

  readonly onRequest: LinkPeer['onRequest'] = (request, signal) => {
    const call = this.#onlyCall();
    const send = call?.context.mcpReq.send ?? this.#front.request.bind(this.#front);
    return this.#questions.ask(request, { send, signal });
  };

  // Not at once: calls that end with the server still have their errors to send.
  readonly onClose = (): void => {
    setImmediate(() => void this.#attempt(() => this.#front.close()));
  };

  async #forward(request: JSONRPCRequest, context: ServerContext): Promise<JsonObject> {
    const call: Call = { context, sent: Promise.resolve() };
    const { signal, send } = context.mcpReq;
    const progressToken = progressTokenOf(request.params);
    this.#calls.add(call);
    try {
      return await this.#link.request(request.method, request.params, {
        extra: toExtra(context),
        sessionId: context.sessionId,
        signal,
        onProgress:
          progressToken === undefined
            ? undefined
            : (params) => this.#send(call, 'notifications/progress', { ...params, progressToken }),
        onNotification: (notification) => this.#relay(call, notification),
        onRequest: (question, ended) =>
          this.#questions.ask(question, { send, signal: AbortSignal.any([ended, signal]) }),
      });
    } catch (error) {
      return this.#fail(error, call);
    } finally {
      // What was sent before the result arrives before it, whatever the transport makes of it.
      await call.sent;
      this.#calls.delete(call);
    }
  }

  #fail(error: unknown, { context }: Call): JsonObject {
    if (!(error instanceof RpcError)) throw error;
    const inputRequired = this.#isModern() ? toInputRequired(error, context) : undefined;
    if (inputRequired !== undefined) return inputRequired;
    throw new this.#options.sdk.ProtocolError(error.code, error.message, error.data);
  }

  /** Passes a notification on as part of a call. In the 2026 era a client names the log level with each request. */
  #relay(call: Call, { method, params = {} }: JsonRpcNotification): Promise<void> {
    if (method === 'notifications/message' && this.#isModern() && !isWanted(params, call.context)) {
      return Promise.resolve();
    }
    return this.#send(call, method, params);
  }

  #send(call: Call, method: string, params: JsonObject): Promise<void> {
    const notify = (): Promise<void> => call.context.mcpReq.notify({ method, params });
    call.sent = call.sent.then(() => this.#attempt(notify));
    return call.sent;
  }

  /** A client that is gone, or does not know a notification, is no error of the server that sent it. */
  async #attempt(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  // What names no request still belongs to the only one there is; elsewhere it would need a stream that
  // few clients open.
  #onlyCall(): Call | undefined {
    const [first, second] = this.#calls;
    return second === undefined ? first : undefined;
  }

  #isModern(): boolean {
    const version = this.#front.getNegotiatedProtocolVersion();
    return version !== undefined && version >= FIRST_MODERN_VERSION;
  }

  #leave(): Promise<void> {
    this.#detaching ??= this.#detach();
    return this.#detaching;
  }

  async #detach(): Promise<void> {
    const abandoned = this.#calls.size;
    this.#unhook?.();
    try {
      if (this.#options.ownsLink) await this.#link.close();
      // The SDK aborts the calls that were cut off right after `onclose`: by then the server has been told.
      else await Promise.resolve();
    } finally {
      this.#options.onDetach?.(abandoned);
    }
  }
}

function progressTokenOf(params: JSONRPCRequest['params']): string | number | undefined {
  const token: unknown = params?._meta?.progressToken;
  return typeof token === 'string' || typeof token === 'number' ? token : undefined;
}

function toExtra({ http }: ServerContext): MessageExtra {
  if (http === undefined) return {};
  const { authInfo, req } = http;
  if (req === undefined) return { authInfo };
  const requestInfo = { headers: Object.fromEntries(req.headers), url: new URL(req.url) };
  return { authInfo, request: req, requestInfo };
}

function isWanted(params: JsonObject, context: ServerContext): boolean {
  const envelope: unknown = context.mcpReq.envelope;
  const threshold = LOG_LEVELS.indexOf(isObject(envelope) ? envelope[LOG_LEVEL_KEY] : undefined);
  return threshold !== -1 && LOG_LEVELS.indexOf(params['level']) >= threshold;
}

/**
 * The 2025-era demand to open a URL first, in the words of the 2026 era. The client repeats its call
 * afterwards, which is all that the server waits for. Undefined when it is no such demand.
 */
function toInputRequired(error: RpcError, context: ServerContext): JsonObject | undefined {
  if (error.code !== RPC.urlElicitationRequired || !URL_METHODS.has(context.mcpReq.method)) return undefined;
  const envelope: unknown = context.mcpReq.envelope;
  const declared = isObject(envelope) ? envelope[CLIENT_CAPABILITIES_KEY] : undefined;
  const elicitation = isObject(declared) ? declared['elicitation'] : undefined;
  if (!isObject(elicitation) || elicitation['url'] === undefined) return undefined;
  const elicitations: unknown = isObject(error.data) ? error.data['elicitations'] : undefined;
  const withUrl = Array.isArray(elicitations) ? elicitations.filter(hasUrl) : [];
  if (withUrl.length === 0) return undefined;
  const requests = withUrl.map(({ url, message }, index) => [
    `url-${index + 1}`,
    { method: 'elicitation/create', params: { mode: 'url', url, message } },
  ]);
  return { resultType: 'input_required', inputRequests: Object.fromEntries(requests) };
}

function hasUrl(value: unknown): value is JsonObject {
  return isObject(value) && typeof value['url'] === 'string' && typeof value['message'] === 'string';
}
