import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import { type FoundToken, outage } from './credential-answer.ts';
import type { CredentialSubject } from './credential-endpoint.ts';

export interface TokenCacheOptions {
  /** How long a token may be served; 0 keeps none. */
  readonly ttlMs: number;
  /** How long "not linked" may be served. */
  readonly unlinkedTtlMs: number;
  readonly maxEntries: number;
  readonly now: Clock;
}

/** What is asked for; `id` is unambiguous over everything that decides the answer. */
export interface TokenKey extends CredentialSubject {
  readonly id: string;
}

export interface TokenCache {
  /** What is cached and fresh. */
  find(key: TokenKey): FoundToken | undefined;
  /** The cached answer, or that of one `load` shared by everyone who asks for it meanwhile. */
  resolve(key: TokenKey, load: () => Promise<FoundToken>): Promise<Secret | undefined>;
  /** Forgets one answer, but leaves a request under way alone. */
  drop(key: TokenKey): void;
  /** Forgets answers and discards those under way: whoever waits for one gets a new one instead. */
  invalidate(userId?: string, resourceType?: string): void;
}

interface Entry {
  readonly key: TokenKey;
  readonly found: FoundToken;
  readonly storedAtMs: number;
  readonly freshUntilMs: number;
}

interface Flight {
  readonly key: TokenKey;
  readonly result: Promise<FoundToken>;
  discarded: boolean;
}

const MAX_ATTEMPTS = 3;

/** Bounded, least recently used first out; failures are never kept, nor anything past its expiry. */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  const entries = new Map<string, Entry>();
  const flights = new Map<string, Flight>();

  function find({ id }: TokenKey): FoundToken | undefined {
    const entry = entries.get(id);
    if (entry === undefined) return undefined;
    entries.delete(id);
    const now = options.now();
    // A clock set back must not lengthen a token's stay.
    if (now < entry.storedAtMs || now >= entry.freshUntilMs) return undefined;
    entries.set(id, entry);
    return entry.found;
  }

  function store(key: TokenKey, found: FoundToken): void {
    const ttlMs = found.token === undefined ? Math.min(options.unlinkedTtlMs, options.ttlMs) : options.ttlMs;
    if (ttlMs <= 0) return;
    const now = options.now();
    const freshUntilMs = Math.min(now + ttlMs, found.expiresAtMs ?? Number.POSITIVE_INFINITY);
    entries.delete(key.id);
    if (entries.size >= options.maxEntries) {
      for (const oldest of entries.keys()) {
        entries.delete(oldest);
        break;
      }
    }
    entries.set(key.id, { key, found, storedAtMs: now, freshUntilMs });
  }

  function depart(key: TokenKey, load: () => Promise<FoundToken>): Flight {
    if (flights.size >= options.maxEntries)
      throw outage('too many requests to the credential service at once');
    const run = async (): Promise<FoundToken> => {
      try {
        const found = await load();
        if (!flight.discarded) store(key, found);
        return found;
      } finally {
        if (flights.get(key.id) === flight) flights.delete(key.id);
      }
    };
    const flight: Flight = { key, discarded: false, result: Promise.resolve().then(run) };
    flights.set(key.id, flight);
    return flight;
  }

  return {
    find,
    async resolve(key, load) {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const cached = find(key);
        if (cached !== undefined) return cached.token;
        const flight = flights.get(key.id) ?? depart(key, load);
        const found = await flight.result;
        if (!flight.discarded) return found.token;
      }
      throw outage('the credentials changed each time they were read');
    },
    drop({ id }) {
      entries.delete(id);
    },
    invalidate(userId, resourceType) {
      const isMeant = ({ key }: { readonly key: TokenKey }): boolean =>
        (userId === undefined || key.userId === userId) &&
        (resourceType === undefined || key.resourceType === resourceType);
      for (const [id, entry] of entries) if (isMeant(entry)) entries.delete(id);
      for (const [id, flight] of flights) {
        if (!isMeant(flight)) continue;
        flight.discarded = true;
        flights.delete(id);
      }
    },
  };
}
