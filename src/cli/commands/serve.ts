import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../../config/from-file.ts';
import { type CommandContext, JSON_OPTION, type ServableGate, wantsJson } from '../command-context.ts';
import { type CliIo, EXIT_CODES, writeJson, writeLine } from '../output.ts';

interface ServeOptions {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
}

/** `gatehouse serve`: runs until SIGTERM or SIGINT, then lets calls in flight finish. */
export function registerServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('serve the configured servers over HTTP')
    .option('-c, --config <file>', 'configuration file (default: gatehouse.config.* here)')
    .option('--host <address>', 'address to listen on, in place of listen.host')
    .option('--port <number>', 'port to listen on, in place of listen.port', parsePort)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `\nSIGTERM or SIGINT: finish the calls in flight, then end; a second one ends at once.\n${EXIT_CODES}`,
    )
    .action((options: ServeOptions, command: Command) => serve(options, wantsJson(command), context));
}

async function serve(
  options: ServeOptions,
  json: boolean,
  { io, createGate }: CommandContext,
): Promise<void> {
  const { cwd, environment } = io;
  const config = await loadConfig(options.config, {
    cwd,
    environment,
    listen: { host: options.host, port: options.port },
  });
  const stop = awaitStop(io);
  try {
    const gate = await createGate(config);
    try {
      const { url } = await gate.listen();
      announce(gate, url, { io, json });
      await stop.requested;
    } finally {
      await gate.close();
    }
  } finally {
    stop.forget();
  }
}

function announce(
  gate: ServableGate,
  url: string,
  { io, json }: { readonly io: CliIo; readonly json: boolean },
): void {
  if (json) {
    const servers = gate.servers.map(({ name, resource }) => ({ name, resource }));
    writeJson(io.stdout, { ready: true, url, servers });
    return;
  }
  const servers = gate.servers.map(({ name, resource }) => `${name} as ${resource}`).join(', ');
  writeLine(io.stderr, `gatehouse: listening on ${url}, serving ${servers}`);
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
