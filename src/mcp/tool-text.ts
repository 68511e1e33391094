import { redactText } from '../audit/redact.ts';

/** Read at most, so that neither redaction nor logs depend on how much a tool has to say. */
const MAX_READ = 16_384;
/** Shorter tokens would blot out ordinary words. */
const MIN_TOKEN_LENGTH = 8;

/**
 * Text of a tool made fit to leave it: without the user's upstream token, without what is recognised as a
 * secret, and at most `maxLength` characters long.
 */
export function toSafeText(text: string, accessToken: string, maxLength: number): string {
  const read = text.slice(0, MAX_READ);
  const withoutToken =
    accessToken.length < MIN_TOKEN_LENGTH ? read : read.replaceAll(accessToken, '[redacted]');
  const safe = redactText(withoutToken);
  return safe.length <= maxLength ? safe : `${safe.slice(0, maxLength - 1)}…`;
}

/** What a thrown value has to say. Never a stack. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : typeof error === 'string' ? error : '';
  return text.trim() === '' ? 'The tool failed' : text;
}
