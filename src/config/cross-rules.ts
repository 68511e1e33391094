import type { AuthProvider } from '../authn/auth-provider.ts';
import { compileGlob } from '../core/glob.ts';
import { CREDENTIAL } from '../core/placeholder.ts';
import type { AuthEntry } from './auth-schema.ts';
import { type FilledOptions, isAuthProvider, LISTEN_DEFAULTS } from './gate-schema.ts';
import { findNearest, type Problem } from './problem.ts';
import { isTokenResolver } from './tenancy-schema.ts';
import { isLoopbackHost } from './values.ts';

/** A rule over several parts of a configuration; it is asked only when all the parts it reads are sound. */
interface CrossRule {
  readonly reads: readonly (keyof FilledOptions)[];
  readonly find: (options: FilledOptions) => readonly Problem[];
}

function rule<const Read extends keyof FilledOptions>(
  reads: readonly Read[],
  find: (options: Pick<FilledOptions, Read>) => readonly Problem[],
): CrossRule {
  return { reads, find };
}

/** What only several parts together show. */
export const CROSS_RULES: readonly CrossRule[] = [
  rule(['publicUrl', 'listen'], findAddressProblems),
  rule(['auth', 'publicUrl', 'listen'], (options) =>
    options.listen === undefined ? [] : findAmbientProblems(options.auth, options),
  ),
  rule(['auth'], findOrderProblems),
  rule(['auth', 'tenancy'], findUserIdProblems),
  rule(['auth', 'tenancy'], findEmbeddedTokenProblems),
  rule(['servers', 'tenancy'], findResourceTypeProblems),
  rule(['servers', 'tenancy'], findMissingCredentials),
  rule(['servers', 'authorization'], findRuleProblems),
  rule(['servers', 'limits'], findLimitProblems),
];

function findAddressProblems({
  publicUrl,
  listen = LISTEN_DEFAULTS,
}: Pick<FilledOptions, 'publicUrl' | 'listen'>) {
  if (publicUrl !== undefined) {
    const isPlain = listen.tls !== undefined && publicUrl.toLowerCase().startsWith('http:');
    const message = 'must be an https: URL when `listen.tls` is given';
    return isPlain ? [{ path: ['publicUrl'], message }] : [];
  }
  const why = !isLoopbackHost(listen.host)
    ? 'when `listen.host` is not a loopback address'
    : listen.port === 0
      ? 'when `listen.port` is 0, as the address is not known beforehand'
      : undefined;
  return why === undefined ? [] : [{ path: ['publicUrl'], message: `is required ${why}` }];
}

/** What tells whether only this machine can reach a listener. */
interface Exposure {
  readonly listen?: { readonly host: string } | undefined;
  readonly publicUrl?: string | undefined;
}

type AmbientEntry =
  | AuthProvider
  | { readonly type: string; readonly dangerouslyAllowEnvOverHttp?: boolean | undefined };

/** The providers that would sign in everybody who can connect over HTTP. */
export function findAmbientProblems(auth: readonly AmbientEntry[], exposure: Exposure): readonly Problem[] {
  const { publicUrl, listen = LISTEN_DEFAULTS } = exposure;
  const isLocal =
    isLoopbackHost(listen.host) && (publicUrl === undefined || isLoopbackHost(new URL(publicUrl).hostname));
  return auth.flatMap((entry, index) => {
    if (isAuthProvider(entry))
      return entry.ambient === true ? [{ path: ['auth', index], message: STDIO_ONLY }] : [];
    if (entry.type !== 'environment') return [];
    if (entry.dangerouslyAllowEnvOverHttp !== true) return [{ path: ['auth', index], message: STDIO_ONLY }];
    return isLocal ? [] : [{ path: ['auth', index, 'dangerouslyAllowEnvOverHttp'], message: LOOPBACK_ONLY }];
  });
}

const STDIO_ONLY =
  'signs in whoever connects as one user, which is for stdio only: leave out `listen`, take another kind, ' +
  'or on loopback an entry of type environment with `dangerouslyAllowEnvOverHttp: true`';
const LOOPBACK_ONLY = 'is for a loopback `listen.host` and a loopback `publicUrl` only';

function findOrderProblems({ auth }: Pick<FilledOptions, 'auth'>): Problem[] {
  const index = auth.findIndex((entry) => !isAuthProvider(entry) && entry.type === 'environment');
  if (index === -1 || index === auth.length - 1) return [];
  return [
    {
      path: ['auth', index],
      message: 'must be the last entry: it always answers, so no later one is ever asked',
    },
  ];
}

function findUserIdProblems({ auth, tenancy }: Pick<FilledOptions, 'auth' | 'tenancy'>): Problem[] {
  if (tenancy?.toUserId !== undefined) return [];
  const issuers = new Set(auth.flatMap(issuersOf));
  const reason = tenancy?.from !== undefined ? 'tenants' : issuers.size > 1 ? 'issuers' : undefined;
  if (reason === undefined) return [];
  const message =
    `is required with several ${reason}: token resolvers and factories get a bare userId, ` +
    'and the same one may name different people. ' +
    'Say `subject` when subjects are unique over all of them, else `key`; in code also a function of the principal';
  return [{ path: ['tenancy', 'toUserId'], message }];
}

/** An entry that names no issuer counts as one of its own. */
function issuersOf(entry: AuthProvider | AuthEntry, index: number): readonly (string | number)[] {
  if (!isAuthProvider(entry)) return [entry.type === 'jwt' ? (entry.issuer ?? index) : index];
  const issuers = entry.authorizationServers ?? [];
  return issuers.length === 0 ? [index] : [...issuers];
}

function findEmbeddedTokenProblems({ auth, tenancy }: Pick<FilledOptions, 'auth' | 'tenancy'>): Problem[] {
  const extracts = auth.some(
    (entry) => isAuthProvider(entry) || (entry.type === 'jwt' && entry.extractTokens),
  );
  if (extracts) return [];
  return Object.entries(tenancy?.credentials ?? {})
    .filter(([, credentials]) => !isTokenResolver(credentials) && credentials.type === 'jwt')
    .map(([name]) => ({
      path: ['tenancy', 'credentials', name],
      message:
        'takes tokens out of the caller’s JWT: an `auth` entry of type jwt must say `extractTokens: true`',
    }));
}

function findResourceTypeProblems({
  servers,
  tenancy,
}: Pick<FilledOptions, 'servers' | 'tenancy'>): Problem[] {
  const types = Object.entries(servers).map(([name, server]) => server.resourceType ?? name);
  return Object.keys(tenancy?.credentials ?? {})
    .filter((type) => !types.includes(type))
    .map((type) => ({
      path: ['tenancy', 'credentials', type],
      message: `is used by no server${suggest(type, types)}`,
    }));
}

/** A value that is always left out is a mistake. */
function findMissingCredentials({ servers, tenancy }: Pick<FilledOptions, 'servers' | 'tenancy'>): Problem[] {
  return Object.entries(servers).flatMap(([name, server]) => {
    const type = server.resourceType ?? name;
    if (Object.hasOwn(tenancy?.credentials ?? {}, type)) return [];
    return (['env', 'headers'] as const).flatMap((part) =>
      Object.entries(server[part] ?? {})
        .filter(([, value]) => value.includes(CREDENTIAL))
        .map(([key]) => ({
          path: ['servers', name, part, key],
          message: `holds \`${CREDENTIAL}\`, and there is no \`tenancy.credentials.${type}\` to take it from`,
        })),
    );
  });
}

function findRuleProblems({
  servers,
  authorization,
}: Pick<FilledOptions, 'servers' | 'authorization'>): Problem[] {
  if (authorization === undefined || 'decide' in authorization) return [];
  const names = Object.keys(servers);
  return (['tools', 'resources', 'prompts'] as const).flatMap((section) =>
    Object.keys(authorization[section]).flatMap((key) => {
      const message = findServerProblem(key, names);
      return message === undefined ? [] : [{ path: ['authorization', section, key], message }];
    }),
  );
}

function findLimitProblems({ servers, limits }: Pick<FilledOptions, 'servers' | 'limits'>): Problem[] {
  const names = Object.keys(servers);
  return limits.calls.flatMap(({ tool }, index) => {
    const message = tool === undefined ? undefined : findServerProblem(tool, names);
    return message === undefined ? [] : [{ path: ['limits', 'calls', index, 'tool'], message }];
  });
}

// A rule for a server that does not exist protects nothing.
function findServerProblem(key: string, names: readonly string[]): string | undefined {
  const wanted = key.slice(0, key.indexOf('/'));
  return names.some(compileGlob(wanted))
    ? undefined
    : `names no server of this configuration${suggest(wanted, names)}`;
}

function suggest(word: string, words: readonly string[]): string {
  const nearest = findNearest(word, words);
  return nearest === undefined
    ? ` (there are: ${words.slice(0, 10).join(', ')})`
    : ` (did you mean \`${nearest}\`?)`;
}
