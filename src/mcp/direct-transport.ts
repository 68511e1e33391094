import { TransportError } from '../core/errors.ts';
import { type Answer, plainAnswer } from '../http/answer.ts';
import type { ClientPresence } from '../http/client-presence.ts';
import type { ToolAuthInfo } from './exchange.ts';
import type { ServerSdk } from './sdk.ts';
import {
  isResponse,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type TransportLike,
} from './server-product.ts';
import { isUnknownMethod, UNKNOWN_METHOD_STATUS } from './unknown-method.ts';

export type Era = 'modern' | 'legacy';

interface AdmittedRequest {
  readonly request: Request;
  readonly authInfo: ToolAuthInfo;
  readonly exchange: { readonly presence: ClientPresence };
}

/** One admitted request on its way to a server, without a web `Response` where its answer is one message. */
export class DirectRequest {
  readonly era: Era;
  readonly message: JsonRpcRequest;
  readonly request: Request;
  readonly authInfo: ToolAuthInfo;
  readonly presence: ClientPresence;

  constructor(era: Era, message: JsonRpcRequest, { request, authInfo, exchange }: AdmittedRequest) {
    this.era = era;
    this.message = message;
    this.request = request;
    this.authInfo = authInfo;
    this.presence = exchange.presence;
  }
}

const KEEP_ALIVE_MS = 15_000;
/** How long the 2025 era, which always streams, may wait for the whole answer before its stream begins. */
const STREAM_AFTER_MS = 25;
const MISSING_CLIENT_CAPABILITY = -32021;
const encoder = new TextEncoder();

/**
 * The transport of one request: its answer is one JSON body (2026 era) or one event (2025 era), and becomes a stream
 * with the first message that comes before the answer. As with the SDK's own, what belongs to no request goes nowhere.
 */
export class DirectTransport implements TransportLike {
  onmessage?: TransportLike['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  /** What a v2 server gives to tell which scopes a request lacks. */
  scopeChallengeResolver: unknown;
  readonly #direct: DirectRequest;
  readonly #id: JsonRpcId;
  #resolve: ((answer: Answer) => void) | undefined;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #forgetClient: (() => void) | undefined;
  #isAnswered = false;
  #isClosed = false;

  constructor(direct: DirectRequest) {
    this.#direct = direct;
    this.#id = direct.message.id;
  }

  setScopeChallengeResolver(resolver: unknown): void {
    this.scopeChallengeResolver = resolver;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Hands the request to the server that is connected; resolves with what is to be answered.
   *
   * @throws TransportError (TRANSPORT_ERROR) when the server has closed meanwhile
   */
  exchange(): Promise<Answer> {
    const { era, message, request, authInfo, presence } = this.#direct;
    if (this.#isClosed) return Promise.reject(new TransportError('The server closed before it answered'));
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (presence.isGone) {
        void this.close();
        return;
      }
      this.#forgetClient = presence.onGone(this.#onGone);
      this.onmessage?.(message, { request, authInfo });
      if (era === 'legacy' && !this.#isAnswered && !this.#isClosed && this.#stream === undefined)
        this.#timer = setTimeout(() => this.#openStream(), STREAM_AFTER_MS);
    });
  }

  async send(message: JsonRpcMessage, options?: unknown): Promise<void> {
    if (this.#isClosed || this.#isAnswered) return;
    const isAnswer = isResponse(message);
    const related = isAnswer
      ? message.id
      : (options as { relatedRequestId?: unknown } | undefined)?.relatedRequestId;
    if (related !== this.#id) return;
    if (!isAnswer) {
      this.#write(message);
      return;
    }
    if (this.#stream === undefined) this.#answer(this.#toAnswer(message));
    else {
      this.#write(message);
      this.#endStream();
    }
    this.#isAnswered = true;
    // When the server is done with it: what it has not let go of is aborted, with an error whose stack holds everything.
    setImmediate(() => void this.close());
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forgetClient?.();
    this.#endStream();
    // The client is gone, or the server has closed: nobody waits for what this says.
    if (this.#resolve !== undefined) this.#answer(new Response(null, { status: 499 }));
    this.onclose?.();
  }

  readonly #onGone = (): void => void this.close();

  #answer(answer: Answer): void {
    clearTimeout(this.#timer);
    this.#resolve?.(answer);
    this.#resolve = undefined;
  }

  #toAnswer(message: JsonRpcResponse): Answer {
    const text = JSON.stringify(message);
    if (this.#direct.era === 'legacy') return plainAnswer(toEvent(text), { ...EVENT_HEADERS });
    return plainAnswer(text, { 'content-type': 'application/json' }, this.#statusOf(message));
  }

  /** MCP 2026-07-28: the errors of a server that have an HTTP status of their own. */
  #statusOf(message: JsonRpcResponse): number {
    if (!('error' in message)) return 200;
    if (message.error.code === MISSING_CLIENT_CAPABILITY) return 400;
    return isUnknownMethod(message, this.#direct.message.method) ? UNKNOWN_METHOD_STATUS : 200;
  }

  #write(message: JsonRpcMessage): void {
    if (this.#stream === undefined) this.#openStream();
    this.#stream?.enqueue(encoder.encode(toEvent(JSON.stringify(message))));
  }

  #openStream(): void {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
      },
      cancel: () => this.close(),
    });
    this.#answer(new Response(body, { status: 200, headers: EVENT_HEADERS }));
    this.#timer = setInterval(
      () => this.#stream?.enqueue(encoder.encode(': keepalive\n\n')),
      KEEP_ALIVE_MS,
    ).unref();
  }

  #endStream(): void {
    clearInterval(this.#timer);
    const stream = this.#stream;
    this.#stream = undefined;
    try {
      stream?.close();
    } catch {
      // Nobody reads it any more.
    }
  }
}

const EVENT_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

function toEvent(json: string): string {
  return `event: message\ndata: ${json}\n\n`;
}

interface Challenge {
  readonly scopes: readonly string[];
  readonly errorDescription?: string;
}

type ChallengeResolver = (context: { request: unknown; authInfo: unknown }) => unknown;

/** The 403 by which a v2 server asks for scopes on its own account, before anything runs; undefined where it does not. */
export function findScopeChallenge(
  sdk: ServerSdk,
  resolver: unknown,
  direct: DirectRequest,
): Promise<Response | undefined> | undefined {
  if (typeof resolver !== 'function') return undefined;
  const { message, authInfo } = direct;
  const found = (resolver as ChallengeResolver)({ request: message, authInfo });
  return found === undefined ? undefined : toScopeChallenge(sdk, found, direct);
}

async function toScopeChallenge(
  sdk: ServerSdk,
  asked: unknown,
  { authInfo }: DirectRequest,
): Promise<Response | undefined> {
  const found = (await asked) as Challenge | undefined;
  if (found === undefined) return undefined;
  const error = new sdk.OAuthError(
    sdk.OAuthErrorCode.InsufficientScope,
    found.errorDescription ?? 'Insufficient scope',
  );
  const { resourceMetadataUrl } = authInfo as { readonly resourceMetadataUrl?: string };
  return sdk.bearerAuthChallengeResponse(error, {
    requiredScopes: [...found.scopes],
    ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
  });
}
