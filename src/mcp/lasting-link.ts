import { toBuildError } from './answer-outcome.ts';
import type { InnerLink } from './inner-link.ts';
import type { LinkPeer, LinkRequestOptions } from './link-contract.ts';
import { RPC, RpcError } from './rpc-error.ts';
import { isObject, type JsonObject } from './server-product.ts';

/** A link, and how it is given back when it has ended or is of no more use. `end` may be called twice. */
export interface OpenedLink {
  readonly link: InnerLink;
  readonly end: () => void | Promise<void>;
}

export interface LastingLinkOptions {
  /** Opens another one like the first: for the same user, upstream token and client, within the same bounds. */
  readonly reopen: () => Promise<OpenedLink>;
  /** Called once, when the link is closed. */
  readonly onEnd?: (() => void) | undefined;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/**
 * A link that outlasts its server: what was asked of a server that ends is answered with an error, and the next request
 * opens another. Its client has been told the name and capabilities of the first, so these stay; it is told that every
 * list changed, and the new server is given the log level and the subscriptions of the old one, whose resources count as
 * updated.
 *
 * Whoever has subscribed may make no further request, so a server with subscriptions is replaced at once, unless it lived
 * for less than {@link MIN_LIFE_MS}. Where that is so, or subscriptions cannot be had again, the link closes and its
 * peers are told.
 */
export function createLastingLink(first: OpenedLink, options: LastingLinkOptions): InnerLink {
  return new LastingLink(first, options);
}

/** Keeps a server that dies of its subscriptions from being started in a loop that no request drives. */
export const MIN_LIFE_MS = 30_000;
/** Beyond as many a server is not replaced while it has subscriptions. */
const MAX_RESOURCES = 1_000;
const RESTORE_TIMEOUT_MS = 10_000;

class LastingLink implements InnerLink {
  readonly #options: LastingLinkOptions;
  readonly #first: InnerLink;
  /** With what takes each away from the link at hand. */
  readonly #peers = new Map<LinkPeer, () => void>();
  readonly #resources = new Set<string>();
  #current: OpenedLink;
  #openedAt: number;
  #logLevel: JsonObject | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;

  constructor(first: OpenedLink, options: LastingLinkOptions) {
    this.#options = options;
    this.#first = first.link;
    this.#current = first;
    this.#openedAt = options.now();
  }

  get protocolVersion(): string {
    return this.#first.protocolVersion;
  }

  get capabilities(): JsonObject {
    return this.#first.capabilities;
  }

  get serverInfo(): InnerLink['serverInfo'] {
    return this.#first.serverInfo;
  }

  get instructions(): string | undefined {
    return this.#first.instructions;
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  request(method: string, params?: JsonObject, options?: LinkRequestOptions): Promise<JsonObject> {
    if (this.#isClosed) return Promise.reject(connectionClosed());
    // Not a tick later where nothing is to be waited for: the order of messages is the order in which they were sent.
    const isReady = this.#opening === undefined && !this.#current.link.closed;
    const answered = isReady
      ? this.#current.link.request(method, params, options)
      : this.#reopen().then(() => this.#current.link.request(method, params, options));
    return KEPT.has(method) ? answered.then((result) => this.#keep(method, params, result)) : answered;
  }

  /** What a server that has ended would be told concerns what ended with it. */
  notify(method: string, params?: JsonObject): void {
    if (!this.#isClosed) this.#current.link.notify(method, params);
  }

  attach(peer: LinkPeer): () => void {
    this.#peers.set(peer, this.#attachToCurrent(peer));
    return () => {
      this.#peers.get(peer)?.();
      this.#peers.delete(peer);
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#current.end();
    } finally {
      this.#options.onEnd?.();
    }
  }

  #attachToCurrent({ onNotification, onRequest }: LinkPeer): () => void {
    const { link } = this.#current;
    return link.attach({ onNotification, onRequest, onClose: () => this.#onEnded(link) });
  }

  #onEnded(link: InnerLink): void {
    // Once, however many peers there are.
    if (this.#isClosed || link !== this.#current.link) return;
    const { end } = this.#current;
    // Its place is free for another.
    void Promise.resolve(end()).catch(this.#options.onError);
    if (this.#resources.size === 0 || this.#opening !== undefined) return;
    const isLasting = this.#options.now() - this.#openedAt >= MIN_LIFE_MS;
    if (isLasting && this.#resources.size <= MAX_RESOURCES) void this.#reopen().catch(() => this.#giveUp());
    else this.#giveUp();
  }

  #giveUp(): void {
    for (const peer of [...this.#peers.keys()]) peer.onClose();
  }

  #reopen(): Promise<void> {
    this.#opening ??= this.#replace().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** @throws RpcError that says what the client may know */
  async #replace(): Promise<void> {
    const opened = await this.#open();
    if (this.#isClosed) {
      await opened.end();
      throw connectionClosed();
    }
    this.#current = opened;
    this.#openedAt = this.#options.now();
    for (const peer of this.#peers.keys()) this.#peers.set(peer, this.#attachToCurrent(peer));
    await this.#restore(opened.link);
    for (const { method, params } of this.#changes()) {
      for (const peer of this.#peers.keys()) {
        await peer.onNotification({ jsonrpc: '2.0', method, ...(params !== undefined && { params }) });
      }
    }
  }

  async #open(): Promise<OpenedLink> {
    try {
      await this.#current.end();
      return await this.#options.reopen();
    } catch (error) {
      this.#options.onError(error);
      const { code, message, data } = toBuildError(error);
      throw new RpcError(code, message, data);
    }
  }

  async #restore(link: InnerLink): Promise<void> {
    const options = { timeoutMs: RESTORE_TIMEOUT_MS };
    try {
      // A level that it does not take leaves it at its own; subscriptions have to be there.
      if (this.#logLevel !== undefined)
        await link.request('logging/setLevel', this.#logLevel, options).catch(this.#options.onError);
      await Promise.all(
        [...this.#resources].map((uri) => link.request('resources/subscribe', { uri }, options)),
      );
    } catch (error) {
      this.#options.onError(error);
      this.#giveUp();
      throw connectionClosed();
    }
  }

  /** What may have changed while nobody was there to tell. */
  #changes(): readonly { readonly method: string; readonly params?: JsonObject }[] {
    const lists = ['tools', 'prompts', 'resources'].filter((list) => {
      const declared = this.capabilities[list];
      return isObject(declared) && declared['listChanged'] === true;
    });
    return [
      ...lists.map((list) => ({ method: `notifications/${list}/list_changed` })),
      ...[...this.#resources].map((uri) => ({ method: 'notifications/resources/updated', params: { uri } })),
    ];
  }

  /** What a server was asked to do from now on. */
  #keep(method: string, params: JsonObject = {}, result: JsonObject): JsonObject {
    const { uri, level } = params;
    if (method === 'logging/setLevel') this.#logLevel = { level };
    else if (typeof uri !== 'string') return result;
    else if (method === 'resources/unsubscribe') this.#resources.delete(uri);
    // One more than may be kept says that there are more.
    else if (this.#resources.size <= MAX_RESOURCES) this.#resources.add(uri);
    return result;
  }
}

const KEPT: ReadonlySet<string> = new Set([
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

function connectionClosed(): RpcError {
  return new RpcError(RPC.connectionClosed, 'Connection closed');
}
