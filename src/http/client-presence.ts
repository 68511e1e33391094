/** Whether the client of a request is still there to be answered. */
export interface ClientPresence {
  /** Whether it has gone away before it had its answer. */
  readonly isGone: boolean;
  /** Aborts when that happens. Where a host has no signal of its own, it is made when it is first read. */
  readonly signal: AbortSignal;
  /** Calls back when that happens, not when it has; costs less than a signal. Returns what takes that back. */
  onGone(listener: () => void): () => void;
}

/** For hosts that have a signal. */
export class SignalPresence implements ClientPresence {
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  get isGone(): boolean {
    return this.signal.aborted;
  }

  onGone(listener: () => void): () => void {
    this.signal.addEventListener('abort', listener, { once: true });
    return () => this.signal.removeEventListener('abort', listener);
  }
}

/** As much of a response of Node as tells whether its client stays for it. */
interface ClosingResponse {
  readonly writableFinished: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Of the client that a response of Node is for. */
export class ResponsePresence implements ClientPresence {
  readonly #listeners = new Set<() => void>();
  #controller: AbortController | undefined;
  #isGone = false;

  constructor(response: ClosingResponse) {
    response.once('close', () => {
      if (!response.writableFinished) this.#leave();
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isGone) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  onGone(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #leave(): void {
    this.#isGone = true;
    this.#controller?.abort();
    for (const listener of this.#listeners) listener();
  }
}
