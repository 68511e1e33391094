/** Longest user or tenant id taken, in UTF-16 code units. */
export const MAX_IDENTIFIER_LENGTH = 256;

// Control characters forge log lines; a lone surrogate becomes U+FFFD in UTF-8, so two ids would merge.
const UNSAFE = /[\p{Cc}\p{Cs}]/u;

/**
 * Whether a value can name someone: a non-empty string of bounded length without control characters.
 * Ids are refused rather than cleaned, as two different ids could be cleaned into the same one.
 */
export function isIdentifier(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= MAX_IDENTIFIER_LENGTH &&
    !UNSAFE.test(value)
  );
}
