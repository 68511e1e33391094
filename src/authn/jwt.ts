import { AuthenticationError, TokenResolutionError, ValidationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import { findBearer } from './bearer.ts';
import { type JWTAuthOptions, resolveJwtOptions } from './jwt-options.ts';
import type { KeySource } from './key-source.ts';
import { ABSENT, authenticated, EXPIRED_TOKEN, INVALID_TOKEN, UNAVAILABLE } from './results.ts';
import { VerifiedTokens } from './token-cache.ts';
import { isForAudience, type TokenCheck, type TokenRules } from './token-rules.ts';
import {
  findContentFingerprint,
  type Verification,
  type VerifiedToken,
  verifyToken,
} from './verify-token.ts';

/** Longer tokens are refused before anything looks into them. */
const MAX_TOKEN_LENGTH = 16 * 1024;

const FINGERPRINT = /^[A-Za-z0-9_-]{43}$/;

/**
 * Signs in whoever presents a JWT of one issuer: signature, issuer, audience, lifetime and type hold, or
 * nobody is named. The user is the configured claim and no other one.
 *
 * A bearer that is no JWT, or names another issuer, is `absent`, so that a chain can ask the next provider.
 * A provider with a secret and no issuer takes every JWT for its own: put it last. Tokens bound to a key
 * (`cnf`) are refused, as a plain bearer proves nothing. Revocation here is this process's own.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) at construction.
 * @see RFC 7519, RFC 8725, RFC 9068 §4
 */
export class JWTAuthProvider implements AuthProvider {
  readonly authorizationServers: readonly string[] | undefined;
  /** Whether {@link JWTAuthProvider.tokensFor} can answer. */
  readonly extractsTokens: boolean;
  readonly #rules: TokenRules;
  readonly #createKeys: () => KeySource & { warm?(): Promise<void> };
  #keys: KeySource & { warm?(): Promise<void> };
  #isClosed = false;
  readonly #verified: VerifiedTokens;
  readonly #running = new Map<string, Promise<Verification>>();
  readonly #listeners = new Set<(credentialFingerprint: string) => void>();
  readonly #onRefused: ((check: TokenCheck) => void) | undefined;

  constructor(options: JWTAuthOptions) {
    const { cache, createKeys, rules } = resolveJwtOptions(options);
    this.#rules = rules;
    this.#createKeys = createKeys;
    this.#keys = createKeys();
    this.#onRefused = options.onRefused;
    this.extractsTokens = rules.extractTokens;
    this.#verified = new VerifiedTokens({
      ...cache,
      now: rules.now,
      isCurrent: (id) => this.#keys.isCurrent(id),
    });
    this.authorizationServers =
      rules.keyKind === 'asymmetric' && rules.issuer !== undefined ? [rules.issuer] : undefined;
  }

  async authenticate(context: RequestContext): Promise<AuthResult> {
    const bearer = findBearer(context);
    if (bearer === undefined) return ABSENT;
    if (bearer === 'malformed') return INVALID_TOKEN;
    const outcome = await this.#examine(bearer, context.resource);
    switch (outcome) {
      case 'foreign':
        return ABSENT;
      case 'unavailable':
        return UNAVAILABLE;
      case 'expired':
        return EXPIRED_TOKEN;
      case 'refused':
        return INVALID_TOKEN;
      default:
        return authenticated(outcome.principal);
    }
  }

  /** Who presents a token that was verified before and need not be verified again; undefined for all others. */
  recall(context: RequestContext): AuthResult | undefined {
    const bearer = findBearer(context);
    if (bearer === undefined) return ABSENT;
    if (bearer === 'malformed' || bearer.reveal().length > MAX_TOKEN_LENGTH) return undefined;
    const token = this.#verified.find(bearer.fingerprint());
    if (token === undefined || !isForAudience(token.audience, context.resource, this.#rules))
      return undefined;
    return authenticated(token.principal);
  }

  /** Whether a token holds for `resource`; without one, only a configured audience can be checked. */
  async validate(token: string, resource?: string): Promise<boolean> {
    return typeof (await this.#examine(new Secret(token), resource)) === 'object';
  }

  /**
   * Fetches the keys ahead of the first request, after a cleanup too. An issuer out of reach does not keep a
   * server from starting.
   */
  async initialize(): Promise<void> {
    if (this.#isClosed) this.#keys = this.#createKeys();
    this.#isClosed = false;
    await this.#keys.warm?.().catch(() => undefined);
  }

  cleanup(): Promise<void> {
    this.#verified.clear();
    this.#listeners.clear();
    this.#keys.close();
    this.#isClosed = true;
    return Promise.resolve();
  }

  /** True for a token that was verified before and lives, although it may be due to be verified again. */
  isKnown(context: RequestContext): boolean {
    const bearer = findBearer(context);
    if (!(bearer instanceof Secret)) return false;
    const token = this.#verified.recall(bearer.fingerprint());
    return token !== undefined && isForAudience(token.audience, context.resource, this.#rules);
  }

  onRevoked(listener: (credentialFingerprint: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Refuses a token for the rest of its life and ends what it keeps open. Of a token that is not in the
   * cache only this spelling is refused: {@link JWTAuthProvider.revokeToken} refuses every one.
   *
   * The token's own lifetime is known while it is in the cache; for others give `expiresAt` (epoch seconds),
   * without which the entry is kept until the process ends.
   *
   * @param tokenFingerprint SHA-256 of the token in base64url ({@link Secret.fingerprint}).
   * @throws ValidationError (VALIDATION_ERROR) for anything else, a token above all.
   * @throws MCPAuthError (INTERNAL_ERROR) when 100 000 fingerprints are held already, at most two for a token.
   */
  revoke(tokenFingerprint: string, expiresAt?: number): void {
    if (!FINGERPRINT.test(tokenFingerprint)) {
      throw new ValidationError('A token is revoked by its SHA-256 fingerprint');
    }
    const until = expiresAt === undefined ? undefined : (expiresAt + this.#rules.toleranceSeconds) * 1000;
    this.#announce(this.#verified.revoke(tokenFingerprint, until));
  }

  /**
   * {@link JWTAuthProvider.revoke} by the token itself, for a token never seen before too: neither it nor what
   * it says under another signature is accepted from now on. The token is not kept.
   *
   * @throws ValidationError (VALIDATION_ERROR) for anything but a text.
   * @throws MCPAuthError (INTERNAL_ERROR) as `revoke` does.
   */
  revokeToken(token: string): void {
    if (typeof token !== 'string' || token === '') throw new ValidationError('There is no token to revoke');
    const fingerprint = new Secret(token).fingerprint();
    this.#announce(this.#verified.revoke(fingerprint, undefined, findContentFingerprint(token)));
  }

  /**
   * The upstream tokens inside the JWT of this very request, which is verified first: no request ever sees
   * those of another one. `undefined` without `extractTokens` or a JWT of this issuer.
   *
   * @throws AuthenticationError (AUTHENTICATION_FAILED) when the JWT does not hold.
   * @throws TokenResolutionError (CREDENTIALS_UNAVAILABLE) when it cannot be checked.
   */
  async tokensFor(context: RequestContext): Promise<ReadonlyMap<string, Secret> | undefined> {
    const bearer = findBearer(context);
    if (!this.extractsTokens || bearer === undefined) return undefined;
    const outcome = bearer === 'malformed' ? 'refused' : await this.#examine(bearer, context.resource);
    if (outcome === 'foreign') return undefined;
    if (outcome === 'unavailable') {
      throw new TokenResolutionError('Credentials are not available at the moment', { outage: true });
    }
    if (typeof outcome === 'string') throw new AuthenticationError();
    return outcome.tokens;
  }

  async #examine(
    bearer: Secret,
    resource: string | undefined,
  ): Promise<VerifiedToken | 'foreign' | 'refused' | 'expired' | 'unavailable'> {
    const value = bearer.reveal();
    if (value.length > MAX_TOKEN_LENGTH) return this.#refuse('size');
    const fingerprint = bearer.fingerprint();
    const token = this.#verified.find(fingerprint) ?? (await this.#verifyOnce(value, fingerprint));
    if (typeof token === 'string') return token === 'foreign' ? token : this.#refuse(token);
    return isForAudience(token.audience, resource, this.#rules) ? token : this.#refuse('audience');
  }

  #refuse(check: TokenCheck): 'refused' | 'expired' | 'unavailable' {
    this.#onRefused?.(check);
    return check === 'expired' || check === 'unavailable' ? check : 'refused';
  }

  async #verifyOnce(value: string, fingerprint: string): Promise<VerifiedToken | 'foreign' | TokenCheck> {
    if (this.#verified.isRevoked(fingerprint, findContentFingerprint(value))) return 'revoked';
    let running = this.#running.get(fingerprint);
    if (running === undefined) {
      running = verifyToken(value, this.#rules, this.#keys).finally(() => this.#running.delete(fingerprint));
      this.#running.set(fingerprint, running);
    }
    const verification = await running.catch(() => undefined);
    if (verification === undefined) return 'unavailable';
    if (verification.kind !== 'verified') {
      return verification.kind === 'foreign' ? 'foreign' : verification.check;
    }
    // It may have been revoked, here or under another signature, while it was being verified.
    if (this.#verified.isRevoked(fingerprint, verification.token.contentFingerprint)) return 'revoked';
    this.#verified.add(fingerprint, verification.token);
    return verification.token;
  }

  // One listener that fails must not leave the streams of the others open.
  #announce(fingerprints: readonly string[]): void {
    const failures: unknown[] = [];
    for (const listener of this.#listeners) {
      for (const fingerprint of fingerprints) {
        try {
          listener(fingerprint);
        } catch (error) {
          failures.push(error);
        }
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'A listener failed; the token is revoked');
  }
}
