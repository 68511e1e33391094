import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { type CommandContext, JSON_OPTION, wantsJson } from '../command-context.ts';
import { type CliIo, EXIT_CODES, UsageError, writeJson, writeLine } from '../output.ts';
import { type ClaimPath, keyFromConfig, keyFromOption, type TokenKey } from '../token-key.ts';

interface TokenOptions {
  readonly subject: string;
  readonly config?: string;
  readonly secret?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly scope?: string;
  readonly tenant?: string;
  readonly role: readonly string[];
  readonly expires: number;
}

const MAX_LIFETIME_SECONDS = 86_400;

/** `gatehouse token`: signs a token with the configured secret, for tests and first steps. */
export function registerToken(program: Command, { io }: CommandContext): void {
  program
    .command('token')
    .description('sign a token with the configured shared secret, for tests and first steps')
    .requiredOption('--subject <id>', 'whom the token is for')
    .option('-c, --config <file>', 'configuration file (default: gatehouse.config.* here)')
    .option('--secret <source>', 'sign with this secret instead: @<file> or env:<NAME>')
    .option('--issuer <issuer>', 'issuer (default: the configured one)')
    .option('--audience <uri>', 'audience (default: the configured one, else the resource of the server)')
    .option('--scope <scopes>', 'scopes, with blanks between')
    .option('--tenant <id>', 'tenant')
    .option('--role <name>', 'role; may be given several times', collect, [])
    .option('--expires <time>', 'lifetime such as 90s, 15m or 24h, which is the longest', parseLifetime, 900)
    .option(...JSON_OPTION)
    .addHelpText('after', `\n${EXIT_CODES}`)
    .action((options: TokenOptions, command: Command) => token(options, wantsJson(command), io));
}

async function token(options: TokenOptions, json: boolean, io: CliIo): Promise<void> {
  if (options.secret !== undefined && options.config !== undefined) {
    throw new UsageError('give --secret or --config, not both');
  }
  if (options.subject === '') throw new UsageError('--subject must not be empty');
  const key =
    options.secret === undefined
      ? await keyFromConfig(options.config, io)
      : await keyFromOption(options.secret, io);
  const issuer = options.issuer ?? key.issuer;
  const audience = options.audience ?? findAudience(key);
  const issuedAt = Math.floor(Date.now() / 1000);
  const expiresAt = issuedAt + options.expires;
  const claims = {
    ...claimsOf(options, key),
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
    iat: issuedAt,
    exp: expiresAt,
    jti: randomUUID(),
  };
  const { SignJWT } = await import('jose');
  const signed = await new SignJWT(claims)
    .setProtectedHeader({ alg: key.algorithm, typ: key.type })
    .sign(new TextEncoder().encode(key.secret.reveal()));
  if (json) {
    writeJson(io.stdout, { token: signed, subject: options.subject, issuer, audience, expiresAt });
  } else {
    writeLine(io.stdout, signed);
  }
}

function findAudience({ audiences }: TokenKey): string | undefined {
  const [audience, second] = audiences;
  if (second === undefined) return audience;
  throw new UsageError(`--audience is required, as there are several: ${audiences.join(', ')}`);
}

function claimsOf(options: TokenOptions, { claims: paths }: TokenKey): Record<string, unknown> {
  const claims: Record<string, unknown> = { sub: options.subject };
  setClaim(claims, paths.user, options.subject);
  if (options.scope !== undefined) setClaim(claims, paths.scopes, options.scope);
  if (options.role.length > 0) setClaim(claims, paths.roles, options.role);
  if (options.tenant === undefined) return claims;
  if (paths.tenant !== undefined) setClaim(claims, paths.tenant, options.tenant);
  else if (paths.memberships !== undefined) setClaim(claims, paths.memberships, [options.tenant]);
  else throw new UsageError('--tenant: this configuration has no tenants (tenancy.from)');
  return claims;
}

function setClaim(claims: Record<string, unknown>, [name, ...rest]: ClaimPath, value: unknown): void {
  const [next, ...others] = rest;
  if (next === undefined) {
    claims[name] = value;
    return;
  }
  const found = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const nested: Record<string, unknown> = typeof found === 'object' && found !== null ? { ...found } : {};
  claims[name] = nested;
  setClaim(nested, [next, ...others], value);
}

function collect(value: string, list: readonly string[]): readonly string[] {
  return [...list, value];
}

const UNIT_SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
]);

function parseLifetime(text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smh])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS.get(unit) ?? Number.NaN);
  if (seconds <= MAX_LIFETIME_SECONDS) return seconds;
  throw new InvalidArgumentError('It must be a time such as 90s, 15m or 24h, and 24h at most.');
}
