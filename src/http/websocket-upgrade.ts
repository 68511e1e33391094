import type { Caller } from '../core/admission.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { type ChallengeFacts, toRefusalResponse } from './challenge.ts';
import { type HeaderFields, type InboundRequest, singleHeader } from './inbound-request.ts';
import { checkOrigin } from './origin.ts';
import { requestIdOf, toRequestContext } from './request-context.ts';
import { rpcError } from './responses.ts';
import { type ServerSite, type SiteOptions, withoutTenant } from './site.ts';
import type { TicketHolder, Tickets } from './tickets.ts';

export interface UpgradeOptions
  extends Pick<
    SiteOptions,
    'servers' | 'origins' | 'proxies' | 'tenantPrefix' | 'isClosing' | 'onError' | 'now'
  > {
  readonly tickets: Tickets;
}

/** Someone who may hold a connection, as far as it depends on who it is. */
export interface Arrived {
  readonly server: ServerSite;
  readonly caller: Caller;
}

/** The way in for WebSocket upgrades, with the same front door as any request: `{path}/ws` of each server. */
export interface UpgradeSite {
  isServed(path: string): boolean;
  /** Who asks for an upgrade, or the HTTP answer that refuses it. Never rejects. */
  arrive(request: InboundRequest): Promise<Arrived | Response>;
}

export function createUpgradeSite(options: UpgradeOptions): UpgradeSite {
  const servers = new Map(
    options.servers.map((server) => [server.path === '/' ? '/ws' : `${server.path}/ws`, server]),
  );
  const find = (path: string) => servers.get(withoutTenant(path, options.tenantPrefix));

  return {
    isServed: (path) => find(path) !== undefined,
    async arrive(request) {
      const requestId = requestIdOf(request);
      let answer: Arrived | Response;
      try {
        answer = await decide(request, requestId);
      } catch (error) {
        options.onError(error);
        answer = rpcError('INTERNAL_ERROR', 'Internal error');
      }
      if (answer instanceof Response) answer.headers.set('x-request-id', requestId);
      return answer;
    },
  };

  async function decide(request: InboundRequest, requestId: string): Promise<Arrived | Response> {
    if (options.isClosing())
      return toRefusalResponse(refuse('SHUTTING_DOWN', 'The gate is shutting down'), NO_CHALLENGE);
    const foreign = checkOrigin(request, options.origins);
    if (foreign !== undefined) return toRefusalResponse(foreign, NO_CHALLENGE);
    const server = find(request.path);
    if (server === undefined) return rpcError('NOT_FOUND', 'Nothing is served at this path');
    const malformed = checkHandshake(request);
    if (malformed !== undefined) return malformed;
    const caller = await findCaller(request, { server, requestId });
    return isRefusal(caller) ? toRefusalResponse(caller, server.challenge) : { server, caller };
  }

  async function findCaller(
    request: InboundRequest,
    { server, requestId }: { readonly server: ServerSite; readonly requestId: string },
  ): Promise<Caller | Refusal> {
    const found = findTicket(request);
    if (isRefusal(found)) return found;
    const context = toRequestContext(found.request, {
      ...options,
      resource: server.resource,
      transport: 'websocket',
      requestId,
    });
    if (isRefusal(context)) return context;
    if (found.ticket === undefined) return server.guard.arrive(context);
    if (context.credential !== undefined)
      return refuse('AMBIGUOUS_CREDENTIALS', 'Send a ticket or another credential, not both');
    const origin = singleHeader(request.headers, 'origin') ?? undefined;
    const holder = options.tickets.take(found.ticket, { server: server.name, origin });
    if (holder === undefined) return server.guard.turnAway(context, UNKNOWN_TICKET);
    const caller = await server.guard.arrive(withHolder(context, holder));
    if (isRefusal(caller) || caller.principal.key === holder.principalKey) return caller;
    return server.guard.turnAway(context, UNKNOWN_TICKET);
  }
}

const NO_CHALLENGE: ChallengeFacts = { scopes: [] };
const UNKNOWN_TICKET = refuse('INVALID_TOKEN', 'The ticket is not valid', { detail: 'ticket' });

/** RFC 6455 §4.2.1. What is malformed is answered before anyone's ticket is used up for it. */
function checkHandshake({ method, headers }: InboundRequest): Response | undefined {
  if (method !== 'GET') return rpcError('METHOD_NOT_ALLOWED', 'Use GET', { headers: { allow: 'GET' } });
  const key = singleHeader(headers, 'sec-websocket-key');
  const isKey = typeof key === 'string' && /^[+/0-9A-Za-z]{22}==$/.test(key);
  const isVersion = singleHeader(headers, 'sec-websocket-version') === '13';
  if (isKey && isVersion && !hasBody(headers)) return undefined;
  return rpcError('VALIDATION_ERROR', 'This is not a WebSocket handshake of version 13', {
    headers: { 'sec-websocket-version': '13' },
  });
}

// What a proxy takes for a body would be frames here, and the two no longer agree on what is whose.
function hasBody({ 'content-length': length = '0', 'transfer-encoding': coding }: HeaderFields): boolean {
  return length !== '0' || coding !== undefined;
}

const TICKET_PROTOCOL = 'mcp.ticket.';

interface Found {
  /** The request without its ticket: no part of it reaches a provider, a rule or a factory. */
  readonly request: InboundRequest;
  readonly ticket: Secret | undefined;
}

/** A ticket comes in the query, or as a subprotocol, which browsers can set and nobody logs. */
function findTicket(request: InboundRequest): Found | Refusal {
  const query = new URLSearchParams(request.query);
  const offered = [request.headers['sec-websocket-protocol'] ?? []]
    .flat()
    .flatMap((field) => field.split(','))
    .map((name) => name.trim());
  const tickets = [
    ...query.getAll('ticket'),
    ...offered
      .filter((name) => name.startsWith(TICKET_PROTOCOL))
      .map((name) => name.slice(TICKET_PROTOCOL.length)),
  ];
  if (tickets.length > 1) return refuse('AMBIGUOUS_CREDENTIALS', 'Send one ticket');
  const [ticket] = tickets;
  if (ticket === undefined) return { request, ticket: undefined };
  query.delete('ticket');
  const { 'sec-websocket-protocol': _offered, ...headers } = request.headers;
  return { request: { ...request, query: query.toString(), headers }, ticket: new Secret(ticket) };
}

/** The holder's credential is shown again, with the headers it came with: it may have expired since, or been revoked. */
function withHolder(context: RequestContext, { credential, headers }: TicketHolder): RequestContext {
  return {
    ...context,
    ...(context.signal && { signal: context.signal }),
    headers: { ...headers, ...context.headers },
    ...(credential !== undefined && { credential }),
  };
}
