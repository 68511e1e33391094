import type { AuditSink } from '../audit/audit-sink.ts';
import { createOtelTracer, NO_TRACER } from '../audit/otel-tracer.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import { createRuleAuthorizer } from '../authz/rule-authorizer.ts';
import { environment } from '../config/environment.ts';
import type {
  ResolvedAuthorization,
  ResolvedGateOptions,
  ResolvedServer,
} from '../config/resolved-options.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { TransportKind } from '../core/request-context.ts';
import { createCors } from '../http/cors.ts';
import { createLiveStreams, type LiveStreams } from '../http/live-streams.ts';
import { resourceMetadataPath, serializeResourceMetadata } from '../http/metadata.ts';
import { createOriginRules } from '../http/origin.ts';
import { createTrustedProxies } from '../http/proxies.ts';
import { createPathCheck, createSite, type Site } from '../http/site.ts';
import { createTickets } from '../http/tickets.ts';
import { createUpgradeSite } from '../http/websocket-upgrade.ts';
import { createCallLimits } from '../limits/calls.ts';
import { createFailureLimit } from '../limits/failures.ts';
import { createProgressMonitor, type ProgressMonitor } from '../mcp/progress.ts';
import { loadServerSdk } from '../mcp/sdk.ts';
import { buildAudit } from './build-audit.ts';
import { type BuiltAuth, buildAuth } from './build-auth.ts';
import { type BuiltServer, buildServer, type SharedParts } from './build-server.ts';
import { type BuiltTenancy, buildTenancy } from './build-tenancy.ts';
import { createErrorReporter } from './error-reporter.ts';
import { loadSource } from './load-source.ts';
import { createRevocations, type Revocations } from './revocations.ts';
import { createWebSocketEntry, type WebSocketEntry, type WebSocketOptions } from './websocket.ts';

/** What a spelling other than `createGate` adds to the options. */
export interface AssemblyExtras {
  readonly transport?: TransportKind;
  readonly extraQuery?: 'all';
  readonly corsHeaders?: readonly string[];
  readonly anyOrigin?: boolean;
  /** Whether calls become spans. Default true: without an OpenTelemetry SDK they cost next to nothing. */
  readonly tracing?: boolean;
  readonly infoFor?: (server: ResolvedServer) => Readonly<Record<string, unknown>>;
  readonly authorizer?: Authorizer;
  /** Why this gate may not be served over HTTP; it may when there is nothing here. */
  readonly httpProblems?: readonly string[];
  readonly now?: Clock;
  readonly onError?: (error: unknown) => void;
}

/** The parts of a running gate, wired. */
export interface Assembly {
  readonly servers: readonly BuiltServer[];
  readonly site: Site;
  /** Whether the site serves something at a path. */
  readonly owns: (path: string) => boolean;
  /** From now on gives tickets too. */
  takeWebSockets(options?: WebSocketOptions): WebSocketEntry;
  readonly auth: BuiltAuth;
  readonly tenancy: BuiltTenancy;
  readonly audit: AuditSink;
  readonly progress: ProgressMonitor;
  readonly liveStreams: LiveStreams;
  readonly revocations: Revocations;
  /** From now on the site answers 503. */
  refuseNew(): void;
  readonly onError: (error: unknown) => void;
}

export async function assemble(options: ResolvedGateOptions, extras: AssemblyExtras = {}): Promise<Assembly> {
  const env = environment();
  const now = extras.now ?? systemClock;
  const onError = extras.onError ?? options.onError ?? createErrorReporter();
  const sdk = await loadServerSdk();
  // Loading comes first: a module that cannot be loaded must leave no timer and no open file behind.
  const sources = await Promise.all(
    options.servers.map(async (server) => ({
      server,
      source: await loadSource(server, { env, now, onError }),
    })),
  );
  const auth = buildAuth(options.auth, env);
  const tenancy = buildTenancy(options.tenancy, { env, tokenSource: auth.tokenSource });
  const liveStreams = createLiveStreams(now);
  const revocations = createRevocations();
  const shared: SharedParts = {
    sdk,
    provider: auth.provider,
    isRevoked: revocations.isRevoked,
    failures: createFailureLimit({ ...options.limits.failures, now }),
    tenants: tenancy.tenants,
    limits: createCallLimits(options.limits.calls, { now }),
    concurrency: options.limits.concurrency,
    authorizer: extras.authorizer ?? buildAuthorizer(options.authorization),
    audit: buildAudit(options.audit),
    progress: createProgressMonitor(now),
    liveStreams,
    body: {
      maxBytes: options.limits.bodyBytes,
      maxDepth: options.limits.bodyDepth,
      timeoutMs: options.limits.bodyTimeoutMs,
    },
    userIdOf: options.tenancy.toUserId,
    now,
    onError,
  };
  const servers: BuiltServer[] = [];
  for (const { server, source } of sources) {
    servers.push(
      buildServer(shared, {
        server,
        source,
        transport: extras.transport ?? 'http',
        credentials: tenancy.credentialsFor(server.resourceType),
        extraQuery: extras.extraQuery ?? server.extras.query,
        info: (extras.infoFor ?? defaultInfo)(server),
        timeoutMs: server.timeoutMs ?? options.limits.timeoutMs,
        tracer: extras.tracing === false ? NO_TRACER : createOtelTracer(server.name),
      }),
    );
  }
  auth.provider.onRevoked?.((fingerprint) => liveStreams.revoke(fingerprint));
  let closing = false;
  return {
    servers,
    auth,
    tenancy,
    audit: shared.audit,
    progress: shared.progress,
    liveStreams,
    revocations,
    ...buildSite({ options, extras, shared, servers, tenancy, isClosing: () => closing }),
    refuseNew: () => {
      closing = true;
    },
    onError,
  };
}

function buildAuthorizer(authorization: ResolvedAuthorization): Authorizer {
  return authorization.type === 'custom'
    ? authorization.authorizer
    : createRuleAuthorizer(authorization.rules);
}

function defaultInfo({ name, resourceType, path, sessions }: ResolvedServer): Record<string, unknown> {
  const base = path === '/' ? '' : path;
  return {
    name,
    resourceType,
    sessionMode: sessions.mode,
    endpoints: { message: path, health: `${base}/health` },
  };
}

interface SiteParts {
  readonly options: ResolvedGateOptions;
  readonly extras: AssemblyExtras;
  readonly shared: SharedParts;
  readonly servers: readonly BuiltServer[];
  readonly tenancy: BuiltTenancy;
  readonly isClosing: () => boolean;
}

function buildSite({
  options,
  extras,
  shared,
  servers,
  tenancy,
  isClosing,
}: SiteParts): Pick<Assembly, 'site' | 'owns' | 'takeWebSockets'> {
  const { allowedHosts, allowedOrigins, trustedProxies } = options.listen;
  const origins = createOriginRules({
    publicUrl: options.publicUrl,
    allowedHosts,
    allowedOrigins,
    anyOrigin: extras.anyOrigin === true,
  });
  const routes = {
    servers: servers.map(({ site }) => site),
    metadata: metadataDocuments(shared, servers),
    tenantPrefix: tenancy.tenantPrefix,
  };
  const proxies = createTrustedProxies(trustedProxies);
  const door = { ...routes, origins, proxies, isClosing, onError: shared.onError, now: shared.now };
  const tickets = createTickets(shared.now);
  const upgrades = createUpgradeSite({ ...door, tickets });
  let takesWebSockets = false;
  return {
    site: createSite({
      ...door,
      cors: createCors(origins, extras.corsHeaders),
      tickets: () => (takesWebSockets ? tickets : undefined),
    }),
    owns: createPathCheck(routes),
    takeWebSockets(sockets) {
      takesWebSockets = true;
      return createWebSocketEntry({ ...shared, servers, upgrades }, sockets);
    },
  };
}

function metadataDocuments(
  shared: SharedParts,
  servers: readonly BuiltServer[],
): ReadonlyMap<string, string> {
  const authorizationServers = shared.provider.authorizationServers ?? [];
  const documents = new Map<string, string>();
  if (authorizationServers.length === 0) return documents;
  for (const { name, resource } of servers) {
    const scopesSupported = shared.authorizer.scopesSupported?.(name) ?? [];
    const document = serializeResourceMetadata({ resource, authorizationServers, scopesSupported, name });
    documents.set(resourceMetadataPath(resource), document);
    if (servers.length === 1) documents.set('/.well-known/oauth-protected-resource', document);
  }
  return documents;
}
