import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { environment } from '../../config/environment.ts';
import { MCPAuthError, ValidationError } from '../../core/errors.ts';
import { checkResourceServer } from '../../testing/resource-server-check/check-resource-server.ts';
import type { CheckOptions, ToolCall } from '../../testing/resource-server-check/options.ts';
import type { CheckReport } from '../../testing/resource-server-check/report.ts';
import { toText } from '../../testing/resource-server-check/text-report.ts';

const EXIT_FAILED = 1;
const EXIT_UNUSABLE = 2;

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
  readonly json?: boolean;
}

/**
 * Adds `check <url>`: judges an MCP server as an OAuth 2.1 resource server. Prints the report, as text or
 * with `--json` as a CheckReport, and sets the exit code: 0 when nothing failed, 1 when an item failed, 2
 * when the server could not be reached, an option is malformed, or something given was of no use. Tokens
 * are never printed; they are given as they are, as `@file`, or as `env:NAME`.
 */
export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .description('judge an MCP server as an OAuth 2.1 resource server, from outside')
    .argument('<url>', 'the MCP endpoint')
    .option('--json', 'print the report as JSON')
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
    .addHelpText('after', '\nA token is given as it is, as @file, or as env:NAME.')
    .action((url: string, flags: CheckFlags) => run(command, url, flags));
}

async function run(command: Command, url: string, flags: CheckFlags): Promise<void> {
  let report: CheckReport;
  try {
    report = await checkResourceServer(await toOptions(url, flags));
  } catch (error) {
    if (!(error instanceof MCPAuthError)) throw error;
    return command.error(`check: ${error.message}`, { exitCode: EXIT_UNUSABLE, code: 'gatehouse.check' });
  }
  const text = flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : toText(report);
  command.configureOutput().writeOut?.(text);
  if (report.summary.failed > 0) process.exitCode = EXIT_FAILED;
  else if (report.problems.length > 0) process.exitCode = EXIT_UNUSABLE;
}

async function toOptions(url: string, flags: CheckFlags): Promise<CheckOptions> {
  const options: Partial<Record<TokenOption | NameOption, string>> = {};
  for (const name of Object.keys(NAME_OPTIONS) as NameOption[]) {
    const value = flags[name];
    if (value !== undefined) options[name] = value;
  }
  for (const name of Object.keys(TOKEN_OPTIONS) as TokenOption[]) {
    const value = flags[name];
    if (value !== undefined) options[name] = await readToken(name, value);
  }
  const foreign = flags.foreignAudienceToken ?? [];
  return {
    url,
    ...options,
    foreignAudienceToken: await Promise.all(foreign.map((value) => readToken('foreignAudienceToken', value))),
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
async function readToken(name: string, value: string): Promise<string> {
  if (value.startsWith('@')) {
    const path = value.slice(1);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) throw new ValidationError(`${toFlag(name)}: the file ${path} cannot be read`);
    return text.trim();
  }
  if (!value.startsWith('env:')) return value;
  const variable = value.slice('env:'.length);
  const token = environment()[variable]?.trim();
  if (token === undefined || token === '') {
    throw new ValidationError(`${toFlag(name)}: the environment variable ${variable} is not set`);
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
