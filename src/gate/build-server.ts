import type { AuditSink } from '../audit/audit-sink.ts';
import type { CallTracer } from '../audit/call-tracer.ts';
import type { AuthProvider } from '../authn/auth-provider.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { ResolvedServer } from '../config/resolved-options.ts';
import type { Caller } from '../core/admission.ts';
import type { Clock } from '../core/clock.ts';
import { MCPAuthError, TokenResolutionError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { RequestContext, TransportKind } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { type CredentialOptions, findUpstreamToken } from '../guard/resolve-credential.ts';
import { createGuard, type Guard } from '../guard.ts';
import type { BodyLimits } from '../http/body.ts';
import { type ChallengeFacts, toRefusalResponse } from '../http/challenge.ts';
import type { LiveStreams } from '../http/live-streams.ts';
import { resourceMetadataUrl } from '../http/metadata.ts';
import type { ServerSite } from '../http/site.ts';
import type { CallLimits, FailureLimit } from '../limits/call-limits.ts';
import { type Catalogs, createCatalogs } from '../mcp/catalog.ts';
import { createDirectory, isCatalogOf } from '../mcp/directory.ts';
import { createMcpEndpoint } from '../mcp/endpoint.ts';
import { createEventHub, type EventHub } from '../mcp/event-hub.ts';
import { createInstances, type InstanceOptions, type Instances } from '../mcp/instances.ts';
import type { ProgressMonitor } from '../mcp/progress.ts';
import { createProtocolSessions, type ProtocolSessions } from '../mcp/protocol-sessions.ts';
import { type ExtrasRules, readExtras } from '../mcp/request-extras.ts';
import type { ServerSdk } from '../mcp/sdk.ts';
import { createServerRuntime, type ServerRuntime } from '../mcp/server-runtime.ts';
import { followNames, type RuntimeOptions } from '../mcp/serving.ts';
import { createUpstreamInstances } from '../mcp/upstream/upstream-instances.ts';
import type { TenantResolver } from '../tenancy/tenant-resolver.ts';
import type { LoadedSource } from './load-source.ts';

/** What all servers of a gate have in common. */
export interface SharedParts {
  readonly sdk: ServerSdk;
  readonly provider: AuthProvider;
  readonly failures: FailureLimit;
  readonly isRevoked: (context: RequestContext) => boolean;
  readonly tenants: TenantResolver | undefined;
  readonly limits: CallLimits;
  readonly concurrency: number | undefined;
  readonly authorizer: Authorizer;
  readonly audit: AuditSink;
  readonly progress: ProgressMonitor;
  readonly liveStreams: LiveStreams;
  readonly body: BodyLimits;
  readonly userIdOf: (principal: Principal) => string;
  readonly now: Clock;
  readonly onError: (error: unknown) => void;
}

export interface ServerPlan {
  readonly server: ResolvedServer;
  readonly source: LoadedSource;
  readonly transport: TransportKind;
  readonly credentials: CredentialOptions | undefined;
  readonly extraQuery: readonly string[] | 'all';
  readonly info: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number | undefined;
  readonly tracer: CallTracer;
}

/** One server, ready to be served over any transport. */
export interface BuiltServer {
  readonly name: string;
  readonly resource: string;
  readonly guard: Guard;
  readonly runtime: ServerRuntime;
  readonly site: ServerSite;
  readonly hub: EventHub;
  /** What of a request its factory sees. */
  readonly extras: ExtrasRules;
  readonly instances: Instances;
  readonly sessions: ProtocolSessions | undefined;
  readonly catalogs: { readonly tools: Catalogs; readonly prompts: Catalogs };
}

const MAX_STREAMS_PER_PRINCIPAL = 32;

export function buildServer(shared: SharedParts, plan: ServerPlan): BuiltServer {
  const { server } = plan;
  const extras = { query: plan.extraQuery, headers: server.extras.headers };
  const catalogs = {
    tools: createCatalogs({ now: shared.now }),
    prompts: createCatalogs({ now: shared.now }),
  };
  const onNamesChanged: RuntimeOptions['onNamesChanged'] = (list, principalKey) =>
    catalogs[list].invalidate((key) => isCatalogOf(principalKey, key));
  const hub = createEventHub(shared.onError);
  const instances = buildInstances(shared, plan, (principalKey, notification) => {
    followNames({ onNamesChanged }, notification.method, principalKey);
    hub.publish({ scope: { principalKey }, notification });
  });
  const sessions = buildSessions(shared, plan);
  const directory = createDirectory({
    ...catalogs,
    instances: () => instances,
    userIdOf: shared.userIdOf,
    extrasOf: (context) => readExtras(context, extras),
    upstreamTokenOf: (caller) => upstreamTokenOf(plan.credentials, caller),
  });
  const guard = createGuard({
    ...shared,
    server: server.name,
    credentials: plan.credentials,
    tracer: plan.tracer,
    directory,
  });
  const challenge = challengeFacts(shared, server);
  const toResponse = (refusal: Parameters<typeof toRefusalResponse>[0]) =>
    toRefusalResponse(refusal, challenge);
  const runtime = createServerRuntime({
    ...shared,
    server: server.name,
    guard,
    instances,
    sessions,
    hub,
    timeoutMs: plan.timeoutMs,
    maxSubscriptionsPerPrincipal: MAX_STREAMS_PER_PRINCIPAL,
    toRefusalResponse: toResponse,
    findTool: directory.findTool,
    onNamesChanged,
  });
  const serve = createMcpEndpoint({
    server: server.name,
    resource: server.resource,
    guard,
    runtime,
    body: shared.body,
    resourceMetadataUrl: challenge.resourceMetadataUrl,
    extras,
    toRefusalResponse: toResponse,
  });
  const site: ServerSite = {
    name: server.name,
    path: server.path,
    resource: server.resource,
    transport: plan.transport,
    guard,
    serve,
    challenge,
    info: plan.info,
    progress: progressViews(shared),
  };
  return {
    name: server.name,
    resource: server.resource,
    guard,
    runtime,
    site,
    hub,
    extras,
    instances,
    sessions,
    catalogs,
  };
}

function buildInstances(
  shared: SharedParts,
  { server, source }: ServerPlan,
  onUnheardChange: InstanceOptions['onUnheardChange'],
): Instances {
  if (source.type === 'upstream') {
    const { mode, max, maxPerPrincipal = max, idleMs, lifetimeMs } = server.instances;
    const limits = { max, maxPerPrincipal, idleMs, lifetimeMs, keeps: mode === 'pooled' };
    return createUpstreamInstances({ ...shared, connect: source.connect, limits, onUnheardChange });
  }
  return createInstances({
    sdk: shared.sdk,
    factory: source.factory,
    resourceType: server.resourceType,
    pool: server.instances.mode === 'pooled' ? server.instances : undefined,
    liveStreams: shared.liveStreams,
    onUnheardChange,
    now: shared.now,
    onError: shared.onError,
  });
}

function buildSessions(
  shared: SharedParts,
  { server: { sessions, instances }, source }: ServerPlan,
): ProtocolSessions | undefined {
  if (sessions.mode !== 'stateful') return undefined;
  if (source.type !== 'upstream') return createProtocolSessions(sessions, shared);
  const { max, maxPerPrincipal = max } = instances;
  // The oldest give way before the places that sessions may hold are taken: one is for the next to open.
  const room = { max: atLeastOne(max - 2), maxPerPrincipal: atLeastOne(maxPerPrincipal - 2) };
  return createProtocolSessions(
    {
      ...sessions,
      max: Math.min(sessions.max, room.max),
      maxPerPrincipal: Math.min(sessions.maxPerPrincipal, room.maxPerPrincipal),
    },
    shared,
  );
}

function atLeastOne(count: number): number {
  return Math.max(1, count);
}

// Without an authorization server there is nothing to discover (RFC 9728 §2), so nothing points there.
function challengeFacts(
  { provider, authorizer }: SharedParts,
  { name, resource }: ResolvedServer,
): ChallengeFacts {
  const hasServers = (provider.authorizationServers?.length ?? 0) > 0;
  return {
    resourceMetadataUrl: hasServers ? resourceMetadataUrl(resource) : undefined,
    scopes: firstScopes(authorizer, name).filter((scope) => scope !== 'offline_access'),
  };
}

// MCP, scope selection strategy: a client that is told no scope asks for all that are supported.
function firstScopes(authorizer: Authorizer, server: string): readonly string[] {
  const { endpointScopes = [] } = authorizer;
  return endpointScopes.length > 0 ? endpointScopes : (authorizer.scopesSupported?.(server) ?? []);
}

/**
 * What the names that a server offers are asked for with. Without an account they are asked for without a token, as
 * lists are; what is refused for it later is refused in its own words.
 *
 * @throws MCPAuthError (CREDENTIALS_UNAVAILABLE) when the token cannot be had
 */
async function upstreamTokenOf(credentials: CredentialOptions | undefined, caller: Caller): Promise<Secret> {
  if (credentials === undefined) return new Secret('');
  try {
    return new Secret((await findUpstreamToken(credentials, caller)) ?? '');
  } catch (error) {
    if (error instanceof MCPAuthError && error.code === 'CREDENTIALS_UNAVAILABLE') throw error;
    if (error instanceof MCPAuthError && error.code === 'TOKEN_RESOLUTION_FAILED') return new Secret('');
    throw new TokenResolutionError('Upstream credentials are not available', { outage: true, cause: error });
  }
}

/** The scope that shows everybody's progress streams. */
const PROGRESS_ADMIN_SCOPE = 'gatehouse:progress:read';

function progressViews({ progress, userIdOf }: SharedParts): ServerSite['progress'] {
  return {
    stats: (principal) => progress.stats(principal, userIdOf(principal)),
    metrics: (principal) => progress.metrics(principal, principal.scopes.includes(PROGRESS_ADMIN_SCOPE)),
  };
}
