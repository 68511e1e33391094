import type { Authorizer } from '../authz/authorizer.ts';
import { createRuleAuthorizer } from '../authz/rule-authorizer.ts';
import type { AuthorizationConfig } from '../config/authorization-options.ts';
import { environment } from '../config/environment.ts';
import * as values from '../config/values.ts';
import { ConfigurationError } from '../core/errors.ts';
import { compileGlob } from '../core/glob.ts';
import type { TransportConfig, WrapServerConfig } from './wrap-config.ts';
import { findKeyProblems } from './wrap-keys.ts';

/** A configuration as it may come from plain JavaScript: anything can be missing or of another kind. */
export type LooseConfig = Partial<WrapServerConfig>;

type LooseTransport = Partial<TransportConfig>;

/** setTimeout fires at once for longer waits. */
const MAX_MS = 2_147_483_647;

const ENV_OVER_HTTP =
  'authProvider: an environment provider over HTTP would sign everyone in as one user; use transport stdio, ' +
  'or dangerouslyAllowEnvOverHttp on a loopback host';

/** Everything that is wrong with a configuration of `wrapServer`. */
export function findWrapProblems(config: LooseConfig): readonly string[] {
  const { transport = {} } = config;
  return [
    ...findKeyProblems(config),
    ...findMissing(config),
    ...findModeProblems(config),
    ...findNumberProblems(config),
    ...findAddressProblems(transport),
    ...findCorsProblems(transport),
    ...findListProblems(config, transport),
    ...findAmbientProblems(config, transport),
    ...findAuthorizationProblems(config),
  ];
}

function findMissing(config: LooseConfig): readonly string[] {
  const problems: string[] = [];
  const { audit, authProvider, onError, resourceType, serverFactory, tokenResolver, toUserId, transport } =
    config;
  if (typeof serverFactory !== 'function') problems.push('serverFactory: a function is required');
  if (typeof authProvider?.authenticate !== 'function') problems.push('authProvider: a provider is required');
  if (tokenResolver !== undefined && typeof tokenResolver?.resolveToken !== 'function') {
    problems.push('tokenResolver: must have resolveToken(userId, resourceType)');
  }
  if (typeof resourceType !== 'string' || resourceType.trim() === '')
    problems.push('resourceType: is required');
  else if (!/^[a-z0-9_-]+$/.test(toResourceType(resourceType))) {
    problems.push('resourceType: use letters, digits, `_` and `-`');
  }
  if (!['stdio', 'sse', 'http', 'websocket'].includes(transport?.type ?? '')) {
    problems.push('transport.type: one of stdio, sse, http, websocket is required');
  }
  if (audit !== undefined && typeof audit?.write !== 'function')
    problems.push('audit: must have write(event)');
  for (const [name, value] of Object.entries({ toUserId, onError })) {
    if (value !== undefined && typeof value !== 'function') problems.push(`${name}: must be a function`);
  }
  return problems;
}

export function toResourceType(value: string): string {
  return value.trim().toLowerCase();
}

function findModeProblems({
  instanceMode,
  instancePool,
  name,
  sessionMode,
  version,
}: LooseConfig): readonly string[] {
  const problems: string[] = [];
  if (![undefined, 'ephemeral', 'pooled'].includes(instanceMode))
    problems.push('instanceMode: ephemeral or pooled');
  if (instanceMode === 'pooled' && instancePool === undefined) {
    problems.push('instancePool: maxSize, idleTimeout and maxLifetime are required with instanceMode pooled');
  }
  if (![undefined, 'stateless', 'stateful'].includes(sessionMode))
    problems.push('sessionMode: stateless or stateful');
  for (const [key, value] of Object.entries({ name, version })) {
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      problems.push(`${key}: must be a text`);
  }
  return problems;
}

function findNumberProblems({ instancePool, middleware, session }: LooseConfig): readonly string[] {
  const { rateLimit, requestTimeoutMs } = middleware ?? {};
  const required = {
    ...(instancePool && {
      'instancePool.maxSize': instancePool.maxSize,
      'instancePool.idleTimeout': instancePool.idleTimeout,
      'instancePool.maxLifetime': instancePool.maxLifetime,
    }),
    ...(rateLimit && {
      'middleware.rateLimit.maxRequests': rateLimit.maxRequests,
      'middleware.rateLimit.windowMs': rateLimit.windowMs,
    }),
  };
  const optional = {
    'session.idleTimeout': session?.idleTimeout,
    'session.maxLifetime': session?.maxLifetime,
    'session.maxSessions': session?.maxSessions,
    'middleware.requestTimeoutMs': requestTimeoutMs,
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return [...Object.entries(required), ...given]
    .filter(([, value]) => !(Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= MAX_MS))
    .map(([name]) => `${name}: a whole number from 1 to ${MAX_MS}`);
}

function findAddressProblems({ basePath, host, port, publicUrl }: LooseTransport): readonly string[] {
  const problems: string[] = [];
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    problems.push('transport.port: a whole number from 0 to 65535');
  }
  const texts = [
    ['host', host, values.findListenHostProblem],
    ['basePath', basePath, values.findPathProblem],
    ['publicUrl', publicUrl, values.findBaseUrlProblem],
  ] as const;
  for (const [name, value, find] of texts) {
    const problem = value === undefined ? undefined : findTextProblem(value, find);
    if (problem !== undefined) problems.push(`transport.${name}: ${problem}`);
  }
  return problems;
}

function findCorsProblems(transport: LooseTransport): readonly string[] {
  if (transport.cors !== true) return [];
  const origins = listOfOrigins(transport);
  if (origins.length === 0)
    return ['transport.corsOrigin: is required with cors; name the origins that may call'];
  return origins.flatMap((origin) => {
    if (origin === '*' && isDevelopment()) return [];
    const problem =
      origin === '*'
        ? 'is for NODE_ENV development or test only; name the origins'
        : findTextProblem(origin, values.findOriginProblem);
    return problem === undefined ? [] : [`transport.corsOrigin: ${JSON.stringify(origin)} ${problem}`];
  });
}

export function listOfOrigins({ corsOrigin }: LooseTransport): readonly string[] {
  return typeof corsOrigin === 'string' ? [corsOrigin] : (corsOrigin ?? []);
}

/** Whether NODE_ENV says so; unset is production. */
export function isDevelopment(): boolean {
  return ['development', 'test'].includes(environment()['NODE_ENV'] ?? '');
}

function findListProblems({ extraHeaders }: LooseConfig, transport: LooseTransport): readonly string[] {
  const findHeaderProblem = (name: string) => (values.isHeaderName(name) ? undefined : 'is no header name');
  const lists = [
    ['extraHeaders', extraHeaders, values.findHeaderNameProblem],
    ['transport.corsAllowedHeaders', transport.corsAllowedHeaders, findHeaderProblem],
    ['transport.allowedHosts', transport.allowedHosts, values.findHostNameProblem],
    ['transport.trustedProxies', transport.trustedProxies, values.findRangeProblem],
  ] as const;
  return lists.flatMap(([name, list = [], find]) => {
    if (!Array.isArray(list)) return [`${name}: must be a list`];
    return list.flatMap((entry: unknown) => {
      const problem = findTextProblem(entry, find);
      return problem === undefined ? [] : [`${name}: ${JSON.stringify(entry)} ${problem}`];
    });
  });
}

function findTextProblem(value: unknown, find: (text: string) => string | undefined): string | undefined {
  return typeof value === 'string' ? find(value) : 'must be a text';
}

function findAmbientProblems({ authProvider }: LooseConfig, transport: LooseTransport): readonly string[] {
  if (authProvider?.ambient !== true || transport.type === 'stdio') return [];
  const { dangerouslyAllowEnvOverHttp, host, publicUrl = 'http://localhost' } = transport;
  const url = values.parseUrl(publicUrl);
  const isLocal =
    typeof host === 'string' &&
    values.isLoopbackHost(host) &&
    url !== undefined &&
    values.isLoopbackHost(url.hostname);
  return dangerouslyAllowEnvOverHttp === true && isLocal ? [] : [ENV_OVER_HTTP];
}

function findAuthorizationProblems({
  authorization,
  name = 'mcp-auth-wrapped-server',
}: LooseConfig): readonly string[] {
  if (authorization === undefined || isAuthorizer(authorization)) return [];
  try {
    createRuleAuthorizer(authorization);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return findIdleRules(authorization, name);
}

export function isAuthorizer(value: NonNullable<WrapServerConfig['authorization']>): value is Authorizer {
  return typeof (value as Partial<Authorizer> | null)?.decide === 'function';
}

// A rule for a server that is not this one protects nothing.
function findIdleRules(rules: AuthorizationConfig, name: string): readonly string[] {
  return (['tools', 'resources', 'prompts'] as const).flatMap((table) =>
    Object.keys(rules[table] ?? {})
      .filter((key) => !compileGlob(key.slice(0, Math.max(0, key.indexOf('/'))))(name))
      .map(
        (key) =>
          `authorization.${table}: ${JSON.stringify(key)} is for another server than ${JSON.stringify(name)}`,
      ),
  );
}
