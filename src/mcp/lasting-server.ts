import { toBuildError, toClosedError } from './answer-outcome.ts';
import {
  isNotification,
  isObject,
  isRequest,
  isResponse,
  type JsonObject,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';

export interface LastingServerOptions {
  /** Builds another one like the first, ready for the protocol era of the connection, and says what it declares. */
  readonly rebuild: (
    era: 'legacy' | 'modern',
  ) => Promise<{ readonly product: ServerProduct; readonly capabilities: object }>;
  /** Whether the connection is on its way out, so that a server which closes does so with it. */
  readonly isEnding: () => boolean;
  readonly onError: (error: unknown) => void;
}

export interface LastingServer {
  /** Closes whatever serves the connection. */
  end(): void;
}

/**
 * Lets a connection outlast its server: what was asked of a server that closes itself is answered with an error, and the
 * next request is for another. In the 2025 era that one is given the client's own `initialize`. The client is told that
 * every list changed. A server that was subscribed to in the 2025 era ends the connection with it, because its
 * subscriber may wait without another request.
 *
 * To be called before `product` is connected. Until the next request no server tells of changes.
 */
export function outlastServer(product: ServerProduct, options: LastingServerOptions): LastingServer {
  const connect = product.connect.bind(product);
  let connection: Outlasting | undefined;
  product.connect = (channel) => {
    connection = new Outlasting(channel, options);
    return connection.seat(product, connect);
  };
  return { end: () => connection?.end() };
}

const LISTS = ['tools', 'prompts', 'resources'] as const;
const REPLAY_ID = 'gate-initialize';

class Outlasting {
  readonly #channel: TransportLike;
  readonly #options: LastingServerOptions;
  readonly #pending = new Map<JsonRpcId, JsonRpcRequest>();
  #product: ServerProduct | undefined;
  /** What the server of the moment is connected to. */
  #seat: TransportLike | undefined;
  #initialize: JsonRpcRequest | undefined;
  #onReplayed: ((response: JsonRpcResponse) => void) | undefined;
  /** While another server is built: messages wait in their order. */
  #building: Promise<void> | undefined;
  #isSubscribed = false;
  #isOver = false;

  constructor(channel: TransportLike, options: LastingServerOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  async seat(product: ServerProduct, connect = product.connect.bind(product)): Promise<void> {
    const channel = this.#channel;
    const isFirst = this.#product === undefined;
    const seat: TransportLike = {
      start: async () => {
        if (isFirst) await this.#open();
      },
      send: (message, options) => this.#send(seat, message, options),
      close: () => this.#leave(seat),
      get sessionId() {
        return channel.sessionId;
      },
      get hasPerRequestStream() {
        return channel.hasPerRequestStream;
      },
      setProtocolVersion: (version) => channel.setProtocolVersion?.(version),
    };
    this.#product = product;
    this.#seat = seat;
    await connect(seat);
  }

  end(): void {
    this.#isOver = true;
    void this.#product?.close().catch(this.#options.onError);
  }

  async #open(): Promise<void> {
    const channel = this.#channel;
    channel.onmessage = (message, extra) => this.#receive(message, extra);
    channel.onclose = () => {
      this.#isOver = true;
      const seat = this.#seat;
      this.#seat = undefined;
      seat?.onclose?.();
    };
    channel.onerror = (error) => this.#seat?.onerror?.(error);
    await channel.start();
  }

  #receive(message: JsonRpcMessage, extra: unknown): void {
    if (this.#building !== undefined) {
      this.#building = this.#building.then(() => this.#deliver(message, extra));
    } else if (this.#seat === undefined && isRequest(message)) {
      const building = this.#replace(message).then((isBuilt) => {
        if (isBuilt) this.#deliver(message, extra);
      });
      this.#building = building;
      this.#forgetWhenDone(building);
    } else {
      this.#deliver(message, extra);
    }
  }

  #forgetWhenDone(building: Promise<void>): void {
    void building.then(() => {
      const last = this.#building;
      if (last === building || last === undefined) this.#building = undefined;
      else this.#forgetWhenDone(last);
    });
  }

  #deliver(message: JsonRpcMessage, extra: unknown): void {
    const seat = this.#seat;
    if (isRequest(message)) {
      if (seat === undefined) {
        this.#fail(toClosedError(message));
        return;
      }
      this.#pending.set(message.id, message);
      if (message.method === 'initialize') this.#initialize = message;
      if (message.method === 'resources/subscribe') this.#isSubscribed = true;
    } else if (isNotification(message) && message.method === 'notifications/cancelled') {
      this.#pending.delete(message.params?.['requestId'] as JsonRpcId);
    }
    seat?.onmessage?.(message, extra);
  }

  async #send(seat: TransportLike, message: JsonRpcMessage, options: unknown): Promise<void> {
    if (seat !== this.#seat) return;
    if (isResponse(message) && message.id !== undefined && message.id !== null) {
      if (message.id === REPLAY_ID) return this.#onReplayed?.(message);
      this.#pending.delete(message.id);
    }
    await this.#channel.send(message, options);
  }

  /** The server has closed, of its own accord or with its connection. */
  async #leave(seat: TransportLike): Promise<void> {
    if (seat !== this.#seat) return;
    if (this.#isOver || this.#options.isEnding()) return this.#channel.close();
    this.#seat = undefined;
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const request of open) this.#fail(toClosedError(request));
    try {
      seat.onclose?.();
    } finally {
      if (this.#isSubscribed) await this.#channel.close();
    }
  }

  #fail(response: JsonRpcResponse): void {
    this.#channel.send(response, { relatedRequestId: response.id }).catch(this.#options.onError);
  }

  async #replace(request: JsonRpcRequest): Promise<boolean> {
    try {
      const era = this.#initialize === undefined ? 'modern' : 'legacy';
      const { product, capabilities } = await this.#options.rebuild(era);
      if (this.#isOver || this.#options.isEnding()) {
        await product.close();
        return false;
      }
      await this.seat(product);
      if (this.#initialize !== undefined) await this.#replay(this.#initialize);
      this.#tellChanges({ ...capabilities });
      return true;
    } catch (error) {
      this.#options.onError(error);
      this.#fail({ jsonrpc: '2.0', id: request.id, error: toBuildError(error) });
      return false;
    }
  }

  async #replay(initialize: JsonRpcRequest): Promise<void> {
    const replayed = new Promise<JsonRpcResponse>((resolve) => {
      this.#onReplayed = resolve;
    });
    this.#seat?.onmessage?.({ ...initialize, id: REPLAY_ID });
    const response = await replayed;
    if ('error' in response) throw new Error('The server did not initialize again');
    this.#seat?.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  #tellChanges(capabilities: JsonObject): void {
    for (const list of LISTS) {
      const declared = capabilities[list];
      if (!isObject(declared) || declared['listChanged'] !== true) continue;
      const method = `notifications/${list}/list_changed`;
      this.#channel.send({ jsonrpc: '2.0', method }).catch(this.#options.onError);
    }
  }
}
