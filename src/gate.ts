import type { GateOptions } from './config/options.ts';
import type { ResolvedGateOptions } from './config/resolved-options.ts';
import { ConfigurationError } from './core/errors.ts';
import { Secret } from './core/secret.ts';
import { type Assembly, assemble, type AssemblyExtras } from './gate/assemble.ts';
import type { BuiltServer } from './gate/build-server.ts';
import { connectServer, type GateConnection } from './gate/connection.ts';
import { type ConnectionInfo, fromWebRequest, type InboundRequest } from './http/inbound-request.ts';
import { type Listener, listen } from './http/listener.ts';
import type { PoolStats } from './mcp/instance-pool.ts';
import type { ToolDefinition } from './mcp/catalog.ts';
import type { TransportLike } from './mcp/server-product.ts';

/** A running gate in front of one or more MCP servers. */
export interface Gate {
  /** For hosts that speak the Fetch API. `info` tells what a `Request` cannot: the client's address. */
  fetch(request: Request, info?: ConnectionInfo): Promise<Response>;
  /** For adapters: a request whose body is still unread. */
  handle(request: InboundRequest): Promise<Response>;
  /** Starts the configured HTTP listener. @throws TransportError when the address is taken. */
  listen(): Promise<ListeningGate>;
  /** Serves one server over stdio or another transport of a single user. @throws AuthenticationError */
  connect(transport: TransportLike, options?: { readonly server?: string }): Promise<GateConnection>;
  /** Refuses new requests, ends streams, lets calls in flight finish, flushes the audit log. Safe to call twice. */
  close(): Promise<void>;
  /** What is known of the tools behind the gate. */
  readonly catalog: GateCatalog;
  /** From now on refuses a token and ends its streams; or ends sessions and pooled servers of a principal. */
  revoke(what: { readonly token: string } | { readonly principalKey: string }): void;
  /** Tells subscribers of a tenant (or those without one) that something changed. */
  notify(change: GateChange): void;
  readonly servers: readonly { readonly name: string; readonly resource: string; readonly path: string }[];
  /** Pooled instances by server; absent where instances are fresh. */
  poolStats(): Readonly<Record<string, PoolStats | undefined>>;
}

export interface ListeningGate {
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

export interface GateCatalog {
  /** The tools a principal was last shown, before filtering; undefined when not yet loaded. */
  tools(server: string, principalKey: string): readonly ToolDefinition[] | undefined;
  /** Forgets what was loaded, so that it is asked for again. */
  refresh(server?: string): void;
}

export interface GateChange {
  readonly server: string;
  readonly tenantId?: string | undefined;
  readonly change: 'tools' | 'prompts' | 'resources' | { readonly resource: string };
}

/**
 * Builds a gate from options in code; the serialisable part of them is the configuration file.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) listing every problem at once
 */
export async function createGate(options: GateOptions): Promise<Gate> {
  const { parseGateOptions } = await import('./config/schema.ts');
  return openGate(parseGateOptions(options, { allowInstances: true }));
}

/** A gate from options that are checked already. */
export async function openGate(options: ResolvedGateOptions, extras: AssemblyExtras = {}): Promise<Gate> {
  const assembly = await assemble(options, extras);
  await assembly.auth.provider.initialize?.();
  for (const resolver of assembly.tenancy.resolvers) await resolver.initialize?.();
  return toGate(options, assembly);
}

const CLOSE_GRACE_MS = 30_000;

function toGate(options: ResolvedGateOptions, assembly: Assembly): Gate {
  const { servers, site, liveStreams } = assembly;
  let listener: Listener | undefined;
  let closed: Promise<void> | undefined;

  return {
    handle: site,
    fetch: (request, info) => site(fromWebRequest(request, info)),
    async listen() {
      if (listener !== undefined) throw new ConfigurationError('The gate is listening already');
      const { host, port, path } = options.listen;
      listener = await listen(site, { host, port });
      const name = host.includes(':') ? `[${host}]` : host;
      return { url: `http://${name}:${listener.port}${path}`, host, port: listener.port };
    },
    connect: (transport, { server } = {}) => connectServer(findServer(servers, server), transport),
    close: () => (closed ??= closeAll(assembly, listener)),
    catalog: {
      tools: (server, principalKey) => findServer(servers, server).catalogs.peek(principalKey)?.tools,
      refresh: (server) => {
        for (const each of server === undefined ? servers : [findServer(servers, server)]) each.catalogs.invalidate();
      },
    },
    revoke(what) {
      if ('token' in what) {
        const fingerprint = new Secret(what.token).fingerprint();
        assembly.auth.provider.revoke?.(fingerprint);
        liveStreams.revoke(fingerprint);
        return;
      }
      for (const server of servers) {
        server.sessions?.endAllOf(what.principalKey);
        server.instances.evict(what.principalKey);
      }
    },
    notify: ({ server, tenantId, change }) =>
      findServer(servers, server).hub.publish({ scope: { tenantId }, notification: toNotification(change) }),
    servers: servers.map(({ name, resource, site: { path } }) => ({ name, resource, path })),
    poolStats: () => Object.fromEntries(servers.map(({ name, instances }) => [name, instances.stats()])),
  };
}

function findServer(servers: readonly BuiltServer[], name: string | undefined): BuiltServer {
  const found = name === undefined ? servers[0] : servers.find((server) => server.name === name);
  if (found !== undefined && (name !== undefined || servers.length === 1)) return found;
  const names = servers.map((server) => server.name).join(', ');
  throw new ConfigurationError(name === undefined ? `Name one of the servers: ${names}` : `No server ${name}: ${names}`);
}

function toNotification(change: GateChange['change']) {
  return typeof change === 'string'
    ? { jsonrpc: '2.0' as const, method: `notifications/${change}/list_changed` }
    : { jsonrpc: '2.0' as const, method: 'notifications/resources/updated', params: { uri: change.resource } };
}

async function closeAll(assembly: Assembly, listener: Listener | undefined): Promise<void> {
  assembly.refuseNew();
  assembly.liveStreams.closeAll();
  const closing = listener?.close(CLOSE_GRACE_MS);
  await whenIdle(assembly.servers, CLOSE_GRACE_MS);
  for (const server of assembly.servers) await server.runtime.close();
  await closing;
  assembly.progress.close();
  for (const resolver of assembly.tenancy.resolvers) await resolver.cleanup?.();
  await assembly.auth.provider.cleanup?.();
  await assembly.audit.close();
}

const IDLE_POLL_MS = 20;

/** Waits until every admitted call has its outcome, or the grace is over. */
async function whenIdle(servers: readonly BuiltServer[], graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  while (servers.some(({ guard }) => guard.running > 0) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, IDLE_POLL_MS));
  }
}
