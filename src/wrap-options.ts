import type { ResolvedGateOptions } from './config/resolved-options.ts';
import { canonicalBaseUrl } from './config/values.ts';
import { ConfigurationError } from './core/errors.ts';
import type { TransportConfig, WrapMiddleware, WrapServerConfig } from './gate/wrap-config.ts';
import {
  findWrapProblems,
  isAuthorizer,
  isDevelopment,
  listOfOrigins,
  toResourceType,
} from './gate/wrap-problems.ts';

export type { TransportConfig, WrapMiddleware, WrapServerConfig } from './gate/wrap-config.ts';

/** A configuration with the defaults that are told to clients. */
export interface WrapIdentity {
  readonly name: string;
  readonly version: string;
  readonly resourceType: string;
  readonly basePath: string;
  readonly sessionMode: 'stateless' | 'stateful';
}

export function identityOf(config: WrapServerConfig): WrapIdentity {
  return {
    name: config.name ?? 'mcp-auth-wrapped-server',
    version: config.version ?? '1.0.0',
    resourceType: toResourceType(config.resourceType),
    basePath: config.transport.basePath ?? '/mcp',
    sessionMode: config.sessionMode ?? 'stateless',
  };
}

/** The same options in the gate's own form. @throws ConfigurationError listing every problem at once */
export function resolveWrapConfig(config: WrapServerConfig): ResolvedGateOptions {
  const problems = findWrapProblems(config ?? {});
  if (problems.length > 0) throw new ConfigurationError(problems);
  const { audit, authProvider, authorization = {}, middleware, tokenResolver, transport } = config;
  const { resourceType } = identityOf(config);
  const publicUrl = publicUrlOf(transport);
  return {
    version: 1,
    publicUrl,
    listen: resolveListen(transport),
    servers: [resolveServer(config, publicUrl)],
    auth: [{ type: 'custom', provider: authProvider }],
    tenancy: {
      credentials:
        tokenResolver === undefined
          ? new Map()
          : new Map([[resourceType, { type: 'custom', resolver: tokenResolver }]]),
      toUserId: config.toUserId ?? ((principal) => principal.subject),
    },
    authorization: isAuthorizer(authorization)
      ? { type: 'custom', authorizer: authorization }
      : { type: 'rules', rules: authorization },
    limits: resolveLimits(middleware),
    audit: [
      ...(middleware?.logging === true ? [{ type: 'console' } as const] : []),
      ...(audit === undefined ? [] : [{ type: 'custom', sink: audit } as const]),
    ],
  };
}

function publicUrlOf({ port = 3000, publicUrl }: TransportConfig): string {
  return canonicalBaseUrl(publicUrl ?? `http://localhost:${port}`);
}

function resolveListen(transport: TransportConfig): ResolvedGateOptions['listen'] {
  return {
    declared: transport.type !== 'stdio',
    // The seed's default; Host and Origin are checked on every bind.
    host: transport.host ?? '0.0.0.0',
    port: transport.port ?? 3000,
    path: transport.basePath ?? '/mcp',
    trustedProxies: transport.trustedProxies ?? [],
    allowedHosts: (transport.allowedHosts ?? []).map((name) => name.toLowerCase()),
    allowedOrigins:
      transport.cors === true ? listOfOrigins(transport).filter((origin) => origin !== '*') : [],
    webSocket: transport.type === 'websocket',
  };
}

/** Whether any origin may call: asked for, and not in production. */
export function allowsAnyOrigin(transport: TransportConfig): boolean {
  return transport.cors === true && listOfOrigins(transport).includes('*') && isDevelopment();
}

const IDLE_MS = 300_000;
const LIFETIME_MS = 3_600_000;
const MAX_SESSIONS = 1000;
const MAX_SESSIONS_PER_PRINCIPAL = 100;

function resolveServer(config: WrapServerConfig, publicUrl: string): ResolvedGateOptions['servers'][number] {
  const { instancePool: pool, session } = config;
  const { basePath, name, resourceType, sessionMode } = identityOf(config);
  const maxSessions = session?.maxSessions ?? MAX_SESSIONS;
  return {
    name,
    source: { type: 'factory', factory: config.serverFactory },
    path: basePath,
    resource: basePath === '/' ? new URL(publicUrl).href : publicUrl + basePath,
    resourceType,
    instances: {
      mode: config.instanceMode === 'pooled' ? 'pooled' : 'fresh',
      max: pool?.maxSize ?? 100,
      idleMs: pool?.idleTimeout ?? IDLE_MS,
      lifetimeMs: pool?.maxLifetime ?? LIFETIME_MS,
    },
    sessions: {
      mode: sessionMode,
      idleMs: session?.idleTimeout ?? IDLE_MS,
      lifetimeMs: session?.maxLifetime ?? LIFETIME_MS,
      max: maxSessions,
      maxPerPrincipal: Math.min(MAX_SESSIONS_PER_PRINCIPAL, maxSessions),
    },
    timeoutMs: config.middleware?.requestTimeoutMs,
    extras: { query: [], headers: (config.extraHeaders ?? []).map((header) => header.toLowerCase()) },
  };
}

function resolveLimits(middleware: WrapMiddleware | undefined): ResolvedGateOptions['limits'] {
  const rate = middleware?.rateLimit;
  return {
    calls: rate === undefined ? [] : [principalLimit(rate)],
    failures: { max: 20, windowSeconds: 60 },
    bodyBytes: 4_194_304,
    bodyDepth: 64,
    bodyTimeoutMs: 10_000,
    timeoutMs: undefined,
    concurrency: undefined,
  };
}

function principalLimit(rate: NonNullable<WrapMiddleware['rateLimit']>) {
  return {
    per: 'principal',
    rate: { limit: rate.maxRequests, windowSeconds: rate.windowMs / 1000 },
    burst: rate.maxRequests,
  } as const;
}
