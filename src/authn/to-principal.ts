import { AuthenticationError } from '../core/errors.ts';
import { createPrincipal, type Principal } from '../core/principal.ts';
import type { AuthResult } from './auth-provider.ts';
import { isIdentifier } from './identifier.ts';

// The issuer of users named by a provider that tells only a `userId`.
const PROVIDER_ISSUER = 'urn:gatehouse:provider';

/**
 * Who a successful result names. A `principal` wins over a `userId`; a bare `userId` is scoped to
 * `urn:gatehouse:provider`, so that it never equals the subject of a token.
 *
 * @throws AuthenticationError (AUTHENTICATION_FAILED) for a result that is not authenticated, names
 *   nobody, or names a user by an id that is empty, over-long or holds control characters.
 */
export function toPrincipal(result: AuthResult): Principal {
  if (!result.authenticated) {
    throw new AuthenticationError();
  }
  if (result.principal !== undefined) {
    return result.principal;
  }
  if (!isIdentifier(result.userId)) {
    throw new AuthenticationError(undefined, { detail: 'the provider named no user, or by an unusable id' });
  }
  return createPrincipal({ issuer: PROVIDER_ISSUER, subject: result.userId });
}
