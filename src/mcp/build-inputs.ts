import { hash } from 'node:crypto';
import type { Principal } from '../core/principal.ts';

/** What a factory is told of a request, beside the upstream token, and may build into its server. */
export interface BuildInputs {
  readonly principal: Principal;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** They name one token among a user's tokens and say nothing of the user (RFC 7519 §4.1). */
const TOKEN_CLAIMS: ReadonlySet<string> = new Set(['exp', 'iat', 'jti', 'nbf']);

/**
 * Equal only where a factory was told the same: a server that is kept must not serve a request it was not built
 * for, such as one of the same user with fewer scopes. A renewed token alone changes nothing. Holds no claim.
 */
export function fingerprintInputs(inputs: BuildInputs): string {
  const { principal, query, headers } = inputs;
  // What can still change may be somebody else by the next request.
  if (!isEmpty(query) || !isEmpty(headers) || !Object.isFrozen(principal)) return fingerprint(inputs);
  const known = fingerprints.get(principal);
  if (known !== undefined) return known;
  const found = fingerprint(inputs);
  fingerprints.set(principal, found);
  return found;
}

// Most factories see nothing of a request but its principal, which a provider remembers with its token.
const fingerprints = new WeakMap<Principal, string>();

function isEmpty(values: Readonly<Record<string, string>>): boolean {
  for (const name in values) if (Object.hasOwn(values, name)) return false;
  return true;
}

function fingerprint({ principal, query, headers }: BuildInputs): string {
  const { claims, expiresAt: _, ...identity } = principal;
  const lasting = Object.entries(claims).filter(([name]) => !TOKEN_CLAIMS.has(name));
  const parts = [identity, lasting, sortedEntries(query), sortedEntries(headers)];
  return hash('sha256', JSON.stringify(parts), 'base64url');
}

function sortedEntries(values: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1));
}
