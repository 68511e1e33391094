import { type Clock, systemClock } from '../core/clock.ts';
import { fixedLocation, type KeySetLocator } from './discovery.ts';
import { type Fetch, fetchJson, unavailable, within } from './json-fetch.ts';
import { parseKeySet, selectKeys } from './jwk-set.ts';
import type { KeyHint, KeySource, VerificationKey } from './key-source.ts';

export interface RemoteKeySetOptions {
  /** The key set's address, or what finds it. */
  readonly url: string | KeySetLocator;
  readonly fetch?: Fetch | undefined;
  readonly now?: Clock | undefined;
  /** For one refresh, from the first byte sent to the last one read. Default 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Default 512 KiB. */
  readonly maxBytes?: number | undefined;
  /** A `kid` nobody has heard of is asked after once in this time. Default 30 s. */
  readonly cooldownMs?: number | undefined;
  /** Older sets are renewed in the background while they go on serving. Default 10 min. */
  readonly maxAgeMs?: number | undefined;
  /** A set that could not be renewed for this long serves no more. Default 1 h. */
  readonly maxStaleMs?: number | undefined;
}

export interface RemoteKeySet extends KeySource {
  /** Grows with every set taken over. */
  readonly generation: number;
  /** Fetches the set ahead of the first token. @throws MCPAuthError (AUTHENTICATION_UNAVAILABLE) */
  warm(): Promise<void>;
}

/**
 * The public keys of an issuer, fetched when needed, renewed in time and bounded in every direction:
 * however many tokens arrive there is one request at a time, and an issuer that is down or that is asked
 * for made-up keys is not hammered (1 s to 60 s between attempts).
 *
 * A removed key stops counting when its removal is noticed: after ten minutes, or earlier when an
 * unknown `kid` made the set be fetched. An issuer should therefore name its keys.
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): RemoteKeySet {
  return new RemoteKeys({
    locator: typeof options.url === 'string' ? fixedLocation(options.url) : options.url,
    fetch: options.fetch ?? globalThis.fetch,
    now: options.now ?? systemClock,
    timeoutMs: options.timeoutMs ?? 5_000,
    maxBytes: options.maxBytes ?? 512 * 1024,
    cooldownMs: options.cooldownMs ?? 30_000,
    maxAgeMs: options.maxAgeMs ?? 600_000,
    maxStaleMs: options.maxStaleMs ?? 3_600_000,
  });
}

const MIN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

interface Settings {
  readonly locator: KeySetLocator;
  readonly fetch: Fetch;
  readonly now: Clock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly cooldownMs: number;
  readonly maxAgeMs: number;
  readonly maxStaleMs: number;
}

class RemoteKeys implements RemoteKeySet {
  readonly #settings: Settings;
  #keys: readonly VerificationKey[] = [];
  #ids: ReadonlySet<string> = new Set();
  #generation = 0;
  #fetchedAt: number | undefined;
  #failures = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #missedAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get generation(): number {
    return this.#generation;
  }

  async warm(): Promise<void> {
    if (!this.#serves()) await this.#refresh();
  }

  async find(hint: KeyHint): Promise<readonly VerificationKey[]> {
    const generation = this.#generation;
    if (!this.#serves()) await this.#refresh();
    else this.#renewInBackground();
    const found = selectKeys(this.#keys, hint);
    const isFresh = this.#generation !== generation;
    if (found.length > 0 || isFresh || this.#knows(hint.kid)) return found;
    await this.#lookAgain();
    return selectKeys(this.#keys, hint);
  }

  isCurrent(keyId: string): boolean {
    if (!this.#serves()) return false;
    this.#renewInBackground();
    return this.#ids.has(keyId);
  }

  close(): void {
    this.#closed = true;
    this.#keys = [];
    this.#ids = new Set();
    this.#fetchedAt = undefined;
  }

  // After the clock was set back nobody knows how old the set is: it counts as infinitely old.
  #age(): number {
    const age = this.#settings.now() - (this.#fetchedAt ?? Number.NEGATIVE_INFINITY);
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  }

  #serves(): boolean {
    return this.#age() < this.#settings.maxStaleMs;
  }

  #knows(kid: string | undefined): boolean {
    return kid !== undefined && this.#keys.some((key) => key.kid === kid);
  }

  #renewInBackground(): void {
    if (this.#age() < this.#settings.maxAgeMs || this.#refreshing !== undefined || this.#isBackingOff())
      return;
    this.#refresh().catch(() => undefined);
  }

  // A key may be newer than the set; a made-up one must not turn into a request of its own.
  async #lookAgain(): Promise<void> {
    const now = this.#settings.now();
    const sinceMiss = now - this.#missedAt;
    const isCoolingDown = sinceMiss >= 0 && sinceMiss < this.#settings.cooldownMs;
    if (this.#refreshing === undefined && isCoolingDown) {
      // While the last attempt failed it is not known whether the key exists: no verdict either way.
      if (this.#failures > 0) throw unavailable('the key set could not be renewed');
      return;
    }
    if (!isCoolingDown && !this.#isBackingOff()) this.#missedAt = now;
    await this.#refresh();
  }

  #isBackingOff(): boolean {
    const waitMs = this.#retryAt - this.#settings.now();
    // A longer wait than any that is set comes from a clock that was set back.
    return waitMs > 0 && waitMs <= MAX_BACKOFF_MS;
  }

  #refresh(): Promise<void> {
    if (this.#refreshing !== undefined) return this.#refreshing;
    if (this.#closed) return Promise.reject(unavailable('the key set is closed'));
    if (this.#isBackingOff()) return Promise.reject(unavailable('the key set could not be fetched'));
    this.#refreshing = this.#load().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #load(): Promise<void> {
    const { fetch, locator, maxBytes, now, timeoutMs } = this.#settings;
    try {
      const keys = await within(timeoutMs, async (signal) => {
        const url = await locator.locate(signal);
        return parseKeySet(await fetchJson(url, { fetch, signal, maxBytes }));
      });
      this.#accept(keys);
    } catch (error) {
      locator.forget();
      this.#retryAt = now() + Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** this.#failures);
      this.#failures += 1;
      throw error;
    }
  }

  #accept(keys: readonly VerificationKey[]): void {
    if (this.#closed) throw unavailable('the key set is closed');
    this.#keys = keys;
    this.#ids = new Set(keys.map((key) => key.id));
    this.#generation += 1;
    this.#fetchedAt = this.#settings.now();
    this.#failures = 0;
    this.#retryAt = Number.NEGATIVE_INFINITY;
  }
}
