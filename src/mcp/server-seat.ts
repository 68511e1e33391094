import { isChange } from './changes.ts';
import {
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type TransportLike,
} from './server-product.ts';

/** One request at a time, on a transport of its own. */
interface Turn {
  readonly transport: TransportLike;
  /** Requests of the client without an answer. */
  open: number;
  /** The server has asked its client something, and may wait for an answer that will not come. */
  hasAsked: boolean;
}

/**
 * A connection that a server keeps while requests take turns on it: to connect it for each of them would cost as much as
 * a small call. The changes that it tells of between turns are for `onUnheard`.
 */
export class ServerSeat implements TransportLike {
  onmessage?: TransportLike['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  readonly #onUnheard: (notification: JsonRpcNotification) => void;
  #scopeChallengeResolver: unknown;
  #turn: Turn | undefined;
  #isClosed = false;

  constructor(onUnheard: (notification: JsonRpcNotification) => void) {
    this.#onUnheard = onUnheard;
  }

  readonly setScopeChallengeResolver = (resolver: unknown): void => {
    this.#scopeChallengeResolver = resolver;
  };

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Begins a turn, which ends with its transport: not clean when something of it may be left behind. */
  begin(transport: TransportLike, onEnd: (isClean: boolean) => void): Promise<void> {
    const turn: Turn = { transport, open: 0, hasAsked: false };
    this.#turn = turn;
    transport.onmessage = (message, extra) => {
      if (isRequest(message)) turn.open += 1;
      this.onmessage?.(message, extra);
    };
    transport.onclose = () => {
      if (this.#turn === turn) this.#turn = undefined;
      onEnd(turn.open === 0 && !turn.hasAsked && !this.#isClosed);
    };
    transport.onerror = (error) => this.onerror?.(error);
    transport.setScopeChallengeResolver?.(this.#scopeChallengeResolver);
    return transport.start();
  }

  async send(message: JsonRpcMessage, options?: unknown): Promise<void> {
    const turn = this.#turn;
    if (turn === undefined) {
      if (isNotification(message) && isChange(message.method)) this.#onUnheard(message);
      return;
    }
    if (isResponse(message)) turn.open -= 1;
    else if (isRequest(message)) turn.hasAsked = true;
    await turn.transport.send(message, options);
  }

  /** The server closes, or is closed: whoever has the turn is told first. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#turn?.transport.close();
    } finally {
      this.onclose?.();
    }
  }
}
