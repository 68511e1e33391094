/** What an Express app is to us: a function that takes Node requests, whichever version it is of. */
export type ExpressApp = (request: never, response: never, next?: never) => unknown;

/** A request that never was on a network: what the app is going to see. */
export interface InnerRequest {
  readonly method: string;
  /** Path and query, percent-encoded, as they stand on a request line. */
  readonly target: string;
  /** Names in lower case. Content-Length is set from the body. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** Of the connection that the outer request came over. */
  readonly connection: InnerConnection;
  /** Aborts when whoever asked has gone. */
  readonly signal?: AbortSignal | undefined;
}

export interface InnerConnection {
  readonly remoteAddress?: string | undefined;
  readonly encrypted: boolean;
}

/** The head of the app's answer, and its body as it comes. */
export interface InnerResponse {
  readonly status: number;
  /** Names in lower case; several values only for `set-cookie` and other repeated fields. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Chunks as the app writes them; reading is what lets it write more (back-pressure). Leaving the iteration aborts the
   * request. Throws TransportError when the app cuts the answer off, and REQUEST_TIMEOUT when it takes too long.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Puts requests through all of an app's middleware, inside this process. */
export interface Dispatcher {
  /**
   * Resolves with the head of the answer.
   *
   * @throws MCPAuthError (REQUEST_TIMEOUT) when the app does not answer in time, TransportError (TRANSPORT_ERROR) when
   *   it cuts the connection before an answer, the signal's reason when whoever asked has gone.
   */
  dispatch(request: InnerRequest): Promise<InnerResponse>;
}

export interface DispatcherOptions {
  /** How long a request may take until its answer is complete, in ms. */
  readonly timeoutMs: number;
  /** Local end of the connection that the app sees; default `127.0.0.1` and 80. */
  readonly localAddress?: string | undefined;
}
