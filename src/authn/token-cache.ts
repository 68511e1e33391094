import type { Clock } from '../core/clock.ts';
import { MCPAuthError } from '../core/errors.ts';
import type { VerifiedToken } from './verify-token.ts';

const MAX_REVOCATIONS = 100_000;

export interface VerifiedTokensOptions {
  readonly maxEntries: number;
  readonly ttlMs: number;
  readonly now: Clock;
  /** Whether signatures made with a key still count. */
  readonly isCurrent: (keyId: string) => boolean;
}

interface Entry {
  readonly token: VerifiedToken;
  readonly until: number;
}

/**
 * Verified tokens by the SHA-256 of the token, and the revoked ones among them. An entry is given back
 * only within its lifetime, the cache's, and that of its key, and never once it is revoked.
 */
export class VerifiedTokens {
  readonly #options: VerifiedTokensOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #revoked = new Map<string, number>();
  /** Where the search for expired entries goes on. */
  #hand = this.#entries.entries();

  constructor(options: VerifiedTokensOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(fingerprint: string): VerifiedToken | undefined {
    const entry = this.#entries.get(fingerprint);
    if (entry === undefined || this.#options.now() >= entry.until) return undefined;
    if (!this.#holds(fingerprint, entry.token)) return undefined;
    // The least recently used entry makes room first.
    this.#entries.delete(fingerprint);
    this.#entries.set(fingerprint, entry);
    return entry.token;
  }

  /** A token that was verified once and still lives, even if it is time to verify it again. */
  recall(fingerprint: string): VerifiedToken | undefined {
    const token = this.#entries.get(fingerprint)?.token;
    return token !== undefined && this.#holds(fingerprint, token) ? token : undefined;
  }

  add(fingerprint: string, token: VerifiedToken): void {
    const { maxEntries, now, ttlMs } = this.#options;
    this.#entries.delete(fingerprint);
    this.#entries.set(fingerprint, { token, until: now() + ttlMs });
    this.#sweep();
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries) break;
      this.#entries.delete(oldest);
    }
  }

  /**
   * Those that have expired are of no more use: where tokens are short-lived the cache holds what is in use, and little
   * more. Each entry that comes pays for a look at two, so that they all get one in time, whatever lives long among them.
   */
  #sweep(): void {
    const now = this.#options.now();
    for (let looks = 0; looks < 2; looks++) {
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = this.#entries.entries();
        return;
      }
      const [fingerprint, { token }] = next.value;
      if (now >= token.expiresAtMs) this.#entries.delete(fingerprint);
    }
  }

  isRevoked(fingerprint: string, contentFingerprint: string | undefined): boolean {
    if (this.#revoked.size === 0) return false;
    return (
      this.#isListed(fingerprint) || (contentFingerprint !== undefined && this.#isListed(contentFingerprint))
    );
  }

  /**
   * Refuses a token from now on, under whatever signature it comes: an ECDSA signature can be rewritten
   * by anyone who has it, which changes the token's fingerprint. That holds for tokens still in the cache,
   * and for all where `contentFingerprint` is given.
   *
   * @returns the fingerprints under which the token was in use.
   * @throws MCPAuthError (INTERNAL_ERROR) when the list is full: nothing is forgotten to make room.
   */
  revoke(fingerprint: string, expiresAtMs?: number, contentFingerprint?: string): readonly string[] {
    const content = this.#entries.get(fingerprint)?.token.contentFingerprint ?? contentFingerprint;
    const twins =
      content === undefined
        ? []
        : [...this.#entries].filter(([, { token }]) => token.contentFingerprint === content);
    const until = twins[0]?.[1].token.expiresAtMs ?? expiresAtMs ?? Number.POSITIVE_INFINITY;
    this.#makeRoom();
    this.#revoked.set(fingerprint, until);
    if (content !== undefined) this.#revoked.set(content, until);
    for (const [twin] of twins) this.#entries.delete(twin);
    return [...new Set([fingerprint, ...twins.map(([twin]) => twin)])];
  }

  clear(): void {
    this.#entries.clear();
  }

  #holds(fingerprint: string, token: VerifiedToken): boolean {
    const { isCurrent, now } = this.#options;
    return (
      now() < token.expiresAtMs &&
      isCurrent(token.keyId) &&
      !this.isRevoked(fingerprint, token.contentFingerprint)
    );
  }

  #isListed(fingerprint: string): boolean {
    const until = this.#revoked.get(fingerprint);
    return until !== undefined && this.#options.now() < until;
  }

  #makeRoom(): void {
    // One revocation takes up to two places.
    if (this.#revoked.size <= MAX_REVOCATIONS - 2) return;
    for (const [fingerprint, until] of this.#revoked) {
      if (until <= this.#options.now()) this.#revoked.delete(fingerprint);
    }
    if (this.#revoked.size > MAX_REVOCATIONS - 2) {
      throw new MCPAuthError('INTERNAL_ERROR', 'Too many revoked tokens are held');
    }
  }
}
