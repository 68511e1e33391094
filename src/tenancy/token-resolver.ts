import type { Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';

/** The request context with the principal the guard found; resolvers read identity from it, never from headers. */
export interface TokenContext extends RequestContext {
  readonly principal?: Principal;
}

/**
 * Finds the upstream token of a user for a resource type.
 *
 * `null` means that the user has not linked an account (calls are refused with that remedy, lists run
 * with an empty token). An outage throws {@link TokenResolutionError} with `outage: true` (503).
 */
export interface ResourceTokenResolver {
  resolveToken(userId: string, resourceType: string, context?: TokenContext): Promise<string | null>;
  refreshToken?(userId: string, resourceType: string, context?: TokenContext): Promise<string | null>;
  validateToken?(token: string, resourceType: string): Promise<boolean>;
  initialize?(): Promise<void>;
  cleanup?(): Promise<void>;
  /** Forgets what is cached, for one user or for all. */
  invalidate?(userId?: string, resourceType?: string): void;
}
