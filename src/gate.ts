import type { GateOptions } from './config/options.ts';
import type { ResolvedGateOptions } from './config/resolved-options.ts';
import { ConfigurationError } from './core/errors.ts';
import { type Assembly, type AssemblyExtras, assemble } from './gate/assemble.ts';
import type { BuiltServer } from './gate/build-server.ts';
import { closeGate, countTraffic } from './gate/close-gate.ts';
import { connectServer, type GateConnection } from './gate/connection.ts';
import type { WebSocketEntry, WebSocketOptions } from './gate/websocket.ts';
import { type Answer, toWebResponse } from './http/answer.ts';
import { type ConnectionInfo, fromWebRequest, type InboundRequest } from './http/inbound-request.ts';
import { type Listener, listen } from './http/listener.ts';
import type { Site } from './http/site.ts';
import type { ToolDefinition } from './mcp/catalog.ts';
import { isCatalogOf } from './mcp/directory.ts';
import type { PoolStats } from './mcp/instance-pool.ts';
import type { TransportLike } from './mcp/server-product.ts';

/** A running gate in front of one or more MCP servers. */
export interface Gate {
  /**
   * For hosts that speak the Fetch API. `info` tells what a `Request` cannot: the client's address. Where it is
   * missing, nobody can be told apart by address, so `limits.failures` does not apply; `onError` hears of it once.
   *
   * @throws ConfigurationError for a gate that may be served over stdio only, as `handle` and `listen` do
   */
  fetch(request: Request, info?: ConnectionInfo): Promise<Response>;
  /** For adapters: a request whose body is still unread. */
  readonly handle: (request: InboundRequest) => Promise<Answer>;
  /** Whether the gate serves something at a path, given without query: a server, its views, its metadata. */
  owns(path: string): boolean;
  /** Starts the configured HTTP listener, once. @throws TransportError when the address is taken. */
  listen(): Promise<ListeningGate>;
  /**
   * For adapters: where WebSocket upgrades are taken, at `{path}/ws` of each server. Each call gives a place of its own,
   * with bounds of its own; `close` of the gate closes all of them.
   *
   * @throws ConfigurationError for a gate that may be served over stdio only
   */
  webSocket(options?: WebSocketOptions): WebSocketEntry;
  /** Serves one server over stdio or another transport of a single user. @throws AuthenticationError */
  connect(transport: TransportLike, options?: { readonly server?: string }): Promise<GateConnection>;
  /** Refuses new requests, ends streams, lets calls in flight finish, flushes the audit log. Safe to call twice. */
  close(): Promise<void>;
  /** What is known of the tools behind the gate. */
  readonly catalog: GateCatalog;
  /**
   * From now on refuses a token and ends its streams, for as long as this process lives; or ends sessions, streams and
   * pooled servers of a principal. @throws ValidationError for what cannot be a token
   */
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
  const { findHttpProblems, parseGateOptions } = await import('./config/schema.ts');
  const resolved = parseGateOptions(options, { allowInstances: true });
  return openGate(resolved, { httpProblems: findHttpProblems(resolved) });
}

/** A gate from options that are checked already. */
export async function openGate(options: ResolvedGateOptions, extras: AssemblyExtras = {}): Promise<Gate> {
  const assembly = await assemble(options, extras);
  const gate = toGate(options, assembly, extras.httpProblems ?? []);
  try {
    await assembly.auth.provider.initialize?.();
    for (const resolver of assembly.tenancy.resolvers) await resolver.initialize?.();
  } catch (error) {
    // What started the failure is what its caller wants to know, not what followed from it.
    await gate.close().catch(() => undefined);
    throw error;
  }
  return gate;
}

function toGate(options: ResolvedGateOptions, assembly: Assembly, httpProblems: readonly string[]): Gate {
  const { servers } = assembly;
  const traffic = countTraffic(assembly.site);
  const connections = new Set<GateConnection>();
  const webSockets = new Set<WebSocketEntry>();
  let listening: Promise<Listener> | undefined;
  let closed: Promise<void> | undefined;
  // Asked as late as this: a gate for stdio may sign in whoever reaches it.
  const siteForHttp = (): Site => {
    if (httpProblems.length > 0) throw new ConfigurationError(httpProblems);
    return traffic.site;
  };
  const openWebSocket = (sockets?: WebSocketOptions): WebSocketEntry => {
    siteForHttp();
    const entry = assembly.takeWebSockets(sockets);
    webSockets.add(entry);
    return entry;
  };
  const tellOfNoAddress = onceOnly(() => assembly.onError(new ConfigurationError(NO_ADDRESS)));

  return {
    get handle() {
      return siteForHttp();
    },
    owns: assembly.owns,
    webSocket: openWebSocket,
    async fetch(request, info) {
      const site = siteForHttp();
      if (info?.remoteAddress === undefined) tellOfNoAddress();
      return toWebResponse(await site(fromWebRequest(request, info)));
    },
    async listen() {
      if (closed !== undefined) throw new ConfigurationError('The gate is closed');
      if (listening !== undefined) throw new ConfigurationError('The gate is listening already');
      const { host, port, path, tls, webSocket } = options.listen;
      listening = listen(siteForHttp(), {
        host,
        port,
        tls,
        ...(webSocket && { upgrade: openWebSocket().upgrade }),
      });
      const listener = await listening.catch((error: unknown) => {
        listening = undefined;
        throw error;
      });
      const name = host.includes(':') ? `[${host}]` : host;
      const scheme = tls === undefined ? 'http' : 'https';
      return { url: `${scheme}://${name}:${listener.port}${path}`, host, port: listener.port };
    },
    async connect(transport, { server } = {}) {
      const connection = await connectServer(findServer(servers, server), transport);
      connections.add(connection);
      void connection.closed.then(() => connections.delete(connection));
      return connection;
    },
    close: () => (closed ??= closeGate(assembly, { traffic, listening, connections, webSockets })),
    catalog: catalogOf(servers),
    revoke: (what) => revoke(assembly, what),
    notify: ({ server, tenantId, change }) =>
      findServer(servers, server).hub.publish({ scope: { tenantId }, notification: toNotification(change) }),
    servers: servers.map(({ name, resource, site: { path } }) => ({ name, resource, path })),
    poolStats: () => Object.fromEntries(servers.map(({ name, instances }) => [name, instances.stats()])),
  };
}

const NO_ADDRESS =
  'A request came without the address of its client, by which failed authentications are limited: they are not ' +
  'limited for such requests. Give `fetch` its second argument, { remoteAddress }';

function catalogOf(servers: readonly BuiltServer[]): GateCatalog {
  return {
    tools: (server, principalKey) =>
      findServer(servers, server).catalogs.tools.findLast((key) => isCatalogOf(principalKey, key))?.tools,
    refresh: (server) => {
      for (const { catalogs } of server === undefined ? servers : [findServer(servers, server)]) {
        catalogs.tools.invalidate();
        catalogs.prompts.invalidate();
      }
    },
  };
}

function revoke({ servers, ...parts }: Assembly, what: Parameters<Gate['revoke']>[0]): void {
  if ('token' in what) {
    parts.liveStreams.revoke(parts.revocations.add(what.token));
    parts.auth.provider.revokeToken?.(what.token);
    return;
  }
  parts.liveStreams.endAllOf(what.principalKey);
  for (const server of servers) {
    server.sessions?.endAllOf(what.principalKey);
    server.instances.evict(what.principalKey);
  }
}

function onceOnly(tell: () => void): () => void {
  let isTold = false;
  return () => {
    if (isTold) return;
    isTold = true;
    tell();
  };
}

function findServer(servers: readonly BuiltServer[], name: string | undefined): BuiltServer {
  const found = name === undefined ? servers[0] : servers.find((server) => server.name === name);
  if (found !== undefined && (name !== undefined || servers.length === 1)) return found;
  const names = servers.map((server) => server.name).join(', ');
  throw new ConfigurationError(
    name === undefined ? `Name one of the servers: ${names}` : `No server ${name}: ${names}`,
  );
}

function toNotification(change: GateChange['change']) {
  return typeof change === 'string'
    ? { jsonrpc: '2.0' as const, method: `notifications/${change}/list_changed` }
    : {
        jsonrpc: '2.0' as const,
        method: 'notifications/resources/updated',
        params: { uri: change.resource },
      };
}
