import { TokenResolutionError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { CredentialSubject } from './credential-endpoint.ts';

/** What the credential service said: a token, or that the account is not linked (no token). */
export interface FoundToken {
  readonly token: Secret | undefined;
  /** Epoch milliseconds. */
  readonly expiresAtMs?: number | undefined;
}

export const UNLINKED: FoundToken = Object.freeze({ token: undefined });

const MAX_TOKEN_BYTES = 16_384;

/** The error for a credential service that cannot be asked or believed; `detail` is for logs. */
export function outage(detail: string): TokenResolutionError {
  return new TokenResolutionError('The credential service is not available', { outage: true, detail });
}

/**
 * Reads the body of a 200. An answer about someone else, for another service or already expired is
 * no answer: whoever gives it cannot be believed.
 *
 * @throws TokenResolutionError `CREDENTIALS_UNAVAILABLE`
 */
export function parseCredentialAnswer(text: string, subject: CredentialSubject, nowMs: number): FoundToken {
  const body = parseObject(text);
  checkEcho(body, ['userId', 'user_id'], subject.userId);
  checkEcho(body, ['resourceType', 'resource_type'], subject.resourceType);
  const token = field(body, ['accessToken', 'access_token', 'token']);
  if (typeof token !== 'string' || token === '' || /[\p{Cc}\p{Cs}]/u.test(token)) {
    throw outage('the answer holds no usable token');
  }
  if (new TextEncoder().encode(token).byteLength > MAX_TOKEN_BYTES) throw outage('the token is too long');
  const expiresAtMs = parseExpiry(body);
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) throw outage('the token had expired already');
  return { token: new Secret(token), expiresAtMs };
}

type Body = ReadonlyMap<string, unknown>;

function parseObject(text: string): Body {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and with it a token.
    throw outage('the answer is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw outage('the answer is no JSON object');
  return new Map(Object.entries(body));
}

/** The first of these fields that holds anything. */
function field(body: Body, names: readonly string[]): unknown {
  return names.map((name) => body.get(name)).find((value) => value !== undefined && value !== null);
}

function checkEcho(body: Body, names: readonly string[], expected: string): void {
  for (const name of names) {
    const value = body.get(name) ?? undefined;
    if (value === undefined) continue;
    const text = typeof value === 'number' ? String(value) : value;
    if (text !== expected) throw outage(`the answer names another ${name} than asked for`);
  }
}

function parseExpiry(body: Body): number | undefined {
  const iso = body.get('expires_at') ?? undefined;
  const epoch = body.get('expiresAt') ?? undefined;
  const times: number[] = [];
  if (iso !== undefined) times.push(parseIsoTime(iso));
  if (epoch !== undefined) {
    if (typeof epoch !== 'number' || !Number.isFinite(epoch))
      throw outage('expiresAt is not epoch milliseconds');
    times.push(epoch);
  }
  return times.length === 0 ? undefined : Math.min(...times);
}

/** A date and time of ISO 8601; without an offset it is UTC, not the time zone of this machine. */
function parseIsoTime(value: unknown): number {
  const match =
    typeof value === 'string'
      ? /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?$/.exec(value)
      : null;
  const time = match === null ? Number.NaN : Date.parse(`${match[1] ?? ''}${match[2] ?? 'Z'}`);
  if (Number.isNaN(time)) throw outage('expires_at is not an ISO 8601 date and time');
  return time;
}
