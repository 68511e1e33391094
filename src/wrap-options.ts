import type { AuditSink } from './audit/audit-sink.ts';
import type { AuthProvider } from './authn/auth-provider.ts';
import type { Authorizer } from './authz/authorizer.ts';
import { environment } from './config/environment.ts';
import type { AuthorizationConfig } from './config/authorization-options.ts';
import type { ResolvedGateOptions } from './config/resolved-options.ts';
import { ConfigurationError } from './core/errors.ts';
import type { Principal } from './core/principal.ts';
import type { MCPServerFactory } from './mcp/instances.ts';
import type { ResourceTokenResolver } from './tenancy/token-resolver.ts';

/** Options fed from the environment may be `undefined`; what is then missing is a ConfigurationError. */
export interface WrapServerConfig {
  readonly serverFactory: MCPServerFactory;
  readonly authProvider: AuthProvider;
  /** Left out: static mode, factories get an empty access token. */
  readonly tokenResolver?: ResourceTokenResolver | undefined;
  /** `[a-z0-9_-]+` after trimming and lower-casing. */
  readonly resourceType: string;
  readonly transport: TransportConfig;
  /** Default `mcp-auth-wrapped-server`. */
  readonly name?: string | undefined;
  /** Default `1.0.0`. */
  readonly version?: string | undefined;
  /** Default `ephemeral`: a server for each request. */
  readonly instanceMode?: 'ephemeral' | 'pooled' | undefined;
  /** Milliseconds. Required with `pooled`. */
  readonly instancePool?:
    | { readonly maxSize?: number; readonly idleTimeout?: number; readonly maxLifetime?: number }
    | undefined;
  /** Default `stateless`. */
  readonly sessionMode?: 'stateless' | 'stateful' | undefined;
  /** Milliseconds; defaults 300000, 3600000 and 1000 sessions. */
  readonly session?:
    | { readonly idleTimeout?: number; readonly maxLifetime?: number; readonly maxSessions?: number }
    | undefined;
  readonly middleware?: WrapMiddleware | undefined;
  readonly authorization?: AuthorizationConfig | Authorizer | undefined;
  readonly audit?: AuditSink | undefined;
  /** Header names that the factory may see in its extras; query parameters it always sees. */
  readonly extraHeaders?: readonly string[] | undefined;
  /** The user id that resolvers and factories get; default the principal's subject. */
  readonly toUserId?: ((principal: Principal) => string) | undefined;
}

export interface TransportConfig {
  /** `sse` and `http` are both Streamable HTTP. */
  readonly type: 'stdio' | 'sse' | 'http';
  /** Default 3000. */
  readonly port?: number | undefined;
  /** Default `0.0.0.0`. */
  readonly host?: string | undefined;
  /** Default `/mcp`. */
  readonly basePath?: string | undefined;
  readonly cors?: boolean | undefined;
  /** Exact origins; required with `cors`. */
  readonly corsOrigin?: string | readonly string[] | undefined;
  readonly corsAllowedHeaders?: readonly string[] | undefined;
  /** What clients call the server; default `http://localhost:<port>`. Tokens name it as their audience. */
  readonly publicUrl?: string | undefined;
  /** Host names served besides loopback and the one of `publicUrl`. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly trustedProxies?: readonly string[] | undefined;
  /** Signs everyone on this machine in as the environment's user. Loopback hosts only. */
  readonly dangerouslyAllowEnvOverHttp?: boolean | undefined;
}

export interface WrapMiddleware {
  /** Writes one line per call to stderr. */
  readonly logging?: boolean | undefined;
  readonly rateLimit?: { readonly maxRequests: number; readonly windowMs: number } | undefined;
  readonly requestTimeoutMs?: number | undefined;
  /** Spans through `@opentelemetry/api`. Default false. */
  readonly enableTracing?: boolean | undefined;
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

/** The same options in the gate's own form. @throws ConfigurationError listing every problem at once */
export function resolveWrapConfig(config: WrapServerConfig): ResolvedGateOptions {
  const problems: string[] = [];
  const resourceType = typeof config.resourceType === 'string' ? config.resourceType.trim().toLowerCase() : '';
  checkRequired(config, problems);
  if (!/^[a-z0-9_-]+$/.test(resourceType)) problems.push('resourceType: use letters, digits, `_` and `-`');
  checkModes(config, problems);
  const transport: Partial<TransportConfig> = config.transport ?? {};
  const { port = 3000, host = '0.0.0.0', basePath = '/mcp' } = transport;
  checkAddress({ port, host, basePath }, problems);
  const allowedOrigins = corsOrigins(transport, problems);
  const publicUrl = transport.publicUrl ?? `http://localhost:${port}`;
  if (!URL.canParse(publicUrl)) problems.push('transport.publicUrl: not an absolute URL');
  if (config.authProvider?.ambient === true && transport.type !== 'stdio' && !isAmbientAllowed(transport, host)) {
    problems.push(
      'authProvider: an environment provider over HTTP would sign everyone in as one user; use transport stdio, ' +
        'or dangerouslyAllowEnvOverHttp on a loopback host',
    );
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return {
    version: 1,
    publicUrl: publicUrl.replace(/\/$/, ''),
    listen: {
      declared: transport.type !== 'stdio',
      host,
      port,
      path: basePath,
      trustedProxies: transport.trustedProxies ?? [],
      allowedHosts: transport.allowedHosts ?? [],
      allowedOrigins,
    },
    servers: [resolveServer(config, { resourceType, publicUrl, basePath })],
    auth: [{ type: 'custom', provider: config.authProvider }],
    tenancy: {
      credentials:
        config.tokenResolver === undefined
          ? new Map()
          : new Map([[resourceType, { type: 'custom', resolver: config.tokenResolver }]]),
      toUserId: config.toUserId ?? ((principal) => principal.subject),
    },
    authorization: isAuthorizer(config.authorization)
      ? { type: 'custom', authorizer: config.authorization }
      : { type: 'rules', rules: config.authorization ?? {} },
    limits: resolveLimits(config.middleware),
    audit: [
      ...(config.middleware?.logging === true ? [{ type: 'console' } as const] : []),
      ...(config.audit === undefined ? [] : [{ type: 'custom', sink: config.audit } as const]),
    ],
  };
}

function checkRequired(config: WrapServerConfig, problems: string[]): void {
  if (typeof config.serverFactory !== 'function') problems.push('serverFactory: a function is required');
  if (typeof config.authProvider?.authenticate !== 'function') problems.push('authProvider: a provider is required');
  if (config.tokenResolver !== undefined && typeof config.tokenResolver.resolveToken !== 'function') {
    problems.push('tokenResolver: must have resolveToken(userId, resourceType)');
  }
  const type: unknown = config.transport?.type;
  if (type !== 'stdio' && type !== 'sse' && type !== 'http') {
    problems.push('transport.type: one of stdio, sse, http is required');
  }
}

function checkModes({ instanceMode, instancePool, sessionMode, session, middleware }: WrapServerConfig, problems: string[]) {
  if (![undefined, 'ephemeral', 'pooled'].includes(instanceMode)) problems.push('instanceMode: ephemeral or pooled');
  if (instanceMode === 'pooled' && instancePool === undefined) problems.push('instancePool: required with instanceMode pooled');
  if (![undefined, 'stateless', 'stateful'].includes(sessionMode)) problems.push('sessionMode: stateless or stateful');
  const { rateLimit, requestTimeoutMs } = middleware ?? {};
  const counts: Record<string, unknown> = {
    'instancePool.maxSize': instancePool?.maxSize,
    'instancePool.idleTimeout': instancePool?.idleTimeout,
    'instancePool.maxLifetime': instancePool?.maxLifetime,
    'session.idleTimeout': session?.idleTimeout,
    'session.maxLifetime': session?.maxLifetime,
    'session.maxSessions': session?.maxSessions,
    'middleware.rateLimit.maxRequests': rateLimit?.maxRequests,
    'middleware.rateLimit.windowMs': rateLimit?.windowMs,
    'middleware.requestTimeoutMs': requestTimeoutMs,
  };
  for (const [name, value] of Object.entries(counts)) {
    if (value !== undefined && !(Number.isSafeInteger(value) && Number(value) > 0)) {
      problems.push(`${name}: a whole number above 0`);
    }
  }
}

function checkAddress(
  { port, host, basePath }: { readonly port: unknown; readonly host: unknown; readonly basePath: unknown },
  problems: string[],
): void {
  if (!Number.isInteger(port) || Number(port) < 0 || Number(port) > 65_535) problems.push('transport.port: 0 to 65535');
  if (typeof host !== 'string' || !/^[A-Za-z0-9.:-]+$/.test(host)) problems.push('transport.host: not an address or host name');
  if (typeof basePath !== 'string' || !/^(\/[A-Za-z0-9._~-]+)+$/.test(basePath)) {
    problems.push('transport.basePath: a path such as /mcp, without a slash at the end');
  }
}

function corsOrigins({ cors, corsOrigin }: Partial<TransportConfig>, problems: string[]): readonly string[] {
  if (cors !== true) return [];
  const origins = typeof corsOrigin === 'string' ? [corsOrigin] : (corsOrigin ?? []);
  if (origins.length === 0) problems.push('transport.corsOrigin: required with cors');
  for (const origin of origins) {
    if (origin === '*') {
      if (!isDevelopment()) problems.push("transport.corsOrigin: '*' is for NODE_ENV development or test only; name the origins");
    } else if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      problems.push(`transport.corsOrigin: ${origin} is not an origin such as https://app.example.com`);
    }
  }
  return origins.filter((origin) => origin !== '*');
}

/** Whether any origin may call: asked for, and not in production. */
export function allowsAnyOrigin({ cors, corsOrigin }: TransportConfig): boolean {
  const origins = typeof corsOrigin === 'string' ? [corsOrigin] : (corsOrigin ?? []);
  return cors === true && origins.includes('*') && isDevelopment();
}

function isDevelopment(): boolean {
  return ['development', 'test'].includes(environment()['NODE_ENV'] ?? '');
}

function isAmbientAllowed({ dangerouslyAllowEnvOverHttp }: Partial<TransportConfig>, host: string): boolean {
  return dangerouslyAllowEnvOverHttp === true && LOOPBACK.has(host);
}

function isAuthorizer(value: WrapServerConfig['authorization']): value is Authorizer {
  return typeof (value as Partial<Authorizer> | undefined)?.decide === 'function';
}

interface Place {
  readonly resourceType: string;
  readonly publicUrl: string;
  readonly basePath: string;
}

function resolveServer(
  config: WrapServerConfig,
  { resourceType, publicUrl, basePath }: Place,
): ResolvedGateOptions['servers'][number] {
  const { instancePool: pool, session } = config;
  const lifetimes = { idleMs: 300_000, lifetimeMs: 3_600_000 };
  return {
    name: config.name ?? 'mcp-auth-wrapped-server',
    source: { type: 'factory', factory: config.serverFactory },
    path: basePath,
    resource: new URL(basePath, publicUrl).href,
    resourceType,
    instances: {
      mode: config.instanceMode === 'pooled' ? 'pooled' : 'fresh',
      max: pool?.maxSize ?? 100,
      idleMs: pool?.idleTimeout ?? lifetimes.idleMs,
      lifetimeMs: pool?.maxLifetime ?? lifetimes.lifetimeMs,
    },
    sessions: {
      mode: config.sessionMode ?? 'stateless',
      idleMs: session?.idleTimeout ?? lifetimes.idleMs,
      lifetimeMs: session?.maxLifetime ?? lifetimes.lifetimeMs,
      max: session?.maxSessions ?? 1000,
      maxPerPrincipal: Math.min(100, session?.maxSessions ?? 1000),
    },
    timeoutMs: config.middleware?.requestTimeoutMs,
    extras: { query: [], headers: (config.extraHeaders ?? []).map((name) => name.toLowerCase()) },
  };
}

function resolveLimits(middleware: WrapMiddleware | undefined): ResolvedGateOptions['limits'] {
  const rate = middleware?.rateLimit;
  return {
    calls:
      rate === undefined
        ? []
        : [
            {
              per: 'principal',
              rate: { limit: rate.maxRequests, windowSeconds: rate.windowMs / 1000 },
              burst: rate.maxRequests,
            },
          ],
    failures: { max: 20, windowSeconds: 60 },
    bodyBytes: 4_194_304,
    bodyDepth: 64,
    bodyTimeoutMs: 10_000,
    timeoutMs: undefined,
    concurrency: undefined,
  };
}
