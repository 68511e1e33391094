import type { AccessRequest } from '../core/access.ts';
import type { Decision } from '../core/decision.ts';

/**
 * Decides who may do what. Asked without `arguments` (while listing), it allows if some arguments
 * could be allowed, so that what is listed and what is callable never disagree.
 */
export interface Authorizer {
  decide(request: AccessRequest): Decision | Promise<Decision>;
  /** Every scope that its rules for a server mention, for the metadata document; never `offline_access`. */
  scopesSupported?(server: string): readonly string[];
  /** Scopes to ask for at the first challenge. */
  readonly endpointScopes?: readonly string[] | undefined;
  /** Whether someone without credentials may reach anything at all. */
  readonly allowsAnonymous?: boolean | undefined;
}
