import { redactText } from '../audit/redact.ts';

const MAX_LENGTH = 4000;

/**
 * Writes what should not happen to standard error, one line each, redacted: errors of wrapped servers and
 * of resolvers may hold anything. Standard output belongs to the stdio transport.
 */
export function createErrorReporter(write: (line: string) => void = (line) => console.error(line)) {
  return (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
    write(`mcp-gatehouse: ${redactText(text, MAX_LENGTH)}`);
  };
}
