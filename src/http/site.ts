import type { Caller } from '../core/admission.ts';
import type { Principal } from '../core/principal.ts';
import { isRefusal, refuse } from '../core/refusal.ts';
import type { TransportKind } from '../core/request-context.ts';
import type { Guard } from '../guard.ts';
import { type Answer, isEventStream, isPlain, setHeader } from './answer.ts';
import { type ChallengeFacts, toRefusalResponse } from './challenge.ts';
import type { Cors } from './cors.ts';
import { type InboundRequest, singleHeader } from './inbound-request.ts';
import { checkOrigin, type OriginRules } from './origin.ts';
import type { TrustedProxies } from './proxies.ts';
import { requestIdOf, toRequestContext } from './request-context.ts';
import { rpcError, toJsonResponse } from './responses.ts';
import { issueTicket } from './ticket-route.ts';
import type { Tickets } from './tickets.ts';

/** Answers for whom progress is monitored; the shape is contracted, its source is not the site's business. */
export interface ProgressViews {
  stats(principal: Principal): unknown;
  metrics(principal: Principal): unknown;
}

/** One guarded server as the site serves it. */
export interface ServerSite {
  readonly name: string;
  readonly path: string;
  readonly resource: string;
  readonly transport: TransportKind;
  readonly guard: Guard;
  readonly serve: (request: InboundRequest, caller: Caller) => Promise<Answer>;
  readonly challenge: ChallengeFacts;
  /** Body of `GET {path}` without an SSE Accept. */
  readonly info: Readonly<Record<string, unknown>>;
  readonly progress: ProgressViews;
}

export interface SiteOptions {
  readonly servers: readonly ServerSite[];
  /** Well-known path → serialised RFC 9728 document. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly origins: OriginRules;
  readonly cors: Cors;
  readonly proxies: TrustedProxies;
  /** Path prefix after which one segment names the tenant, such as `/t/`. */
  readonly tenantPrefix?: string | undefined;
  /** Of WebSocket connections; undefined while nobody takes these. */
  readonly tickets?: (() => Tickets | undefined) | undefined;
  readonly isClosing: () => boolean;
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
}

/** The way in over HTTP: host and origin, public documents, then the guard, and only then anything else. */
export type Site = (request: InboundRequest) => Promise<Answer>;

/** Whether a path, still percent-encoded and without query, is one that the site serves something at. */
export function createPathCheck({
  servers,
  metadata,
  tenantPrefix,
}: Pick<SiteOptions, 'servers' | 'metadata' | 'tenantPrefix'>): (path: string) => boolean {
  const routes = routeTable(servers);
  return (path) => metadata.has(path) || routes.has(withoutTenant(path, tenantPrefix));
}

export function createSite(options: SiteOptions): Site {
  const routes = routeTable(options.servers);

  return async (request) => {
    const requestId = requestIdOf(request);
    let response: Answer;
    try {
      response = await answer(request, requestId);
    } catch (error) {
      options.onError(error);
      response = rpcError('INTERNAL_ERROR', 'Internal error');
    }
    return finish(request, requestId, response);
  };

  async function answer(request: InboundRequest, requestId: string): Promise<Answer> {
    if (options.isClosing())
      return toRefusalResponse(refuse('SHUTTING_DOWN', 'The gate is shutting down'), NO_CHALLENGE);
    const foreign = checkOrigin(request, options.origins);
    if (foreign !== undefined) return toRefusalResponse(foreign, NO_CHALLENGE);
    const preflight = options.cors.preflight(request);
    if (preflight !== undefined) return preflight;
    const document = request.method === 'GET' ? options.metadata.get(request.path) : undefined;
    if (document !== undefined) return new Response(document, { headers: METADATA_HEADERS });
    const route = routes.get(withoutTenant(request.path, options.tenantPrefix));
    if (route === undefined) return nothingHere();
    return serveRoute(request, requestId, route);
  }

  async function serveRoute(
    request: InboundRequest,
    requestId: string,
    { server, view }: Route,
  ): Promise<Answer> {
    if (view === 'health' && request.method === 'GET') {
      return toJsonResponse({ status: 'healthy', timestamp: new Date(options.now()).toISOString() });
    }
    if (view === 'mcp' && request.method === 'GET' && !wantsEventStream(request))
      return toJsonResponse(server.info);
    const tickets = view === 'ticket' ? options.tickets?.() : undefined;
    if (view === 'ticket' && tickets === undefined) return nothingHere();
    const { resource, transport } = server;
    const { proxies, now } = options;
    const context = toRequestContext(request, { resource, transport, proxies, requestId, now });
    if (isRefusal(context)) return toRefusalResponse(context, server.challenge);
    const caller = await server.guard.arrive(context);
    if (isRefusal(caller)) return toRefusalResponse(caller, server.challenge);
    if (view === 'mcp' || view === 'message') return server.serve(request, caller);
    if (tickets !== undefined) return issueTicket(tickets, { request, server, caller });
    return progressView(request, { server, view, caller });
  }

  function finish(request: InboundRequest, requestId: string, response: Answer): Answer {
    for (const [name, value] of options.cors.headersFor(request)) setHeader(response, name, value);
    setHeader(response, 'x-request-id', requestId);
    setHeader(response, 'x-content-type-options', 'nosniff');
    if (isPlain(response)) return response;
    // RFC 9110 §7.6.1: about the connection, which is the host's.
    response.headers.delete('connection');
    if (isEventStream(response)) sendAtOnce(response.headers);
    return response;
  }
}

/** Proxies and middleware that compress or collect what passes would hold events back. */
function sendAtOnce(headers: Headers): void {
  headers.set('x-accel-buffering', 'no');
  headers.set('cache-control', 'no-cache, no-transform');
}

const VIEWS = ['mcp', 'message', 'health', 'ticket', 'progress/stats', 'progress/metrics'] as const;
type View = (typeof VIEWS)[number];

interface Route {
  readonly server: ServerSite;
  readonly view: View;
}

const NO_CHALLENGE: ChallengeFacts = { scopes: [] };
// Public by design: who may call at all may learn, without a credential, where to get one.
const METADATA_HEADERS = { 'content-type': 'application/json', 'cache-control': 'public, max-age=3600' };

function routeTable(servers: readonly ServerSite[]): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const server of servers) {
    const base = server.path === '/' ? '' : server.path;
    for (const view of VIEWS) routes.set(view === 'mcp' ? server.path : `${base}/${view}`, { server, view });
  }
  return routes;
}

/** A path without the segment that names a tenant. */
export function withoutTenant(path: string, prefix: string | undefined): string {
  if (prefix === undefined || !path.startsWith(prefix)) return path;
  const end = path.indexOf('/', prefix.length);
  return end < 0 ? '/' : path.slice(end);
}

function wantsEventStream(request: InboundRequest): boolean {
  const accept = singleHeader(request.headers, 'accept');
  return typeof accept === 'string' && accept.toLowerCase().includes('text/event-stream');
}

function nothingHere(): Response {
  return rpcError('NOT_FOUND', 'Nothing is served at this path');
}

async function progressView(
  request: InboundRequest,
  { server, view, caller }: Route & { readonly caller: Caller },
): Promise<Response> {
  if (request.method !== 'GET')
    return rpcError('METHOD_NOT_ALLOWED', 'Use GET', { headers: { allow: 'GET' } });
  const target = { server: server.name, kind: 'server', name: '' } as const;
  const accesses = [{ action: 'custom', target }] as const;
  const admission = await server.guard.admit(caller, {
    method: `http/${view}`,
    accesses,
    credential: 'none',
  });
  if (isRefusal(admission)) return toRefusalResponse(admission, server.challenge);
  const show = view === 'progress/stats' ? server.progress.stats : server.progress.metrics;
  const body = show(caller.principal);
  await admission.settle({ ok: true });
  return toJsonResponse(body);
}
