import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { readBounded } from '../../config/read-bounded.ts';
import { MCPAuthError } from '../../core/errors.ts';
import { checkResourceServer } from '../../testing/resource-server-check/check-resource-server.ts';
import type { CheckOptions, ToolCall } from '../../testing/resource-server-check/options.ts';
import type { CheckReport } from '../../testing/resource-server-check/report.ts';
import { toText } from '../../testing/resource-server-check/text-report.ts';
import { type CommandContext, JSON_OPTION, wantsJson } from '../command-context.ts';
import { type CliIo, UsageError, writeJson } from '../output.ts';

const MAX_TOKEN_FILE_BYTES = 65_536;
const CHECK_EXIT_CODES =
  'Exit codes: 0 nothing failed, 1 an item failed, 2 wrong usage, no answer, or a credential of no use.';

/** Option name → what it takes; the flag is the name in kebab case. */
const TOKEN_OPTIONS = {
  token: 'a valid token of an ordinary user',
  otherToken: 'a valid token of another user',
  limitedToken: 'a valid token without the scope of the scoped tool',
  idToken: 'an OpenID Connect ID token of the same issuer',
  expiredToken: 'a token that has expired',
  revokedToken: 'a token that has been revoked',
  foreignIssuerToken: 'a token of an issuer the server does not know',
  shortLivedToken: 'a JWT that expires within two minutes',
  boundToken: 'a token bound to a key, which is sent without its proof',
} as const;

const NAME_OPTIONS = {
  hiddenTool: 'a tool that the user of --token may not see',
  hiddenPrompt: 'a prompt that the user of --token may not see',
  hiddenResource: 'the URI of a resource that the user of --token may not see',
  resource: 'the canonical URI of the server, if it differs from <url>',
  origin: 'an origin that the server lets in by CORS',
} as const;

type TokenOption = keyof typeof TOKEN_OPTIONS;
type NameOption = keyof typeof NAME_OPTIONS;

interface CheckFlags extends Readonly<Partial<Record<TokenOption | NameOption, string>>> {
  readonly foreignAudienceToken?: readonly string[];
  readonly tool?: string;
  readonly toolArguments?: Readonly<Record<string, unknown>>;
  readonly scopedTool?: string;
  readonly scopedArguments?: Readonly<Record<string, unknown>>;
  readonly only?: readonly number[];
  readonly timeout?: number;
}

/**
 * Adds `check <url>`: judges an MCP server as an OAuth 2.1 resource server. Prints the report, as text or
 * with `--json` as a CheckReport, and finishes with 0 when nothing failed, 1 when an item failed, 2 when the
 * server could not be reached, an option is malformed, or something given was of no use. Tokens are never
 * printed; they are given as they are, as `@file`, or as `env:NAME`.
 */
export function registerCheck(program: Command, context: Pick<CommandContext, 'io' | 'finish'>): void {
  const command = program
    .command('check')
    .description('judge an MCP server as an OAuth 2.1 resource server, from outside')
    .argument('<url>', 'the MCP endpoint')
    .option('--only <items>', 'item numbers, separated by commas', parseNumbers)
    .option('--timeout <ms>', 'how long one request may take', parseNumber);
  for (const [name, what] of Object.entries(TOKEN_OPTIONS)) command.option(`${toFlag(name)} <token>`, what);
  for (const [name, what] of Object.entries(NAME_OPTIONS)) command.option(`${toFlag(name)} <value>`, what);
  command
    .option('--foreign-audience-token <token>', 'a token for another resource; may be repeated', collect)
    .option('--tool <name>', 'a harmless tool that the user of --token may call')
    .option('--tool-arguments <json>', 'what to call it with', parseArguments)
    .option('--scoped-tool <name>', 'a tool that needs a scope --limited-token lacks')
    .option('--scoped-arguments <json>', 'what to call it with', parseArguments)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `\nA token is given as @file, as env:NAME, or as it is (then the list of processes shows it).\n\n${CHECK_EXIT_CODES}`,
    )
    .action((url: string, flags: CheckFlags) => check(url, flags, { ...context, json: wantsJson(command) }));
}

type Work = Pick<CommandContext, 'io' | 'finish'> & { readonly json: boolean };

async function check(url: string, flags: CheckFlags, { io, finish, json }: Work): Promise<void> {
  const report = await judge(await toOptions(url, flags, io));
  if (json) writeJson(io.stdout, report);
  else io.stdout.write(toText(report));
  if (report.summary.failed > 0) finish(1);
  else if (report.problems.length > 0) finish(2);
}

/** What the judge cannot work with is wrong usage: it has found nothing about the server. */
async function judge(options: CheckOptions): Promise<CheckReport> {
  try {
    return await checkResourceServer(options);
  } catch (error) {
    if (!(error instanceof MCPAuthError)) throw error;
    throw new UsageError(error.message.replaceAll('\n', '; '));
  }
}

async function toOptions(url: string, flags: CheckFlags, io: CliIo): Promise<CheckOptions> {
  const options: Partial<Record<TokenOption | NameOption, string>> = {};
  for (const name of Object.keys(NAME_OPTIONS) as NameOption[]) {
    const value = flags[name];
    if (value !== undefined) options[name] = value;
  }
  for (const name of Object.keys(TOKEN_OPTIONS) as TokenOption[]) {
    const value = flags[name];
    if (value !== undefined) options[name] = await readToken(name, value, io);
  }
  const foreign = flags.foreignAudienceToken ?? [];
  return {
    url,
    ...options,
    foreignAudienceToken: await Promise.all(
      foreign.map((value) => readToken('foreignAudienceToken', value, io)),
    ),
    ...(flags.tool === undefined ? {} : { tool: toCall(flags.tool, flags.toolArguments) }),
    ...(flags.scopedTool === undefined
      ? {}
      : { scopedTool: toCall(flags.scopedTool, flags.scopedArguments) }),
    ...(flags.only === undefined ? {} : { only: flags.only }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
  };
}

function toCall(name: string, parameters: ToolCall['arguments']): ToolCall {
  return parameters === undefined ? { name } : { name, arguments: parameters };
}

/** The token itself. Messages name the option and where it was looked for, never what was found. */
async function readToken(name: string, value: string, io: CliIo): Promise<string> {
  if (value.startsWith('@')) {
    const path = value.slice(1);
    const reading = await readBounded(resolve(io.cwd, path), MAX_TOKEN_FILE_BYTES);
    if ('problem' in reading) throw new UsageError(`${toFlag(name)}: the file ${path} ${reading.problem}`);
    return reading.text.trim();
  }
  if (!value.startsWith('env:')) return value;
  const variable = value.slice('env:'.length);
  const token = Object.hasOwn(io.environment, variable) ? io.environment[variable]?.trim() : undefined;
  if (token === undefined || token === '') {
    throw new UsageError(`${toFlag(name)}: the environment variable ${variable} is not set`);
  }
  return token;
}

function toFlag(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

function parseNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

function parseNumbers(text: string): readonly number[] {
  return text.split(',').map((part) => parseNumber(part.trim()));
}

function parseArguments(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Reported below, in the same words as JSON of another kind.
  }
  throw new InvalidArgumentError('Expected a JSON object.');
}
