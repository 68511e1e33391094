import { fingerprintOf } from '../core/credential.ts';
import { ServerPoolError, ValidationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';

/** Credentials that the operator took back, by fingerprint, for as long as this process lives. */
export interface Revocations {
  /** @returns the fingerprint. @throws ValidationError for what cannot be a token, ServerPoolError when the list is full */
  add(token: string): string;
  isRevoked(context: RequestContext): boolean;
}

const MAX_ENTRIES = 100_000;

export function createRevocations(): Revocations {
  const fingerprints = new Set<string>();
  return {
    add(token) {
      // Taken silently, `Bearer …` or a trailing line feed would revoke nothing.
      if (!/^[\x21-\x7e]+$/.test(token))
        throw new ValidationError('Give the token itself, without scheme or blanks');
      // An old entry must not be forgotten for a new one: that would let a revoked token back in.
      if (fingerprints.size >= MAX_ENTRIES)
        throw new ServerPoolError('Too many revocations; restart with other keys');
      const fingerprint = new Secret(token).fingerprint();
      fingerprints.add(fingerprint);
      return fingerprint;
    },
    isRevoked({ credential }) {
      if (fingerprints.size === 0 || credential === undefined) return false;
      const fingerprint = fingerprintOf(credential);
      return fingerprint !== undefined && fingerprints.has(fingerprint);
    },
  };
}
