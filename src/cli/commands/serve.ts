import { type Command, InvalidArgumentError } from 'commander';
import { hasConfigFile, loadConfig } from '../../config/from-file.ts';
import type { GateConfig } from '../../config/options.ts';
import { type CommandContext, JSON_OPTION, type ServableGate, wantsJson } from '../command-context.ts';
import { type CliIo, EXIT_CODES, UsageError, writeJson, writeLine } from '../output.ts';
import { createTryOut, describeConnection } from '../own-issuer.ts';
import { serverNameOf } from '../server-name.ts';

interface ServeOptions {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly name?: string;
}

/** `gatehouse serve`: runs until SIGTERM or SIGINT, then lets calls in flight finish. */
export function registerServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('serve the configured servers, or a command, over HTTP')
    .argument('[command...]', 'after `--`: a server over stdio to serve in place of the configured ones')
    .option('-c, --config <file>', 'configuration file (default: gatehouse.config.* here)')
    .option('--host <address>', 'address to listen on, in place of listen.host')
    .option('--port <number>', 'port to listen on, in place of listen.port', parsePort)
    .option('--name <name>', 'what the command is called (default: after its package or program)')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `\nExample: gatehouse serve -- npx -y @modelcontextprotocol/server-filesystem .\n` +
        'Each user gets a process of their own. Without a configuration file the gate is on loopback only, trusts an\n' +
        'issuer of its own with random keys, and prints a token.\n' +
        `\nSIGTERM or SIGINT: finish the calls in flight, then end; a second one ends at once.\n${EXIT_CODES}`,
    )
    .action((line: readonly string[], options: ServeOptions, command: Command) =>
      serve(line, { ...options, json: wantsJson(command) }, context),
    );
}

async function serve(
  line: readonly string[],
  options: ServeOptions & { readonly json: boolean },
  { io, createGate }: CommandContext,
): Promise<void> {
  const plan = await planGate(line, options, io);
  const stop = awaitStop(io);
  try {
    const gate = await createGate(plan.config);
    try {
      const { url } = await gate.listen();
      announce(gate, { url, token: await plan.token?.() }, { io, json: options.json });
      await stop.requested;
    } finally {
      await gate.close();
    }
  } finally {
    stop.forget();
    await plan.close?.();
  }
}

interface Plan {
  readonly config: GateConfig;
  readonly token?: () => Promise<string>;
  readonly close?: () => Promise<void>;
}

/** What the file says, with a command in place of its servers; without a file, a gate for trying a command out. */
async function planGate(line: readonly string[], options: ServeOptions, io: CliIo): Promise<Plan> {
  const { cwd, environment } = io;
  const { config: file, host, port } = options;
  if (line.length === 0 && options.name !== undefined) {
    throw new UsageError('--name goes with a command: gatehouse serve --name <name> -- <command>');
  }
  const name = options.name ?? serverNameOf(line);
  if (line.length > 0 && file === undefined && !(await hasConfigFile(cwd))) {
    return createTryOut({ name, command: line, cwd, host, port });
  }
  const command = line.length === 0 ? undefined : { name, line };
  return { config: await loadConfig(file, { cwd, environment, listen: { host, port }, command }) };
}

function announce(
  gate: ServableGate,
  { url, token }: { readonly url: string; readonly token: string | undefined },
  { io, json }: { readonly io: CliIo; readonly json: boolean },
): void {
  if (json) {
    const servers = gate.servers.map(({ name, resource }) => ({ name, resource }));
    writeJson(io.stdout, { ready: true, url, servers, ...(token !== undefined && { token }) });
    return;
  }
  const servers = gate.servers.map(({ name, resource }) => `${name} as ${resource}`).join(', ');
  writeLine(io.stderr, `gatehouse: listening on ${url}, serving ${servers}`);
  const [first] = gate.servers;
  if (token !== undefined && first !== undefined) {
    writeLine(io.stderr, `\n${describeConnection(first.name, url, token)}`);
  }
}

interface Stop {
  readonly requested: Promise<void>;
  forget(): void;
}

/** The first signal asks for an orderly end; the second does not wait for it. */
function awaitStop({ signals, exit }: CliIo): Stop {
  let isRequested = false;
  let request = (): void => undefined;
  const requested = new Promise<void>((resolve) => {
    request = resolve;
  });
  const listener = (): void => {
    if (isRequested) exit(1);
    isRequested = true;
    request();
  };
  signals.on('SIGINT', listener);
  signals.on('SIGTERM', listener);
  return {
    requested,
    forget() {
      signals.off('SIGINT', listener);
      signals.off('SIGTERM', listener);
    },
  };
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}
