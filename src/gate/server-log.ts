import { redactText } from '../audit/redact.ts';

const MAX_LINE = 1000;
const WINDOW_MS = 10_000;
const MAX_LINES_PER_WINDOW = 200;

/**
 * Passes what a server writes to standard error on to the operator's: one line each, redacted, without the token it
 * was given, and no more than 200 lines in 10 seconds.
 */
export function createServerLog(
  name: string,
  token: string,
  write: (line: string) => void = (line) => console.error(line),
): (line: string) => void {
  const secrets = spellingsOf(token);
  let windowEndsAt = 0;
  let count = 0;
  return (line) => {
    const now = performance.now();
    if (now >= windowEndsAt) {
      if (count > MAX_LINES_PER_WINDOW)
        write(`[${name}] ${count - MAX_LINES_PER_WINDOW} lines were left out`);
      windowEndsAt = now + WINDOW_MS;
      count = 0;
    }
    count += 1;
    if (count > MAX_LINES_PER_WINDOW || line.trim() === '') return;
    write(`[${name}] ${redactText(withoutSecrets(line, secrets), MAX_LINE)}`);
  };
}

// A shorter part of a token, such as a bracket, tells nothing, and would be taken out of every line.
const LEAST_PART = 4;
// Lines come cut: the last of a longer one may be the beginning of a token.
const CUT_LINE = 2000;

/** How a token can stand in a line: as it is, inside JSON, and line by line. The longest first. */
function spellingsOf(token: string): readonly string[] {
  if (token === '') return [];
  const parts = token.split(/[\r\n]+/).map((part) => part.trim());
  const found = new Set([token, JSON.stringify(token).slice(1, -1)]);
  for (const part of parts) if (part.length >= LEAST_PART) found.add(part);
  return [...found].sort((left, right) => right.length - left.length);
}

function withoutSecrets(line: string, secrets: readonly string[]): string {
  const text = secrets.reduce((rest, secret) => rest.split(secret).join('[redacted]'), line);
  if (line.length < CUT_LINE) return text;
  const kept = secrets.map((secret) => lengthWithoutBeginning(text, secret));
  return text.slice(0, Math.min(text.length, ...kept));
}

/** The length of a text without what of `secret` begins at its end. */
function lengthWithoutBeginning(text: string, secret: string): number {
  for (let length = Math.min(secret.length, text.length); length >= LEAST_PART; length -= 1) {
    if (text.endsWith(secret.slice(0, length))) return text.length - length;
  }
  return text.length;
}
