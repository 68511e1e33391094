import { redactText } from '../audit/redact.ts';

/** Read at most, so that taking the token out does not depend on how much a tool has to say. */
const MAX_READ = 16_384;
/** Shorter tokens would blot out ordinary words. */
const MIN_TOKEN_LENGTH = 8;

/**
 * Text of a tool made fit for a log: without the user's upstream token, without what is recognised as a
 * secret, on one line and at most `maxLength` characters long.
 */
export function toLogText(text: string, accessToken: string, maxLength: number): string {
  const read = text.slice(0, MAX_READ);
  const isLong = accessToken.length >= MIN_TOKEN_LENGTH;
  return redactText(isLong ? read.replaceAll(accessToken, '[redacted]') : read, maxLength);
}

/** {@link toLogText} for a reader to whom lines and tabs are harmless and mean something. */
export function toAnswerText(text: string, accessToken: string, maxLength: number): string {
  return toLogText(text, accessToken, maxLength).replaceAll('\\u000a', '\n').replaceAll('\\u0009', '\t');
}

/** What a thrown value has to say. Never a stack. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : typeof error === 'string' ? error : '';
  return text.trim() === '' ? 'The tool failed' : text;
}
