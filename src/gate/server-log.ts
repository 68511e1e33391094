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
    const text = token === '' ? line : line.split(token).join('[redacted]');
    write(`[${name}] ${redactText(text, MAX_LINE)}`);
  };
}
