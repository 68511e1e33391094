import { ConfigurationError } from '../core/errors.ts';

/** What commands may touch of the process; tests bring their own. */
export interface CliIo {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signals: SignalSource;
  /** Ends the process at once, whatever is still under way. */
  exit(code: ExitCode): void;
}

export interface Sink {
  write(text: string): unknown;
}

export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** 0 done, 1 failed, 2 wrong usage or configuration. */
export type ExitCode = 0 | 1 | 2;

export const EXIT_CODES = 'Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.';

/** A command that was called in a way it cannot serve. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function writeLine(sink: Sink, line: string): void {
  sink.write(`${line}\n`);
}

/** What would steer a terminal, hide or reorder text, as `\uXXXX`; with `keepLines`, line breaks stay. */
export function escapeControls(text: string, options: { readonly keepLines: boolean }): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    options.keepLines && found === '\n'
      ? found
      : `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** A complaint about the command line, without the values that were typed: any of them may be a secret. */
export function withoutValues(message: string): string {
  return message
    .replace(/(unknown option '--[^=']*)=[\s\S]*'/, "$1'")
    .replace(/(unknown option '-[^-])[\s\S]*'/, "$1'")
    .replace(/(argument|argument value) '[\s\S]*' is invalid/, '$1 is invalid');
}

/** One line of JSON. */
export function writeJson(sink: Sink, value: unknown): void {
  writeLine(sink, JSON.stringify(value));
}

/** Tells a person on stderr, and with `json` a program on stdout, why a command failed; never a stack. */
export function writeFailure(error: unknown, io: CliIo, options: { readonly json: boolean }): ExitCode {
  const isMisuse = error instanceof ConfigurationError || error instanceof UsageError;
  const found =
    error instanceof ConfigurationError
      ? error.problems
      : [error instanceof Error && error.message !== '' ? error.message : 'an unknown error'];
  const problems = found.map((problem) => escapeControls(problem, { keepLines: false }));
  for (const problem of problems) writeLine(io.stderr, `gatehouse: ${problem}`);
  if (options.json) {
    const code = error instanceof ConfigurationError ? error.code : isMisuse ? 'USAGE' : 'FAILED';
    writeJson(io.stdout, { ok: false, code, problems });
  }
  return isMisuse ? 2 : 1;
}
