import type { Caller } from '../core/admission.ts';
import { isRefusal, refuse } from '../core/refusal.ts';
import type { Guard } from '../guard.ts';
import { type ChallengeFacts, toRefusalResponse } from './challenge.ts';
import { type InboundRequest, singleHeader } from './inbound-request.ts';
import { rpcError, toJsonResponse } from './responses.ts';
import { TICKET_SECONDS, type Tickets } from './tickets.ts';

/** The server that a ticket is for, as the site has it. */
export interface TicketedServer {
  readonly name: string;
  readonly path: string;
  readonly resource: string;
  readonly guard: Pick<Guard, 'admit'>;
  readonly challenge: ChallengeFacts;
}

export interface TicketRequest {
  readonly request: InboundRequest;
  readonly server: TicketedServer;
  readonly caller: Caller;
}

/** `POST {base}/ticket`: a ticket for one WebSocket connection of this caller to this server. */
export async function issueTicket(
  tickets: Tickets,
  { request, server, caller }: TicketRequest,
): Promise<Response> {
  if (request.method !== 'POST')
    return rpcError('METHOD_NOT_ALLOWED', 'Use POST', { headers: { allow: 'POST' } });
  // Without a credential nothing could be authenticated again, nor need it be.
  if (!caller.authenticated)
    return toRefusalResponse(refuse('MISSING_CREDENTIALS', 'A credential is required'), server.challenge);
  const target = { server: server.name, kind: 'server', name: '' } as const;
  const admission = await server.guard.admit(caller, {
    method: 'http/ticket',
    accesses: [{ action: 'protocol', target }],
    credential: 'none',
  });
  if (isRefusal(admission)) return toRefusalResponse(admission, server.challenge);
  const ticket = tickets.issue({
    server: server.name,
    principalKey: caller.principal.key,
    origin: singleHeader(request.headers, 'origin') ?? undefined,
    credential: caller.context.credential,
    headers: request.headers,
  });
  await admission.settle(isRefusal(ticket) ? { ok: false, error: 'not_run' } : { ok: true });
  if (isRefusal(ticket)) return toRefusalResponse(ticket, server.challenge);
  return toJsonResponse({
    ticket: ticket.reveal(),
    expiresIn: TICKET_SECONDS,
    url: socketUrl(server, request),
  });
}

/** Where the ticket is good: beside the route that gave it, on the public URL. */
function socketUrl({ path, resource }: TicketedServer, request: InboundRequest): string {
  const publicUrl = resource.slice(0, resource.length - path.length);
  return `${publicUrl.replace(/^http/, 'ws')}${request.path.replace(/\/ticket$/, '/ws')}`;
}
