/**
 * Where tool middleware and the tool registry write. Fields hold no secret that is recognised as one.
 *
 * Do not pass `console` to a server that talks over stdio: its `info` writes to stdout, which belongs
 * to the protocol there.
 */
export interface ToolLogger {
  info(message: string, fields: ToolLogFields): void;
  warn(message: string, fields: ToolLogFields): void;
  error(message: string, fields: ToolLogFields): void;
}

/** What an entry says beside its message; fit for JSON. */
export type ToolLogFields = Readonly<Record<string, unknown>>;

/** One JSON line per entry on stderr. Never stdout: over stdio that stream carries the protocol. */
export const stderrLogger: ToolLogger = {
  info: (message, fields) => writeLine('info', message, fields),
  warn: (message, fields) => writeLine('warn', message, fields),
  error: (message, fields) => writeLine('error', message, fields),
};

function writeLine(level: string, message: string, fields: ToolLogFields): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
}

/** Logs without ever failing the call that is logged. */
export function logSafely(
  logger: ToolLogger,
  level: keyof ToolLogger,
  entry: { readonly message: string; readonly fields: ToolLogFields },
): void {
  try {
    logger[level](entry.message, entry.fields);
  } catch {
    // A tool's answer does not depend on whether it could be written down.
  }
}
