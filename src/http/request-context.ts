import { randomUUID } from 'node:crypto';
import { isRefusal, type Refusal } from '../core/refusal.ts';
import type { RequestContext, TransportKind } from '../core/request-context.ts';
import { findCredential } from './credentials.ts';
import { type InboundRequest, singleHeader } from './inbound-request.ts';
import { hostOf } from './origin.ts';
import type { TrustedProxies } from './proxies.ts';

export interface ContextOptions {
  readonly resource: string;
  readonly transport: TransportKind;
  readonly proxies: TrustedProxies;
  readonly requestId: string;
  readonly now: () => number;
}

/** Everything the guard may know of an HTTP request, from its head alone. */
export function toRequestContext(request: InboundRequest, options: ContextOptions): RequestContext | Refusal {
  const found = findCredential(request.headers);
  if (isRefusal(found)) return found;
  const remoteAddress = options.proxies.clientAddress(request);
  const host = hostOf(request);
  return {
    transport: options.transport,
    timestamp: new Date(options.now()),
    headers: request.headers,
    query: parseQuery(request.query),
    requestId: options.requestId,
    path: request.path,
    resource: options.resource,
    signal: request.signal,
    ...(found.credential !== undefined && { credential: found.credential }),
    ...(remoteAddress !== undefined && { remoteAddress }),
    ...(host !== undefined && { host }),
    ...(request.info.clientCertificate !== undefined && {
      clientCertificate: request.info.clientCertificate,
    }),
  };
}

/** A client's id is kept only when it can stand in a log line as it is. */
export function requestIdOf(request: InboundRequest): string {
  const given = singleHeader(request.headers, 'x-request-id');
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}

function parseQuery(query: string): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = {};
  if (query === '') return values;
  const parameters = new URLSearchParams(query);
  for (const name of new Set(parameters.keys())) {
    if (name === '__proto__') continue;
    const all = parameters.getAll(name);
    values[name] = all.length === 1 ? (all[0] ?? '') : all;
  }
  return values;
}
