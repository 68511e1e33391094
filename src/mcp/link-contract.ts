import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from './server-product.ts';

/** What a transport tells a server beside a message. SDK v1 reads `requestInfo`, v2 reads `request`. */
export interface MessageExtra {
  readonly authInfo?: unknown;
  readonly requestInfo?:
    | { readonly headers: Readonly<Record<string, string>>; readonly url?: URL }
    | undefined;
  readonly request?: Request | undefined;
}

/** Answers a request of the server; the signal ends when the server takes it back. An {@link RpcError} keeps its code. */
export type AnswerRequest = (request: JsonRpcRequest, signal: AbortSignal) => Promise<JsonObject>;

/** May return a promise: the server's own `await` of the notification then waits for it. */
export type HearNotification = (notification: JsonRpcNotification) => void | Promise<void>;

/** Is told that a list or a resource has changed. */
export type HearChange = (notification: JsonRpcNotification) => void;

export interface LinkRequestOptions {
  readonly extra?: MessageExtra | undefined;
  /** Ends the request: the server is told, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears progress in order and before the result, even what was sent in the same tick. */
  readonly onProgress?: ((params: JsonObject) => void | Promise<void>) | undefined;
  /** Hears what the server sends as part of this request, except progress and change notifications. */
  readonly onNotification?: HearNotification | undefined;
  readonly onRequest?: AnswerRequest | undefined;
  readonly timeoutMs?: number | undefined;
  /** The client's protocol session, in place of the link's own id: servers key log levels and tasks by it. */
  readonly sessionId?: string | undefined;
}

/**
 * Whoever serves the link to a client at the moment. It gets what belongs to no request; when several
 * peers are attached, only list changes, because nobody can tell whose the rest is.
 */
export interface LinkPeer {
  readonly onNotification: HearNotification;
  readonly onRequest: AnswerRequest;
  /** The server has closed. */
  readonly onClose: () => void;
}

export interface InnerLinkOptions {
  /** Observes every notification but progress, whoever else hears it. */
  readonly onNotification?: ((notification: JsonRpcNotification) => void) | undefined;
  /** Hears of changes while no peer is attached, which would otherwise be told to nobody. */
  readonly onUnheardChange?: HearChange | undefined;
  /** Answers requests of the server that no request and no peer accounts for; refused by default. */
  readonly onRequest?: AnswerRequest | undefined;
  readonly onClose?: (() => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clientInfo?: { readonly name: string; readonly version: string } | undefined;
  /**
   * What the server is told that its client can do. None by default: a server that asks first takes its
   * fallback, one that elicits nevertheless gets an error at once. A protocol session passes its client's own.
   */
  readonly capabilities?: JsonObject | undefined;
  readonly protocolVersion?: string | undefined;
  /** The session id that the server sees while a request names none; never one id for two users. */
  readonly sessionId?: string | undefined;
  /** Longest that connecting and the initialize handshake may take together. */
  readonly initializeTimeoutMs?: number | undefined;
}
