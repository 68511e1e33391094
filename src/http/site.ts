import type { Caller } from '../core/admission.ts';
import type { Principal } from '../core/principal.ts';
import { isRefusal, refuse } from '../core/refusal.ts';
import type { TransportKind } from '../core/request-context.ts';
import type { Guard } from '../guard.ts';
import { type ChallengeFacts, toRefusalResponse } from './challenge.ts';
import type { Cors } from './cors.ts';
import { type InboundRequest, singleHeader } from './inbound-request.ts';
import { checkOrigin, type OriginRules } from './origin.ts';
import type { TrustedProxies } from './proxies.ts';
import { requestIdOf, toRequestContext } from './request-context.ts';
import { rpcError, toJsonResponse } from './responses.ts';

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
  readonly serve: (request: InboundRequest, caller: Caller) => Promise<Response>;
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
  readonly isClosing: () => boolean;
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
}

/** The way in over HTTP: host and origin, public documents, then the guard, and only then anything else. */
export type Site = (request: InboundRequest) => Promise<Response>;

export function createSite(options: SiteOptions): Site {
  const routes = routeTable(options.servers);

  return async (request) => {
    const requestId = requestIdOf(request);
    let response: Response;
    try {
      response = await answer(request, requestId);
    } catch (error) {
      options.onError(error);
      response = rpcError('INTERNAL_ERROR', 'Internal error');
    }
    return finish(request, requestId, response);
  };

  async function answer(request: InboundRequest, requestId: string): Promise<Response> {
    if (options.isClosing())
      return toRefusalResponse(refuse('SHUTTING_DOWN', 'The gate is shutting down'), NO_CHALLENGE);
    const foreign = checkOrigin(request, options.origins);
    if (foreign !== undefined) return toRefusalResponse(foreign, NO_CHALLENGE);
    const preflight = options.cors.preflight(request);
    if (preflight !== undefined) return preflight;
    const document = request.method === 'GET' ? options.metadata.get(request.path) : undefined;
    if (document !== undefined) return new Response(document, { headers: METADATA_HEADERS });
    const route = routes.get(withoutTenant(request.path, options.tenantPrefix));
    if (route === undefined) return rpcError('NOT_FOUND', 'Nothing is served at this path');
    return serveRoute(request, requestId, route);
  }

  async function serveRoute(
    request: InboundRequest,
    requestId: string,
    { server, view }: Route,
  ): Promise<Response> {
    if (view === 'health' && request.method === 'GET') {
      return toJsonResponse({ status: 'healthy', timestamp: new Date(options.now()).toISOString() });
    }
    if (view === 'mcp' && request.method === 'GET' && !wantsEventStream(request))
      return toJsonResponse(server.info);
    const { resource, transport } = server;
    const context = toRequestContext(request, { ...options, resource, transport, requestId });
    if (isRefusal(context)) return toRefusalResponse(context, server.challenge);
    const caller = await server.guard.arrive(context);
    if (isRefusal(caller)) return toRefusalResponse(caller, server.challenge);
    if (view === 'mcp' || view === 'message') return server.serve(request, caller);
    return progressView(request, { server, view, caller });
  }

  function finish(request: InboundRequest, requestId: string, response: Response): Response {
    for (const [name, value] of options.cors.headersFor(request)) response.headers.set(name, value);
    response.headers.set('x-request-id', requestId);
    response.headers.set('x-content-type-options', 'nosniff');
    return response;
  }
}

type View = 'mcp' | 'message' | 'health' | 'progress/stats' | 'progress/metrics';
const VIEWS: readonly View[] = ['mcp', 'message', 'health', 'progress/stats', 'progress/metrics'];

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

function withoutTenant(path: string, prefix: string | undefined): string {
  if (prefix === undefined || !path.startsWith(prefix)) return path;
  const end = path.indexOf('/', prefix.length);
  return end < 0 ? '/' : path.slice(end);
}

function wantsEventStream(request: InboundRequest): boolean {
  const accept = singleHeader(request.headers, 'accept');
  return typeof accept === 'string' && accept.toLowerCase().includes('text/event-stream');
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
