import type { Credential } from '../core/credential.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import { type HeaderFields, singleHeader } from './inbound-request.ts';

export type CredentialSearch = { readonly credential?: Credential } | Refusal;

/**
 * Finds the one credential of a request. Only headers are looked at: tokens in the query or the body
 * are ignored (RFC 6750 §2.3, OAuth 2.1 §5.2). Two at once are refused rather than ranked.
 */
export function findCredential(headers: HeaderFields): CredentialSearch {
  const found: Credential[] = [];
  for (const read of [fromAuthorization, fromApiKeyHeader, fromSessionHeader]) {
    const result = read(headers);
    if (result === undefined) continue;
    if ('refused' in result) return result;
    found.push(result);
  }
  if (found.length > 1) return ambiguous('Send one kind of credential, not several');
  return found[0] === undefined ? {} : { credential: found[0] };
}

function ambiguous(message: string): Refusal {
  return refuse('AMBIGUOUS_CREDENTIALS', message);
}

const API_KEY_PREFIX = 'mcp_';

function fromAuthorization(headers: HeaderFields): Credential | Refusal | undefined {
  const value = singleHeader(headers, 'authorization');
  if (value === undefined) return undefined;
  // A comma can be in no token68 credential: it is where a listener joined two header fields.
  if (value === null || value.includes(',')) return ambiguous('Send one Authorization header');
  const space = value.indexOf(' ');
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase();
  const token = space < 0 ? '' : value.slice(space + 1).trim();
  switch (scheme) {
    case 'bearer':
      return token.startsWith(API_KEY_PREFIX) ? apiKey(token) : { kind: 'bearer', token: new Secret(token) };
    case 'apikey':
      return apiKey(token);
    case 'dpop':
      return dpop(headers, token);
    default:
      return undefined;
  }
}

function apiKey(key: string): Credential {
  return { kind: 'apiKey', key: new Secret(key) };
}

function dpop(headers: HeaderFields, token: string): Credential | Refusal {
  const proof = singleHeader(headers, 'dpop');
  // RFC 9449 §4.3: not more than one DPoP header field.
  if (proof === null) return ambiguous('Send one DPoP header');
  return { kind: 'dpop', token: new Secret(token), proof: proof ?? '' };
}

function fromApiKeyHeader(headers: HeaderFields): Credential | Refusal | undefined {
  const value = singleHeader(headers, 'x-api-key');
  if (value === null) return ambiguous('Send one X-API-Key header');
  return value === undefined ? undefined : apiKey(value);
}

function fromSessionHeader(headers: HeaderFields): Credential | Refusal | undefined {
  const value = singleHeader(headers, 'x-session-id');
  if (value === null) return ambiguous('Send one X-Session-Id header');
  return value === undefined ? undefined : { kind: 'session', id: new Secret(value) };
}
