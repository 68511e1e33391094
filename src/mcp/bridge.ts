import type { JSONRPCRequest, ServerContext } from '@modelcontextprotocol/server';
import { askClient, canAnswer, type SendToClient, unsupported } from './client-questions.ts';
import { ENVELOPE, MODERN_VERSION } from './envelope.ts';
import type { InnerLink } from './inner-link.ts';
import type { MessageExtra } from './link-contract.ts';
import { createLinkUse, type LinkUse, type LinkVoice } from './link-use.ts';
import type { CallOwner, ParkedCall, ParkedCalls } from './parked-calls.ts';
import { RPC, RpcError } from './rpc-error.ts';
import type { CallLeg, RunningCall } from './running-call.ts';
import type { ServerSdk } from './sdk.ts';
import { isObject, type JsonObject, type JsonRpcRequest } from './server-product.ts';

/** The v2 low-level server that a bridge puts in front. */
export type BridgeFront = InstanceType<ServerSdk['Server']>;

export interface BridgeOptions {
  readonly sdk: ServerSdk;
  /** Whether the link ends with its use: with the front and the calls that wait for their client. */
  readonly ownsLink: boolean;
  /** Longest that the client, often a person, may take over a request of the server. */
  readonly clientTimeoutMs?: number | undefined;
  /** Where calls wait for their client in the 2026 era; without it no server can ask anything there. */
  readonly parking?: Parking | undefined;
  /** Called once, when the link is in use no more, however that came about. See {@link LinkUseOptions.onEnd}. */
  readonly onDetach?: ((abandoned: number) => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface Parking {
  readonly calls: ParkedCalls;
  readonly owner: CallOwner;
}

export const CLIENT_TIMEOUT_MS = 600_000;
const INVALID_PARAMS = -32602;
/** The reason, in `data` of an error, that a client returned to a call that does not wait for it. As SDK v2 has it. */
const INVALID_REQUEST_STATE = 'invalid_request_state';
/** The 2026 era lets these answer with a demand for input. */
export const PAUSABLE: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
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
  const { ownsLink, onDetach: onEnd, onError } = options;
  return bridgeUse(createLinkUse(link, { ownsLink, onEnd, onError }), options);
}

/** The same for a link that is in use already, by a call that waits for this client. */
export function bridgeUse(use: LinkUse, options: Omit<BridgeOptions, 'ownsLink' | 'onDetach'>): BridgeFront {
  const { capabilities, serverInfo, instructions } = use.link;
  const front: BridgeFront = new options.sdk.Server(serverInfo, {
    capabilities,
    ...(instructions !== undefined && { instructions }),
  });
  new Bridge(front, use, options).install();
  uses.set(front, use);
  return front;
}

const uses = new WeakMap<object, LinkUse>();

/** What a front speaks for; undefined for every other server. */
export function findLinkUse(front: object): LinkUse | undefined {
  return uses.get(front);
}

class Bridge {
  readonly #front: BridgeFront;
  readonly #use: LinkUse;
  readonly #options: Omit<BridgeOptions, 'ownsLink' | 'onDetach'>;
  /** Those for which a request of the client is open here. */
  readonly #following = new Set<RunningCall>();
  #leaveUse: (() => Promise<void>) | undefined;
  #leaving: Promise<void> | undefined;

  constructor(front: BridgeFront, use: LinkUse, options: Omit<BridgeOptions, 'ownsLink' | 'onDetach'>) {
    this.#front = front;
    this.#use = use;
    this.#options = options;
  }

  install(): void {
    const front = this.#front;
    // The SDK answers this one itself as soon as logging is declared; the server behind keeps its own level.
    front.removeRequestHandler('logging/setLevel');
    front.fallbackRequestHandler = (request, context) => this.#serve(request, context);
    front.fallbackNotificationHandler = async ({ method, params }) => this.#use.notify(method, params);
    this.#leaveUse = this.#use.join(this.#voice());
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

  #voice(): LinkVoice {
    const isModern = (): boolean => this.#isModern();
    const ask: LinkVoice['ask'] = (request, signal) => this.#ask(request, signal);
    return {
      notify: ({ method, params }) =>
        this.#attempt(() => this.#front.notification({ method, ...(params !== undefined && { params }) })),
      get ask() {
        return isModern() ? undefined : ask;
      },
      // Not at once: calls that end with the server still have their errors to send.
      onClose: () => {
        setImmediate(() => void this.#attempt(() => this.#front.close()));
      },
    };
  }

  async #serve(request: JSONRPCRequest, context: ServerContext): Promise<JsonObject> {
    const parked = this.#callFor(request, context);
    const { call } = parked;
    this.#following.add(call);
    try {
      const end = await call.follow(
        this.#toLeg(request, context, parked),
        context.mcpReq.inputResponses as JsonObject | undefined,
      );
      return 'result' in end ? end.result : { resultType: 'input_required', ...end };
    } catch (error) {
      return this.#fail(error, context);
    } finally {
      this.#following.delete(call);
    }
  }

  /** A new one, or the one that waits for this client under the state that it sends. */
  #callFor(request: JSONRPCRequest, context: ServerContext): ParkedCall {
    const { sdk, parking, clientTimeoutMs = CLIENT_TIMEOUT_MS } = this.#options;
    const { method, params } = request;
    const state: unknown = this.#isModern() ? context.mcpReq.requestState() : undefined;
    if (state === undefined) {
      const options = { extra: toExtra(context), sessionId: context.sessionId };
      const canPause = PAUSABLE.has(method);
      return { use: this.#use, call: this.#use.call({ method, params, options, canPause, clientTimeoutMs }) };
    }
    const waiting =
      typeof state === 'string' ? parking?.calls.take(state, parking.owner, { method, params }) : undefined;
    if (waiting !== undefined) return waiting;
    const data = { reason: INVALID_REQUEST_STATE };
    throw new sdk.ProtocolError(INVALID_PARAMS, 'This call no longer waits for input; start it again', data);
  }

  #toLeg(request: JSONRPCRequest, context: ServerContext, parked: ParkedCall): CallLeg {
    const { method, params } = request;
    const { parking } = this.#options;
    const isModern = this.#isModern();
    return {
      signal: context.mcpReq.signal,
      progressToken: progressTokenOf(params),
      capabilities: isModern ? capabilitiesOf(context.mcpReq.envelope) : this.#front.getClientCapabilities(),
      // In the 2026 era a client names the log level with each request.
      notify: (name, body) =>
        name === 'notifications/message' && isModern && !isWanted(body, context.mcpReq.envelope)
          ? Promise.resolve()
          : this.#attempt(() => context.mcpReq.notify({ method: name, params: body })),
      send: isModern ? undefined : context.mcpReq.send,
      park:
        isModern && parking !== undefined
          ? () => parking.calls.park(parked, parking.owner, { method, params })
          : undefined,
    };
  }

  #ask(request: JsonRpcRequest, signal: AbortSignal): Promise<JsonObject> {
    const { clientTimeoutMs: timeoutMs = CLIENT_TIMEOUT_MS } = this.#options;
    if (!canAnswer(this.#front.getClientCapabilities(), request)) return Promise.reject(unsupported(request));
    const send: SendToClient = this.#front.request.bind(this.#front);
    return askClient(request, { send, signal, timeoutMs, link: this.#use.link });
  }

  #fail(error: unknown, context: ServerContext): JsonObject {
    if (!(error instanceof RpcError)) throw error;
    const inputRequired = this.#isModern() ? toInputRequired(error, context.mcpReq) : undefined;
    if (inputRequired !== undefined) return inputRequired;
    throw new this.#options.sdk.ProtocolError(error.code, error.message, error.data);
  }

  /** A client that is gone, or does not know a notification, is no error of the server that sent it. */
  async #attempt(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  #isModern(): boolean {
    const version = this.#front.getNegotiatedProtocolVersion();
    return version !== undefined && version >= MODERN_VERSION;
  }

  #leave(): Promise<void> {
    this.#leaving ??= this.#detach();
    return this.#leaving;
  }

  async #detach(): Promise<void> {
    const error = new RpcError(RPC.connectionClosed, 'Connection closed');
    for (const call of [...this.#following]) call.cancel(error);
    await this.#leaveUse?.();
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

/** In the 2026 era a client declares them with each request. */
export function capabilitiesOf(envelope: unknown): JsonObject | undefined {
  const declared = isObject(envelope) ? envelope[ENVELOPE.clientCapabilities] : undefined;
  return isObject(declared) ? declared : undefined;
}

/** Whether a client asked for log messages of this level (2026 era). */
export function isWanted(params: JsonObject, envelope: unknown): boolean {
  const threshold = LOG_LEVELS.indexOf(isObject(envelope) ? envelope[ENVELOPE.logLevel] : undefined);
  return threshold !== -1 && LOG_LEVELS.indexOf(params['level']) >= threshold;
}

/**
 * The 2025-era demand to open a URL first, in the words of the 2026 era. The client repeats its call
 * afterwards, which is all that the server waits for. Undefined when it is no such demand.
 */
export function toInputRequired(
  error: RpcError,
  { method, envelope }: { readonly method: string; readonly envelope?: unknown },
): JsonObject | undefined {
  if (error.code !== RPC.urlElicitationRequired || !PAUSABLE.has(method)) return undefined;
  const elicitation = capabilitiesOf(envelope)?.['elicitation'];
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
