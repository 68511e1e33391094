import type { Command } from 'commander';
import type { GateConfig } from '../config/options.ts';
import type { CliIo, ExitCode } from './output.ts';

/** A gate as far as `serve` needs it. */
export interface ServableGate {
  listen(): Promise<{ readonly url: string }>;
  close(): Promise<void>;
  readonly servers: readonly { readonly name: string; readonly resource: string }[];
}

/** What a command works with. */
export interface CommandContext {
  readonly io: CliIo;
  readonly createGate: (config: GateConfig) => Promise<ServableGate>;
  /** How the program ends; 0 unless a command says otherwise. */
  finish(code: ExitCode): void;
}

/** The option that every command has. */
export const JSON_OPTION = ['--json', 'write the result as JSON to standard output'] as const;

/** Whether results are wanted as JSON: the option may stand before or after the command's name. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}
