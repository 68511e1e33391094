import { CREDENTIAL } from '../core/placeholder.ts';
import type { Principal } from '../core/principal.ts';
import { Secret } from '../core/secret.ts';
import { isAuthorizer } from './authorization-schema.ts';
import {
  type FilledOptions,
  isAuditCallback,
  isAuditSink,
  isAuthProvider,
  LISTEN_DEFAULTS,
} from './gate-schema.ts';
import type * as resolved from './resolved-options.ts';
import type { TenancyConfig, TenantSource } from './tenancy-options.ts';
import { isTenantResolver, isTokenResolver } from './tenancy-schema.ts';
import { canonicalBaseUrl, findRate } from './values.ts';

/** Fills what depends on several parts, and wraps secrets. The options have passed every rule. */
export function resolveOptions(options: FilledOptions): resolved.ResolvedGateOptions {
  const listen = resolveListen(options.listen);
  const publicUrl = publicUrlOf(options);
  return {
    version: 1,
    publicUrl,
    listen,
    servers: resolveServers(options, listen.path, publicUrl),
    auth: options.auth.map(resolveAuth),
    tenancy: resolveTenancy(options.tenancy),
    authorization: resolveAuthorization(options.authorization),
    limits: resolveLimits(options.limits),
    audit: options.audit.map(resolveAudit),
    ...('onError' in options && { onError: options.onError }),
  };
}

/** The configured URL in canonical form, else the loopback address listened on. */
export function publicUrlOf({
  publicUrl,
  listen = LISTEN_DEFAULTS,
}: Pick<FilledOptions, 'publicUrl' | 'listen'>): string {
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const scheme = listen.tls === undefined ? 'http' : 'https';
  return canonicalBaseUrl(publicUrl ?? `${scheme}://${host}:${listen.port}`);
}

function resolveListen(listen: FilledOptions['listen']): resolved.ResolvedListen {
  const { tls, ...filled } = listen ?? LISTEN_DEFAULTS;
  return {
    ...filled,
    declared: listen !== undefined,
    allowedHosts: filled.allowedHosts.map(lowerCase),
    ...(tls !== undefined && { tls: { cert: tls.cert, key: new Secret(tls.key) } }),
  };
}

function resolveServers(
  { servers, tenancy }: Pick<FilledOptions, 'servers' | 'tenancy'>,
  basePath: string,
  publicUrl: string,
): readonly resolved.ResolvedServer[] {
  const entries = Object.entries(servers);
  return entries.map(([name, server]) => {
    const path = entries.length === 1 ? basePath : `${basePath === '/' ? '' : basePath}/${name}`;
    return {
      name,
      source: sourceOf(server, Object.hasOwn(tenancy?.credentials ?? {}, server.resourceType ?? name)),
      path,
      resource: path === '/' ? new URL(publicUrl).href : publicUrl + path,
      resourceType: server.resourceType ?? name,
      instances: resolveInstances(server),
      sessions: server.sessions,
      timeoutMs: server.timeoutMs,
      extras: { query: server.extras.query, headers: server.extras.headers.map(lowerCase) },
    };
  });
}

type FilledServer = FilledOptions['servers'][string];

const START_TIMEOUT_MS = 60_000;
const MAX_PER_PRINCIPAL = 10;

function sourceOf(server: FilledServer, hasCredentials: boolean): resolved.ResolvedSource {
  const { startTimeoutMs = START_TIMEOUT_MS } = server;
  if (server.factory !== undefined) return { type: 'factory', factory: server.factory };
  if (server.command !== undefined) {
    const [command = '', ...args] = server.command;
    return { type: 'command', command, args, env: { ...server.env }, cwd: server.cwd, startTimeoutMs };
  }
  if (server.url !== undefined) {
    const bearer = hasCredentials ? { authorization: `Bearer ${CREDENTIAL}` } : {};
    return { type: 'url', url: server.url, headers: { ...(server.headers ?? bearer) }, startTimeoutMs };
  }
  return { type: 'module', module: server.module ?? '' };
}

/** Processes and connections are dear, so they are kept unless the options say otherwise. */
export function resolveInstances({
  command,
  url,
  instances,
}: FilledServer): resolved.ResolvedServer['instances'] {
  const isUpstream = command !== undefined || url !== undefined;
  const { max, idleMs, lifetimeMs, mode = isUpstream ? 'pooled' : 'fresh' } = instances;
  const maxPerPrincipal = instances.maxPerPrincipal ?? Math.min(MAX_PER_PRINCIPAL, max);
  return { mode, max, idleMs, lifetimeMs, ...(isUpstream && { maxPerPrincipal }) };
}

function resolveAuth(entry: FilledOptions['auth'][number]): resolved.ResolvedAuth {
  if (isAuthProvider(entry)) return { type: 'custom', provider: entry };
  if (entry.type === 'environment') return entry;
  const { secret, audience, ...rest } = entry;
  return {
    ...rest,
    ...(secret !== undefined && { secret: new Secret(secret) }),
    ...(audience !== undefined && { audience: typeof audience === 'string' ? [audience] : audience }),
  };
}

function resolveTenancy(tenancy: FilledOptions['tenancy']): resolved.ResolvedTenancy {
  if (tenancy === undefined) return { credentials: new Map(), toUserId: subjectOf };
  const { from, credentials, toUserId, ...rest } = tenancy;
  const entries = Object.entries(credentials).map(
    ([type, entry]) => [type, resolveCredentials(entry)] as const,
  );
  return {
    ...(from !== undefined && {
      tenants: isTenantResolver(from)
        ? { from: 'custom' as const, resolver: from }
        : {
            from,
            ...rest,
            required: rest.required ?? true,
            dangerouslyTrustClient: rest.dangerouslyTrustClient ?? false,
            ...tenantDefaults(from, rest),
          },
    }),
    credentials: new Map(entries),
    toUserId: typeof toUserId === 'function' ? toUserId : toUserId === 'key' ? keyOf : subjectOf,
  };
}

/** Tenants a client names count only with a claim that says so, hence the default of `membershipClaim`. */
function tenantDefaults(
  from: TenantSource,
  { claim = 'tenant', header = 'x-tenant-id', membershipClaim = 'tenants' }: TenancyConfig,
): Pick<TenancyConfig, 'claim' | 'header' | 'membershipClaim'> {
  if (from === 'claim') return { claim };
  return from === 'header' ? { header: lowerCase(header), membershipClaim } : { membershipClaim };
}

function resolveCredentials(
  entry: NonNullable<FilledOptions['tenancy']>['credentials'][string],
): resolved.ResolvedCredentials {
  if (isTokenResolver(entry)) return { type: 'custom', resolver: entry };
  if (entry.type !== 'api') return entry;
  return {
    ...entry,
    tenantManagerUrl: canonicalBaseUrl(entry.tenantManagerUrl),
    serviceToken: new Secret(entry.serviceToken),
    customHeaders: ownKeysOnly(entry.customHeaders),
  };
}

function resolveAuthorization(authorization: FilledOptions['authorization']): resolved.ResolvedAuthorization {
  if (authorization === undefined) return { type: 'rules', rules: {} };
  if (isAuthorizer(authorization)) return { type: 'custom', authorizer: authorization };
  const { endpoint, hierarchy, roles, tools, resources, prompts } = authorization;
  return {
    type: 'rules',
    rules: {
      ...(endpoint !== undefined && { endpoint }),
      hierarchy: ownKeysOnly(hierarchy),
      roles: ownKeysOnly(roles),
      tools: ownKeysOnly(tools),
      resources: ownKeysOnly(resources),
      prompts: ownKeysOnly(prompts),
    },
  };
}

function resolveLimits(limits: FilledOptions['limits']): resolved.ResolvedLimits {
  return {
    ...limits,
    timeoutMs: limits.timeoutMs,
    concurrency: limits.concurrency,
    calls: limits.calls.map((call) => {
      const rate = findRate(call.rate) ?? { limit: 0, windowSeconds: 1 };
      return { ...call, rate, burst: call.burst ?? rate.limit };
    }),
  };
}

function resolveAudit(entry: FilledOptions['audit'][number]): resolved.ResolvedAudit {
  if (isAuditSink(entry)) return { type: 'custom', sink: entry };
  if (isAuditCallback(entry)) return { type: 'callback', write: entry };
  return entry;
}

/** Scope and role names come from tokens: looking one up must not find what every object inherits. */
function ownKeysOnly<Value>(record: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return Object.assign(Object.create(null) as Record<string, Value>, record);
}

function subjectOf(principal: Principal): string {
  return principal.subject;
}

function keyOf(principal: Principal): string {
  return principal.key;
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}
