import type { TransportLike } from './server-product.ts';

/**
 * The side of a guarded transport that the server sees. A class, for V8 keeps objects with getters of their own, and all
 * that these reach, until the next full collection.
 */
export class GuardedSide implements TransportLike {
  onmessage?: TransportLike['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  readonly start: TransportLike['start'];
  readonly send: TransportLike['send'];
  readonly close: TransportLike['close'];
  declare readonly setScopeChallengeResolver?: NonNullable<TransportLike['setScopeChallengeResolver']>;
  readonly #inner: TransportLike;

  constructor(inner: TransportLike, { start, send, close }: Pick<TransportLike, 'start' | 'send' | 'close'>) {
    this.#inner = inner;
    this.start = start;
    this.send = send;
    this.close = close;
    // The SDK looks for the method itself, so there must be none where the transport has none.
    if (inner.setScopeChallengeResolver !== undefined)
      this.setScopeChallengeResolver = (resolver) => inner.setScopeChallengeResolver?.(resolver);
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  get hasPerRequestStream(): boolean | undefined {
    return this.#inner.hasPerRequestStream;
  }

  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion?.(version);
  }

  setSupportedProtocolVersions(versions: string[]): void {
    this.#inner.setSupportedProtocolVersions?.(versions);
  }
}
