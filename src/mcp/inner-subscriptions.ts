import { findLinkUse } from './bridge.ts';
import type { MessageExtra } from './link-contract.ts';
import type { LinkUse } from './link-use.ts';
import { asRecord } from './message-facts.ts';
import { RpcError } from './rpc-error.ts';
import type { JsonRpcNotification } from './server-product.ts';

/** Subscriptions at a server behind a bridge, which knows only those of the 2025 era. */
export interface InnerSubscriptions {
  /** Returns once the server has heard of all. What it does not take, it says nothing of, as to a client of its own. */
  add(uris: readonly string[], extra?: MessageExtra): Promise<void>;
  /** One stream less for each of them. */
  remove(uris: readonly string[]): void;
  /** Lets go of the server, and of what was subscribed to. Safe to call twice. */
  end(): Promise<void>;
}

export interface SubscriptionListener {
  readonly onChange: (notification: JsonRpcNotification) => void;
  /** The server has closed. */
  readonly onClose: () => void;
}

const TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 2_000;

/**
 * Undefined for a server that is not behind a bridge or takes no subscriptions. With a listener the server stays as long
 * as the subscriptions do, also when its front is closed, and the listener hears its changes.
 */
export function openInnerSubscriptions(
  front: object,
  onError: (error: unknown) => void,
  listener?: SubscriptionListener,
): InnerSubscriptions | undefined {
  const use = findLinkUse(front);
  if (use === undefined || asRecord(use.link.capabilities['resources'])['subscribe'] !== true)
    return undefined;
  return new Subscriptions(use, onError, listener);
}

class Subscriptions implements InnerSubscriptions {
  readonly #use: LinkUse;
  readonly #onError: (error: unknown) => void;
  /** How many streams want each. */
  readonly #wanted = new Map<string, number>();
  readonly #leave: (() => Promise<void>) | undefined;
  #ending: Promise<void> | undefined;

  constructor(use: LinkUse, onError: (error: unknown) => void, listener: SubscriptionListener | undefined) {
    this.#use = use;
    this.#onError = onError;
    if (listener === undefined) return;
    this.#leave = use.join({
      notify: async (notification) => listener.onChange(notification),
      onClose: listener.onClose,
    });
  }

  async add(uris: readonly string[], extra?: MessageExtra): Promise<void> {
    const added = uris.filter((uri) => this.#count(uri, 1) === 1);
    const method = 'resources/subscribe';
    await Promise.all(added.map((uri) => this.#tell(method, uri, { extra, timeoutMs: TIMEOUT_MS })));
  }

  remove(uris: readonly string[]): void {
    const removed = uris.filter((uri) => this.#count(uri, -1) === 0);
    void this.#unsubscribe(removed);
  }

  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    const uris = [...this.#wanted.keys()];
    this.#wanted.clear();
    await this.#unsubscribe(uris);
    await this.#leave?.();
  }

  async #unsubscribe(uris: readonly string[]): Promise<void> {
    const method = 'resources/unsubscribe';
    await Promise.all(uris.map((uri) => this.#tell(method, uri, { timeoutMs: END_TIMEOUT_MS })));
  }

  async #tell(
    method: string,
    uri: string,
    options: { readonly timeoutMs: number; readonly extra?: MessageExtra | undefined },
  ): Promise<void> {
    try {
      await this.#use.link.request(method, { uri }, options);
    } catch (error) {
      if (!(error instanceof RpcError)) this.#onError(error);
    }
  }

  #count(uri: string, change: number): number {
    const count = (this.#wanted.get(uri) ?? 0) + change;
    if (count > 0) this.#wanted.set(uri, count);
    else this.#wanted.delete(uri);
    return count;
  }
}
