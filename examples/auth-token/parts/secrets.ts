import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares in constant time; the digests make both sides equally long. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

/** What a list of tokens may hold in their place: who reads it cannot use it. */
export function fingerprint(token: string): string {
  return digest(token).toString('base64url');
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/** A field of a JSON body, where it is text. */
export function textField(body: unknown, name: string): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined;
  const value = (body as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : undefined;
}
