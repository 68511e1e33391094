import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';

// RFC 9110 §11.1: the scheme is case-insensitive. RFC 6750 §2.1: b64token.
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;
const BEARER_SCHEME = /^bearer(?: |$)/i;

/**
 * The bearer token of a request: the credential the gate found, or, where no gate stands in front, the
 * Authorization header. `undefined` when the request carries another kind of credential or none;
 * `'malformed'` for a Bearer header without one well-formed token, and for several headers at once.
 */
export function findBearer(context: RequestContext): Secret | 'malformed' | undefined {
  if (context.credential !== undefined) {
    return context.credential.kind === 'bearer' ? context.credential.token : undefined;
  }
  const header = context.headers?.authorization;
  if (header === undefined) {
    return undefined;
  }
  const lines = typeof header === 'string' ? [header] : header;
  const first = lines.find((line) => BEARER_SCHEME.test(line));
  if (first === undefined) {
    return undefined;
  }
  const token = lines.length === 1 ? BEARER.exec(first)?.[1] : undefined;
  return token === undefined ? 'malformed' : new Secret(token);
}
