import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, resolve } from 'node:path';
import { ConfigurationError } from '../core/errors.ts';
import { describeFailure } from './describe-failure.ts';
import { environment } from './environment.ts';
import { interpolate } from './interpolation.ts';
import type { GateConfig } from './options.ts';
import { type Parsing, parseJson, parseYaml } from './parse-text.ts';
import { formatProblem } from './problem.ts';
import { readBounded } from './read-bounded.ts';
import { rememberReferences } from './references.ts';
import { fillOptions, mergeProblems } from './schema.ts';
import { takeSnapshot } from './snapshot.ts';

/** Names looked for when none is given. */
export const CONFIG_FILES: readonly string[] = ['ts', 'js', 'mjs', 'json', 'yaml', 'yml'].map(
  (extension) => `gatehouse.config.${extension}`,
);

export interface LoadOptions {
  /** Default: the process's. */
  readonly cwd?: string | undefined;
  /** Default: the process's, as it is now. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Serve over HTTP whatever the file says, with these in place of what it says. */
  readonly listen?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
  /** Serve this command, run in the working directory, in place of the servers that the file names. */
  readonly command?: { readonly name: string; readonly line: readonly string[] } | undefined;
}

const MAX_CONFIG_BYTES = 1_048_576;

/**
 * Reads, checks and completes a configuration file: references are replaced, and the paths of modules
 * and audit files are absolute. Without `path` it is the one file of {@link CONFIG_FILES} in the working
 * directory. A `.ts`, `.js` or `.mjs` file is run.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) listing every problem
 */
export async function loadConfig(path?: string, options: LoadOptions = {}): Promise<GateConfig> {
  const cwd = options.cwd ?? process.cwd();
  const file = path === undefined ? await findConfigFile(cwd) : resolve(cwd, path);
  const parsing = await readConfigFile(file);
  if ('problems' in parsing) {
    throw new ConfigurationError(parsing.problems.map((problem) => `${basename(file)}: ${problem}`));
  }
  const snapshot = takeSnapshot(parsing.value);
  const directory = dirname(file);
  const interpolation = await interpolate(snapshot.value, {
    environment: options.environment ?? environment(),
    directory,
  });
  const given = withCommand(interpolation.value, options.command, cwd);
  const config = withListen(withAbsolutePaths(given, directory), options.listen);
  const earlier = [...snapshot.problems, ...interpolation.problems];
  const problems = mergeProblems(earlier, fillOptions(config, { allowInstances: false }).problems);
  if (problems.length > 0) throw new ConfigurationError(problems.map(formatProblem));
  rememberReferences(config, interpolation.references);
  // The schema of files has accepted it.
  return config as GateConfig;
}

/** Whether {@link loadConfig} would find a file, one or more, in a directory. */
export async function hasConfigFile(cwd: string): Promise<boolean> {
  const entries = await readdir(cwd).catch((): string[] => []);
  return CONFIG_FILES.some((name) => entries.includes(name));
}

async function findConfigFile(cwd: string): Promise<string> {
  const entries = await readdir(cwd).catch((): string[] => []);
  const [file, second] = CONFIG_FILES.filter((name) => entries.includes(name));
  if (file === undefined) {
    throw new ConfigurationError(`No configuration file here: looked for ${CONFIG_FILES.join(', ')}`);
  }
  if (second !== undefined) {
    throw new ConfigurationError(
      `Both ${file} and ${second} are here: say which one is meant, or remove one`,
    );
  }
  return resolve(cwd, file);
}

async function readConfigFile(file: string): Promise<Parsing> {
  const extension = extname(file);
  if (extension === '.ts' || extension === '.js' || extension === '.mjs') return importConfig(file);
  if (extension !== '.json' && extension !== '.yaml' && extension !== '.yml') {
    return { problems: ['must end in .ts, .js, .mjs, .json, .yaml or .yml'] };
  }
  const reading = await readBounded(file, MAX_CONFIG_BYTES);
  if ('problem' in reading) return { problems: [reading.problem] };
  return extension === '.json' ? parseJson(reading.text) : parseYaml(reading.text);
}

async function importConfig(file: string): Promise<Parsing> {
  const reading = await readBounded(file, MAX_CONFIG_BYTES);
  if ('problem' in reading) return { problems: [reading.problem] };
  const { createJiti } = await import('jiti');
  // A cache on disk would keep copies of whatever the file holds.
  const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false });
  try {
    return { value: await jiti.import(file, { default: true }) };
  } catch (error) {
    return { problems: [`could not be run: ${describeFailure(error, file)}`] };
  }
}

/** Only what has the right shape is changed; the schema speaks of the rest. */
function withAbsolutePaths(config: unknown, directory: string): unknown {
  if (!isRecord(config)) return config;
  const { servers, audit } = config;
  return {
    ...config,
    ...(isRecord(servers) && {
      servers: Object.fromEntries(
        Object.entries(servers).map(([name, server]) => [
          name,
          withDirectory(withAbsolute(server, 'module', absoluteModule(directory)), directory),
        ]),
      ),
    }),
    ...(Array.isArray(audit) && {
      audit: audit.map((entry) => withAbsolute(entry, 'path', (path) => resolve(directory, path))),
    }),
  };
}

function withAbsolute(part: unknown, key: string, toAbsolute: (path: string) => string): unknown {
  if (!isRecord(part)) return part;
  const path = part[key];
  return typeof path === 'string' && path !== '' ? { ...part, [key]: toAbsolute(path) } : part;
}

/** A command runs where the file is, or where it says relative to that. */
function withDirectory(server: unknown, directory: string): unknown {
  if (!isRecord(server) || server['command'] === undefined) return server;
  return withAbsolute({ cwd: '.', ...server }, 'cwd', (path) => resolve(directory, path));
}

// Anything else is the name of a package.
function absoluteModule(directory: string): (module: string) => string {
  return (module) => (/^\.\.?[/\\]/.test(module) || isAbsolute(module) ? resolve(directory, module) : module);
}

/** Where the file knows a server of that name, its options count, but for where it comes from. */
function withCommand(config: unknown, command: LoadOptions['command'], cwd: string): unknown {
  if (command === undefined || !isRecord(config)) return config;
  const { servers } = config;
  const known = isRecord(servers) && Object.hasOwn(servers, command.name) ? servers[command.name] : {};
  const { module: _module, url: _url, ...options } = isRecord(known) ? known : {};
  return { ...config, servers: { [command.name]: { ...options, command: command.line, cwd } } };
}

function withListen(config: unknown, listen: LoadOptions['listen']): unknown {
  if (listen === undefined || !isRecord(config)) return config;
  const given = config['listen'] ?? {};
  if (!isRecord(given)) return config;
  const { host, port } = listen;
  return {
    ...config,
    listen: { ...given, ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
