import { AuthenticationError } from '../core/errors.ts';
import { createPrincipal, type Principal } from '../core/principal.ts';
import type { AuthResult } from './auth-provider.ts';
import { isIdentifier } from './identifier.ts';

/**
 * Who a successful result names. A `principal` wins over a `userId`; a bare `userId` is scoped to
 * `issuer`, which stands for the provider: a URN of ours, so that it never equals the subject of a token.
 *
 * @throws AuthenticationError (AUTHENTICATION_FAILED) for a result that is not authenticated, names
 *   nobody, or names a user by an id that is empty, over-long or holds control characters.
 */
export function toPrincipal(result: AuthResult, issuer: string): Principal {
  if (!result.authenticated) {
    throw new AuthenticationError();
  }
  if (result.principal !== undefined) {
    return result.principal;
  }
  if (!isIdentifier(result.userId)) {
    throw new AuthenticationError(undefined, { detail: 'the provider named no user, or by an unusable id' });
  }
  return createPrincipal({ issuer, subject: result.userId });
}
