import type { Command } from 'commander';
import { loadConfig } from '../../config/from-file.ts';
import { type CommandContext, JSON_OPTION, wantsJson } from '../command-context.ts';
import { type CliIo, EXIT_CODES, writeLine } from '../output.ts';

interface PrintOptions {
  readonly config?: string;
}

/** `gatehouse config print` and `gatehouse config schema`. */
export function registerConfig(program: Command, { io }: CommandContext): void {
  const config = program.command('config').description('show what a configuration comes to');
  config
    .command('print')
    .description('print the configuration with every default filled and every secret redacted')
    .option('-c, --config <file>', 'configuration file (default: gatehouse.config.* here)')
    .option(...JSON_OPTION)
    .addHelpText('after', `\n${EXIT_CODES}`)
    .action((options: PrintOptions, command: Command) => print(options, wantsJson(command), io));
  config
    .command('schema')
    .description('print the JSON Schema of configuration files')
    .option(...JSON_OPTION)
    .addHelpText('after', `\n${EXIT_CODES}`)
    .action(() => printSchema(io));
}

async function print({ config: path }: PrintOptions, json: boolean, io: CliIo): Promise<void> {
  const { toPrintableConfig } = await import('../../config/printable.ts');
  const config = toPrintableConfig(await loadConfig(path, { cwd: io.cwd, environment: io.environment }));
  if (json) {
    writeLine(io.stdout, JSON.stringify(config, undefined, 2));
    return;
  }
  const { stringify } = await import('yaml');
  io.stdout.write(stringify(config));
}

async function printSchema(io: CliIo): Promise<void> {
  const { configJsonSchema } = await import('../../config/json-schema.ts');
  writeLine(io.stdout, JSON.stringify(configJsonSchema(), undefined, 2));
}
