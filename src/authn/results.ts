import { AuthenticationError, InvalidTokenError, MissingCredentialsError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { AuthResult } from './auth-provider.ts';

/** Nothing this provider reads was sent. */
export const ABSENT: AuthResult = Object.freeze({ authenticated: false, reason: 'absent' });

export const INVALID_TOKEN: AuthResult = invalid('The token is not valid');

export const EXPIRED_TOKEN: AuthResult = invalid('The token has expired');

export const UNAVAILABLE: AuthResult = Object.freeze({
  authenticated: false,
  reason: 'unavailable',
  error: 'Authentication is not available at the moment',
});

/** Something was sent and it is wrong; `error` is shown to the caller. */
function invalid(error: string): AuthResult {
  return Object.freeze({ authenticated: false, reason: 'invalid', error });
}

/** The yes for a principal. */
export function authenticated(principal: Principal): AuthResult {
  return Object.freeze({ authenticated: true, userId: principal.subject, principal });
}

/**
 * What a thrown error means: an authentication error is a no with its own (public) message; anything
 * else is a check that could not be made, and its text stays here.
 */
export function resultOfError(error: unknown): AuthResult {
  const refused =
    error instanceof AuthenticationError ||
    error instanceof InvalidTokenError ||
    error instanceof MissingCredentialsError;
  return refused ? invalid(error.message) : UNAVAILABLE;
}
