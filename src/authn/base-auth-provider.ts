import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import { findContextKey, sha256 } from './context-key.ts';
import { resultOfError } from './results.ts';

/** Options of {@link BaseAuthProvider}. */
export interface BaseAuthOptions {
  /** Whether a yes is remembered. Default false. */
  readonly cacheResults?: boolean | undefined;
  /** Milliseconds, 1 to one hour. Default 60 000. */
  readonly cacheTtl?: number | undefined;
  /** Shown to callers in place of the provider's own texts, by reason. */
  readonly errorMessages?:
    | Readonly<Partial<Record<'absent' | 'invalid' | 'unavailable', string>>>
    | undefined;
  readonly now?: Clock | undefined;
}

const MAX_ENTRIES = 10_000;

interface Entry {
  readonly result: AuthResult;
  readonly expiresAtMs: number;
}

/**
 * A provider of your own: implement {@link BaseAuthProvider.doAuthenticate}. An error thrown there is a no
 * (authentication errors) or `unavailable` (all others), and never reaches the caller as it is.
 *
 * With `cacheResults` a yes is remembered for `cacheTtl`, never beyond the principal's `expiresAt`, and only
 * for a request that brings the same credential in the same circumstances. What is revoked meanwhile counts
 * until then.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) at construction.
 */
export abstract class BaseAuthProvider implements AuthProvider {
  readonly #cacheResults: boolean;
  readonly #cacheTtlMs: number;
  readonly #errorMessages: NonNullable<BaseAuthOptions['errorMessages']>;
  readonly #now: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(options: BaseAuthOptions = {}) {
    const cacheTtlMs = options.cacheTtl ?? 60_000;
    // A text would be joined to the time, not added.
    if (typeof cacheTtlMs !== 'number' || !(cacheTtlMs >= 1 && cacheTtlMs <= 3_600_000)) {
      throw new ConfigurationError('cacheTtl must be a number between 1 and 3600000 milliseconds');
    }
    this.#cacheResults = options.cacheResults ?? false;
    this.#cacheTtlMs = cacheTtlMs;
    this.#errorMessages = options.errorMessages ?? {};
    this.#now = options.now ?? systemClock;
  }

  /** Tells who is asking, without any cache. */
  protected abstract doAuthenticate(context: RequestContext): Promise<AuthResult>;

  /**
   * What a remembered yes is filed under; `undefined` remembers nothing. An override must hold everything
   * that {@link BaseAuthProvider.doAuthenticate} looks at, the credential first. It may be the credential
   * itself: only its hash is kept.
   */
  protected getCacheKey(context: RequestContext): string | undefined {
    return findContextKey(context);
  }

  async authenticate(context: RequestContext): Promise<AuthResult> {
    try {
      const key = this.#cacheResults ? this.getCacheKey(context) : undefined;
      const hash = key === undefined ? undefined : sha256(key);
      const known = hash === undefined ? undefined : this.#find(hash);
      if (known !== undefined) return known;
      const result = await this.doAuthenticate(context);
      if (!result.authenticated) return this.#worded(result);
      if (hash !== undefined) this.#add(hash, result);
      return result;
    } catch (error) {
      return this.#worded(resultOfError(error));
    }
  }

  initialize(): Promise<void> {
    return Promise.resolve();
  }

  cleanup(): Promise<void> {
    this.clearCache();
    return Promise.resolve();
  }

  /** Forgets every remembered yes. */
  protected clearCache(): void {
    this.#entries.clear();
  }

  #find(hash: string): AuthResult | undefined {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return undefined;
    if (this.#now() < entry.expiresAtMs) return entry.result;
    this.#entries.delete(hash);
    return undefined;
  }

  #add(hash: string, result: AuthResult): void {
    const expiresAt = result.principal?.expiresAt ?? Number.POSITIVE_INFINITY;
    const expiresAtMs = Math.min(this.#now() + this.#cacheTtlMs, expiresAt * 1000);
    this.#entries.delete(hash);
    this.#entries.set(hash, { result, expiresAtMs });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES) break;
      this.#entries.delete(oldest);
    }
  }

  #worded(result: AuthResult): AuthResult {
    const message = this.#errorMessages[result.reason ?? 'invalid'];
    return message === undefined ? result : { ...result, error: message };
  }
}
