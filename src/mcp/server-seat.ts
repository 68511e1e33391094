import { findAnswer } from './answer-outcome.ts';
import { isChange } from './changes.ts';
import { asRecord } from './message-facts.ts';
import {
  isNotification,
  isRequest,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcResponse,
  type TransportLike,
} from './server-product.ts';

/** What one request of a client, or a few, need of the seat. A class, as V8 keeps literals that some last, for longer. */
class Turn {
  readonly transport: TransportLike;
  /** Requests without an answer: the id that the server knows, and that of the client. */
  readonly open = new Map<JsonRpcId, JsonRpcId>();
  /** The server has asked its client something, and may wait for an answer that will not come. */
  hasAsked = false;

  constructor(transport: TransportLike) {
    this.transport = transport;
  }
}

/**
 * A connection that a server keeps while requests take turns on it: to connect it for each of them would cost as much as
 * a small call. The changes that it tells of between turns are for `onUnheard`.
 *
 * To the server each request has an id that no other has, so that what comes late is known for what it is: clients use
 * the same few ids again and again.
 */
export class ServerSeat implements TransportLike {
  onmessage?: TransportLike['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  readonly #onUnheard: (notification: JsonRpcNotification) => void;
  #scopeChallengeResolver: unknown;
  #turn: Turn | undefined;
  #lastId = 0;
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
    const turn = new Turn(transport);
    this.#turn = turn;
    transport.onmessage = (message, extra) => this.#deliver(turn, message, extra);
    transport.onclose = () => {
      if (this.#turn === turn) this.#turn = undefined;
      onEnd(turn.open.size === 0 && !turn.hasAsked && !this.#isClosed);
    };
    transport.onerror = (error) => this.onerror?.(error);
    transport.setScopeChallengeResolver?.(this.#scopeChallengeResolver);
    return transport.start();
  }

  #deliver(turn: Turn, message: JsonRpcMessage, extra: unknown): void {
    if (isRequest(message)) {
      this.#lastId += 1;
      turn.open.set(this.#lastId, message.id);
      this.onmessage?.({ ...message, id: this.#lastId }, extra);
    } else if (isNotification(message) && message.method === 'notifications/cancelled') {
      const cancelled = asRecord(message.params)['requestId'];
      const own = [...turn.open].find(([, id]) => id === cancelled)?.[0];
      if (own !== undefined)
        this.onmessage?.({ ...message, params: { ...message.params, requestId: own } }, extra);
    } else this.onmessage?.(message, extra);
  }

  /** What belongs to a request that is over belongs to nobody. @throws Error for a question that nobody can answer */
  send(message: JsonRpcMessage, options?: unknown): Promise<void> {
    const answer = findAnswer(message);
    return answer === undefined ? this.#tell(message, options) : this.#answer(answer, options);
  }

  #answer(answer: JsonRpcResponse, options: unknown): Promise<void> {
    const turn = this.#turn;
    const id = turn?.open.get(answer.id as JsonRpcId);
    if (turn === undefined || id === undefined) return Promise.resolve();
    turn.open.delete(answer.id as JsonRpcId);
    return turn.transport.send({ ...answer, id }, options);
  }

  async #tell(message: JsonRpcMessage, options: unknown): Promise<void> {
    const turn = this.#turn;
    const { relatedRequestId } = asRecord(options);
    const related = turn?.open.get(relatedRequestId as JsonRpcId);
    const isForTurn = relatedRequestId === undefined || related !== undefined;
    if (turn !== undefined && isForTurn) {
      if (isRequest(message)) turn.hasAsked = true;
      await turn.transport.send(
        message,
        related === undefined ? options : { ...(options as object), relatedRequestId: related },
      );
    } else if (isRequest(message)) throw new Error('Not connected');
    else if ('method' in message && isChange(message.method)) this.#onUnheard(message);
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
