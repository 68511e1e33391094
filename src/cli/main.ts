#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { environment } from '../config/environment.ts';
import type { CommandContext } from './command-context.ts';
import {
  type CliIo,
  EXIT_CODES,
  type ExitCode,
  escapeControls,
  withoutValues,
  writeFailure,
} from './output.ts';

type Register = (program: Command, context: CommandContext) => void;

/** Loaded only when called for, so that each command starts without the others. */
const COMMANDS: ReadonlyMap<string, () => Promise<Register>> = new Map([
  ['serve', async () => (await import('./commands/serve.ts')).registerServe],
  ['check', async () => (await import('./commands/check.ts')).registerCheck],
  ['token', async () => (await import('./commands/token.ts')).registerToken],
  ['config', async () => (await import('./commands/config.ts')).registerConfig],
]);

export interface RunDependencies {
  /** Default: the gate of this package. */
  readonly createGate?: CommandContext['createGate'];
}

/**
 * Runs one command and tells how it ended. Never throws and never ends the process by itself.
 *
 * @param argv what stands after the program's name
 */
export async function run(
  argv: readonly string[],
  io: CliIo,
  dependencies: RunDependencies = {},
): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const context: CommandContext = {
    io,
    createGate:
      dependencies.createGate ?? (async (config) => (await import('../gate.ts')).createGate(config)),
    finish: (code) => {
      exitCode = code;
    },
  };
  try {
    const program = createProgram(io);
    for (const load of neededCommands(argv)) (await load())(program, context);
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    const [end] = [argv.indexOf('--'), argv.length].filter((index) => index !== -1);
    // What follows `--` is for another program.
    const json = argv.slice(0, end).includes('--json');
    // Commander has told the person already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return writeFailure(error, io, { json });
  }
}

function createProgram(io: CliIo): Command {
  return (
    new Command('gatehouse')
      .description('Identity, authorization and tenancy in front of MCP servers')
      .option('--json', 'write results as JSON to standard output')
      // Else an option of the program would be taken away from a command that has one of the same name.
      .enablePositionalOptions()
      .hook('preAction', (program, command) => {
        if (program.opts<{ json?: boolean }>().json === true) command.setOptionValue('json', true);
      })
      .exitOverride()
      .configureOutput({
        writeOut: (text) => io.stdout.write(text),
        writeErr: (text) => io.stderr.write(escapeControls(text, { keepLines: true })),
        outputError: (text, write) => write(withoutValues(text)),
      })
      .addHelpText('after', `\n${EXIT_CODES}`)
      .showHelpAfterError('(gatehouse --help shows the commands)')
  );
}

/** The command named, or all of them where none is, for the help text. */
function neededCommands(argv: readonly string[]): readonly (() => Promise<Register>)[] {
  const named = COMMANDS.get(argv.find((argument) => !argument.startsWith('-')) ?? '');
  return named === undefined ? [...COMMANDS.values()] : [named];
}

function processIo(): CliIo {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: environment(),
    cwd: process.cwd(),
    signals: process,
    exit: (code) => process.exit(code),
  };
}

/** Whether this file is the program and not a part of another. */
function isProgram(): boolean {
  const [, script] = process.argv;
  try {
    // The installed command is a link to this file.
    return script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}

if (isProgram()) {
  const exitCode = await run(process.argv.slice(2), processIo());
  if (exitCode !== 0) process.exitCode = exitCode;
}
