import { resolve } from 'node:path';
import type { JwtAlgorithm } from '../config/auth-options.ts';
import { loadConfig } from '../config/from-file.ts';
import { readBounded } from '../config/read-bounded.ts';
import type { ResolvedJwt, ResolvedTenancy } from '../config/resolved-options.ts';
import { parseGateOptions } from '../config/schema.ts';
import { Secret } from '../core/secret.ts';
import { type CliIo, UsageError } from './output.ts';

/** What a token is signed with, and what a gate with this key expects of it. */
export interface TokenKey {
  readonly secret: Secret;
  readonly algorithm: JwtAlgorithm;
  readonly type: 'JWT' | 'at+jwt';
  readonly issuer?: string | undefined;
  /** Audiences to choose from; a token without any is taken only where none is expected. */
  readonly audiences: readonly string[];
  readonly claims: ClaimPaths;
}

/** Where each claim stands: a path of names. */
interface ClaimPaths {
  readonly user: ClaimPath;
  readonly tenant?: ClaimPath | undefined;
  /** The list of tenants, where requests name one of them. */
  readonly memberships?: ClaimPath | undefined;
  readonly scopes: ClaimPath;
  readonly roles: ClaimPath;
}

export type ClaimPath = readonly [string, ...string[]];

const MIN_SECRET_BYTES = 32;
const MAX_SECRET_BYTES = 65_536;

/** The key of the configuration's `auth` entry with a secret. @throws UsageError when it has none */
export async function keyFromConfig(
  path: string | undefined,
  { cwd, environment }: CliIo,
): Promise<TokenKey> {
  const config = await loadConfig(path, { cwd, environment });
  const { auth, servers, tenancy } = parseGateOptions(config, { allowInstances: false });
  const entry = auth.find((each): each is SecretJwt => each.type === 'jwt' && each.secret !== undefined);
  if (entry === undefined) {
    throw new UsageError('no auth entry has a `secret`: tokens for this configuration come from its issuer');
  }
  return {
    secret: entry.secret,
    algorithm: entry.algorithms?.[0] ?? 'HS256',
    type: entry.profile === 'at+jwt' ? 'at+jwt' : 'JWT',
    issuer: entry.issuer,
    audiences: entry.audience ?? servers.map(({ resource }) => resource),
    claims: {
      user: claimPath(entry.claims?.user ?? 'sub'),
      ...tenantPaths(entry, tenancy),
      scopes: claimPath(entry.claims?.scopes ?? 'scope'),
      roles: claimPath(entry.claims?.roles ?? 'roles'),
    },
  };
}

function tenantPaths(
  { claims }: ResolvedJwt,
  { tenants }: ResolvedTenancy,
): Pick<ClaimPaths, 'tenant' | 'memberships'> {
  if (claims?.tenant !== undefined) return { tenant: claimPath(claims.tenant) };
  if (tenants === undefined || tenants.from === 'custom') return {};
  if (tenants.from === 'claim') return tenants.claim === undefined ? {} : { tenant: [tenants.claim] };
  return tenants.membershipClaim === undefined ? {} : { memberships: [tenants.membershipClaim] };
}

/** Dots lead into nested claims, except in names that are URIs: as tokens are read. */
function claimPath(name: string): ClaimPath {
  if (/[:/]/.test(name)) return [name];
  const [first = name, ...rest] = name.split('.');
  return [first, ...rest];
}

type SecretJwt = ResolvedJwt & { readonly secret: Secret };

/**
 * The key named on the command line: `@<file>` or `env:<NAME>`. Never the secret itself, which other users
 * of the machine could read in the list of processes.
 *
 * @throws UsageError
 */
export async function keyFromOption(source: string, io: CliIo): Promise<TokenKey> {
  const secret = await readSecret(source, io);
  if (new TextEncoder().encode(secret).length < MIN_SECRET_BYTES) {
    throw new UsageError(`the secret must be at least ${MIN_SECRET_BYTES} bytes long`);
  }
  return {
    secret: new Secret(secret),
    algorithm: 'HS256',
    type: 'JWT',
    audiences: [],
    claims: { user: ['sub'], tenant: ['tenant'], scopes: ['scope'], roles: ['roles'] },
  };
}

async function readSecret(source: string, { cwd, environment }: CliIo): Promise<string> {
  if (source.startsWith('env:')) {
    const name = source.slice('env:'.length);
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value === undefined || value === '')
      throw new UsageError(`--secret: the environment variable ${name} is not set`);
    return value;
  }
  if (source.startsWith('@')) {
    const reading = await readBounded(resolve(cwd, source.slice(1)), MAX_SECRET_BYTES);
    if ('problem' in reading) throw new UsageError(`--secret: the file ${reading.problem}`);
    return reading.text.replace(/\r?\n$/, '');
  }
  throw new UsageError(
    '--secret: write @<file> or env:<NAME>, so that the secret is not seen in the list of processes',
  );
}
