import { ERRORS } from '../core/errors.ts';
import type { Refusal } from '../core/refusal.ts';

/** What every challenge of one server says, prepared at start. */
export interface ChallengeFacts {
  /** Absolute URL of the RFC 9728 document; absent without an authorization server. */
  readonly resourceMetadataUrl?: string | undefined;
  /** Scopes to ask for when nobody has signed in yet. */
  readonly scopes: readonly string[];
}

/** Puts a refusal on the wire: `{error, code}`, and the challenge where a credential or scope would mend it. */
export function toRefusalResponse(refusal: Refusal, facts: ChallengeFacts): Response {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const challenge = challengeOf(refusal, facts);
  if (challenge !== undefined) headers['www-authenticate'] = challenge;
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(refusal.retryAfterSeconds);
  const body = { error: refusal.message, code: refusal.code, ...remedyBody(refusal) };
  return new Response(JSON.stringify(body), { status: ERRORS[refusal.code].status, headers });
}

function remedyBody({ remedy }: Refusal): { remedy?: Refusal['remedy'] } {
  return remedy === undefined ? {} : { remedy };
}

function challengeOf(refusal: Refusal, facts: ChallengeFacts): string | undefined {
  const status = ERRORS[refusal.code].status;
  if (status === 401) {
    // RFC 6750 §3.1: no error code when the request carried no credential.
    const error = refusal.code === 'MISSING_CREDENTIALS' ? undefined : 'invalid_token';
    return bearerChallenge({
      error,
      description: error === undefined ? undefined : refusal.message,
      scopes: facts.scopes,
      facts,
    });
  }
  if (status === 403 && refusal.remedy?.kind === 'scopes') {
    const scopes = refusal.remedy.scopes;
    return bearerChallenge({ error: 'insufficient_scope', description: refusal.message, scopes, facts });
  }
  // A denial that no scope could mend must not send clients through consent again.
  return undefined;
}

interface Challenge {
  readonly error: string | undefined;
  readonly description: string | undefined;
  readonly scopes: readonly string[];
  readonly facts: ChallengeFacts;
}

function bearerChallenge({ error, description, scopes, facts }: Challenge): string {
  const parameters: [string, string | undefined][] = [
    ['error', error],
    ['error_description', description],
    ['scope', scopes.length === 0 ? undefined : scopes.join(' ')],
    ['resource_metadata', facts.resourceMetadataUrl],
  ];
  const present = parameters.filter((pair): pair is [string, string] => pair[1] !== undefined);
  // RFC 6750 §3: at least one parameter follows the scheme.
  if (present.length === 0) present.push(['realm', 'mcp']);
  return `Bearer ${present.map(([name, value]) => `${name}=${quoted(value)}`).join(', ')}`;
}

/** RFC 9110 §5.6.4 quoted-string; what cannot be in a header becomes a space. */
export function quoted(value: string): string {
  const safe = value.replace(/[^\x20-\x7e]/g, ' ').replace(/["\\]/g, '\\$&');
  return `"${safe}"`;
}
