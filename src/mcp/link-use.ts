import { unsupported } from './client-questions.ts';
import type { InnerLink } from './inner-link.ts';
import type { LinkPeer } from './link-contract.ts';
import { CallOver, type CallRequest, createCall, type RunningCall } from './running-call.ts';
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from './server-product.ts';

/** Someone who is connected to the client at the moment. */
export interface LinkVoice {
  /** Sends what belongs to no call. Must not reject. */
  readonly notify: (notification: JsonRpcNotification) => Promise<void>;
  /** Asks what belongs to no call; absent where the protocol has no such questions. */
  readonly ask?: ((request: JsonRpcRequest, signal: AbortSignal) => Promise<JsonObject>) | undefined;
  /** The server has closed. */
  readonly onClose: () => void;
}

export interface LinkUseOptions {
  /** Whether the link ends with its use. A pooled link outlives it. */
  readonly ownsLink: boolean;
  /**
   * Called once, when nobody is connected any more and no call is running. `abandoned` counts the calls that were cut
   * off, because what runs them may still be at work, and those that left a setting behind, such as a log level: such
   * a link is not for the next user.
   */
  readonly onEnd?: ((abandoned: number) => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * What one client does with a link, from the first request until nobody is connected and no call runs or waits. It is
 * no part of a front: a call that waits for its client keeps its link when the client's request is over.
 */
export interface LinkUse {
  readonly link: InnerLink;
  /** Connects a voice; the function returned takes it away; with the last of all, and no call running, the use ends. */
  join(voice: LinkVoice): () => Promise<void>;
  /** A call on the link. It runs from its first `follow` on. */
  call(request: CallRequest): RunningCall;
  /** Tells the server something, as long as the link is in this use. */
  notify(method: string, params?: JsonObject): void;
}

export function createLinkUse(link: InnerLink, options: LinkUseOptions): LinkUse {
  return new Use(link, options);
}

const SETTINGS: ReadonlySet<string> = new Set(['logging/setLevel', 'resources/subscribe']);
// Changes that a server tells of while nobody is connected.
const MAX_UNHEARD = 64;

class Use implements LinkUse, LinkPeer {
  readonly link: InnerLink;
  readonly #options: LinkUseOptions;
  readonly #voices = new Set<LinkVoice>();
  // In the order they began.
  readonly #calls = new Set<RunningCall>();
  readonly #unheard: JsonRpcNotification[] = [];
  readonly #unhook: () => void;
  #abandoned = 0;
  #ending: Promise<void> | undefined;

  constructor(link: InnerLink, options: LinkUseOptions) {
    this.link = link;
    this.#options = options;
    this.#unhook = link.attach(this);
  }

  join(voice: LinkVoice): () => Promise<void> {
    this.#voices.add(voice);
    for (const notification of this.#unheard.splice(0)) void voice.notify(notification);
    return async () => {
      this.#voices.delete(voice);
      await this.#endIfUnused();
    };
  }

  call(request: CallRequest): RunningCall {
    const call = createCall(this.link, request);
    this.#calls.add(call);
    call.onEnd((isCancelled) => {
      this.#calls.delete(call);
      if (isCancelled || SETTINGS.has(request.method)) this.#abandoned += 1;
      this.#endIfUnused().catch((error: unknown) => this.#options.onError?.(error));
    });
    return call;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.#ending === undefined) this.link.notify(method, params);
  }

  readonly onNotification = (notification: JsonRpcNotification): void | Promise<void> => {
    // What names no request still belongs to the only one there is; elsewhere it would need a stream that few
    // clients open.
    const call = notification.method === 'notifications/message' ? this.#onlyCall() : undefined;
    if (call !== undefined) return call.hear(notification);
    const voice = this.#latestVoice();
    if (voice !== undefined) return voice.notify(notification);
    if (this.#unheard.length < MAX_UNHEARD) this.#unheard.push(notification);
    return undefined;
  };

  readonly onRequest = async (request: JsonRpcRequest, signal: AbortSignal): Promise<JsonObject> => {
    for (;;) {
      const voice = this.#latestVoice();
      const only = this.#onlyCall();
      if (only === undefined && voice?.ask !== undefined) return voice.ask(request, signal);
      // Nobody can tell which of several it is for. All are of one client, and it is the client that is asked.
      const call =
        only ?? [...this.#calls].findLast(({ isFollowed }) => isFollowed) ?? [...this.#calls].at(-1);
      if (call === undefined) throw unsupported(request);
      try {
        return await call.ask(request, signal);
      } catch (error) {
        // It may have been put with a call that it was not for, and which is over.
        if (!(error instanceof CallOver) || signal.aborted || this.#calls.size === 0) throw error;
      }
    }
  };

  readonly onClose = (): void => {
    for (const voice of [...this.#voices]) voice.onClose();
  };

  #latestVoice(): LinkVoice | undefined {
    return [...this.#voices].at(-1);
  }

  #onlyCall(): RunningCall | undefined {
    const [first, second] = this.#calls;
    return second === undefined ? first : undefined;
  }

  #endIfUnused(): Promise<void> {
    if (this.#voices.size > 0 || this.#calls.size > 0) return this.#ending ?? Promise.resolve();
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#unhook();
    try {
      if (this.#options.ownsLink) await this.link.close();
    } finally {
      this.#options.onEnd?.(this.#abandoned);
    }
  }
}
