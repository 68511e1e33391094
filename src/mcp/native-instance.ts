import { type AskedLink, askServer, toEnvelope } from './asked-link.ts';
import type { ClientFacts } from './client-facts.ts';
import { type BindToRequest, bindToModernEra, type LowLevelServer, lowLevelOf } from './modern-era.ts';
import type { TakeRequests } from './request-dispatch.ts';
import type { NativeServer, ServerSdk } from './sdk.ts';
import {
  isRequest,
  isResponse,
  type JsonRpcId,
  type JsonRpcNotification,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';
import { ServerSeat } from './server-seat.ts';

/** A v2 server that is kept for many requests of one era and one client, and serves them one at a time. */
export interface NativeInstance {
  /**
   * The server for one request, on any transport. `onEnd` is called once, when that request's connection has ended:
   * false when something of it may be left behind, such as a call that still runs.
   */
  lend(onEnd: (isClean: boolean) => void): Promise<ServerProduct>;
  /** The same for a request that needs no connection but the one that the server keeps. */
  seat(onEnd: (isClean: boolean) => void): ServerProduct;
  /** The gate's own questions to it. */
  ask<T>(use: (link: AskedLink) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

// A server keeps these for the connections to come, which are of the same user but not of the same client.
const LASTING: ReadonlySet<string> = new Set(['logging/setLevel', 'resources/subscribe', 'initialize']);

export interface NativeInstanceOptions {
  /** What the client of the 2026 era declares; undefined for the 2025 era. */
  readonly client: ClientFacts | undefined;
  /** Changes that the server tells of while nobody uses it. */
  readonly onUnheard?: ((notification: JsonRpcNotification) => void) | undefined;
  /** How it serves single requests; the SDK's way by default. */
  readonly takeRequests?: TakeRequests | undefined;
  /** How it is told of its era; by way of the SDK's entry by default. */
  readonly bindToRequest?: BindToRequest | undefined;
}

/**
 * @throws TransportError (TRANSPORT_ERROR) when the server does not take to the era
 */
export async function createNativeInstance(
  sdk: ServerSdk,
  product: NativeServer & ServerProduct,
  { client, onUnheard = () => undefined, takeRequests, bindToRequest }: NativeInstanceOptions,
): Promise<NativeInstance> {
  if (client !== undefined) {
    if (bindToRequest === undefined) await bindToModernEra(sdk, product, client);
    else bindToRequest(product, toEnvelope(client));
  }
  const server = lowLevelOf(sdk, product);
  // To the server it is one life, however many connections that takes: it cleans up when it is closed for good.
  const onClosedForGood = server.onclose;
  // Not deleted: that would make every access to the server slow.
  Reflect.set(server, 'onclose', undefined);
  const connect = product.connect.bind(product) as ServerProduct['connect'];
  const close = product.close.bind(product) as ServerProduct['close'];
  const lendable: ServerProduct = product;
  const seating = new Seating({ server, connect, close, onUnheard, takeRequests });

  return {
    seat: (onEnd) => new SeatedServer(seating, onEnd),
    async lend(onEnd) {
      try {
        await seating.leave();
      } catch (error) {
        onEnd(false);
        throw error;
      }
      let isOver = false;
      const end = (isClean: boolean): void => {
        if (isOver) return;
        isOver = true;
        // What a request put around the server goes with it, or the server would keep all of it until the next one.
        lendable.connect = connect;
        lendable.close = close;
        onEnd(isClean);
      };
      lendable.connect = async (transport) => {
        await connect(transport);
        followConnection(transport, end);
      };
      lendable.close = async () => {
        await close();
        end(true);
      };
      return lendable;
    },
    async ask(use) {
      await seating.leave();
      return askServer({ connect, close }, { capabilities: server.getCapabilities(), client }, use);
    },
    async close() {
      if (onClosedForGood !== undefined) server.onclose = onClosedForGood;
      const wasConnected = server.transport !== undefined;
      await close();
      if (!wasConnected) onClosedForGood?.();
    },
  };
}

interface SeatingOptions {
  readonly server: LowLevelServer;
  readonly connect: ServerProduct['connect'];
  readonly close: ServerProduct['close'];
  readonly onUnheard: (notification: JsonRpcNotification) => void;
  readonly takeRequests: TakeRequests | undefined;
}

/** Connects a server to a seat when one is needed, and leaves it for whoever wants the server itself. */
class Seating {
  readonly #options: SeatingOptions;
  #seat: ServerSeat | undefined;

  constructor(options: SeatingOptions) {
    this.#options = options;
  }

  async leave(): Promise<void> {
    if (this.#seat === undefined) return;
    this.#seat = undefined;
    await this.#options.close();
  }

  take(): ServerSeat | Promise<ServerSeat> {
    // A server that has closed itself has left its seat.
    const isSeated = this.#seat !== undefined && this.#options.server.transport === this.#seat;
    return isSeated && this.#seat !== undefined ? this.#seat : this.#sit();
  }

  async #sit(): Promise<ServerSeat> {
    await this.leave();
    const { server, connect, onUnheard, takeRequests } = this.#options;
    const made = new ServerSeat(onUnheard);
    await connect(made);
    takeRequests?.(server, made);
    this.#seat = made;
    return made;
  }
}

/** The server of a seat, for one request. */
class SeatedServer implements ServerProduct {
  readonly #seating: Seating;
  readonly #onEnd: (isClean: boolean) => void;
  #transport: TransportLike | undefined;
  #hasFailed = false;

  constructor(seating: Seating, onEnd: (isClean: boolean) => void) {
    this.#seating = seating;
    this.#onEnd = onEnd;
  }

  connect(transport: TransportLike): Promise<void> {
    this.#hasFailed = true;
    const seat = this.#seating.take();
    return seat instanceof Promise
      ? seat.then((taken) => this.#begin(taken, transport))
      : this.#begin(seat, transport);
  }

  #begin(seat: ServerSeat, transport: TransportLike): Promise<void> {
    this.#hasFailed = false;
    this.#transport = transport;
    return seat.begin(transport, this.#onEnd);
  }

  async close(): Promise<void> {
    if (this.#transport === undefined) this.#onEnd(!this.#hasFailed);
    else await this.#transport.close();
  }
}

/** Tells when a connection has ended, and whether all that was asked on it was answered. */
function followConnection(transport: TransportLike, onEnd: (isClean: boolean) => void): void {
  const open = new Set<JsonRpcId>();
  let isMarked = false;
  const { onmessage: receive, onclose: closed } = transport;
  const send = transport.send.bind(transport);
  transport.onmessage = (message, extra) => {
    if (isRequest(message)) {
      open.add(message.id);
      isMarked ||= LASTING.has(message.method);
    }
    receive?.(message, extra);
  };
  transport.send = (message, options) => {
    if (isResponse(message) && message.id !== undefined && message.id !== null) open.delete(message.id);
    return send(message, options);
  };
  transport.onclose = () => {
    try {
      closed?.();
    } finally {
      onEnd(open.size === 0 && !isMarked);
    }
  };
}
