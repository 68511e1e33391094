import type { Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';

/**
 * What a provider found.
 *
 * - `authenticated: true`: `principal`, or at least `userId`.
 * - `absent`: nothing this provider reads was sent; the next one of a chain is asked.
 * - `invalid` (also when no reason is given): something was sent and it is wrong; 401, nobody else is asked.
 * - `unavailable`: it could not be checked; 503, nobody else is asked.
 */
export interface AuthResult {
  readonly authenticated: boolean;
  readonly userId?: string | undefined;
  readonly principal?: Principal | undefined;
  readonly reason?: 'absent' | 'invalid' | 'unavailable' | undefined;
  /** Shown to the caller: no secret, no inner reason. */
  readonly error?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Tells who is asking. The folder's implementations are siblings of this file. */
export interface AuthProvider {
  authenticate(context: RequestContext): Promise<AuthResult>;
  initialize?(): Promise<void>;
  cleanup?(): Promise<void>;
  /** Whether a token still holds, without a request around it. */
  validate?(token: string): Promise<boolean>;

  /** What `authenticate` would answer, where that is known without waiting; undefined where it has to be asked. */
  recall?(context: RequestContext): AuthResult | undefined;
  /** Answers at once from what is already verified; lets a good caller through while its address is blocked. */
  isKnown?(context: RequestContext): boolean;
  /** Calls `listener` with fingerprints of credentials (SHA-256, base64url) that stopped holding; ends live streams. */
  onRevoked?(listener: (credentialFingerprint: string) => void): () => void;
  /** Refuses a credential from now on, by its fingerprint (SHA-256, base64url). */
  revoke?(credentialFingerprint: string): void;
  /**
   * Refuses a token from now on, also where what it says comes under another signature: an ECDSA signature
   * can be rewritten by anyone who has it, which {@link AuthProvider.revoke} cannot see for an unknown token.
   */
  revokeToken?(token: string): void;
  /** Issuers to name in the protected resource metadata (RFC 9728 `authorization_servers`). */
  readonly authorizationServers?: readonly string[] | undefined;
  /** True when it signs in whoever reaches it (environment): refused over HTTP. */
  readonly ambient?: boolean | undefined;
}
