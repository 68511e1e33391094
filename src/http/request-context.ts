import { randomUUID } from 'node:crypto';
import type { ClientCertificate, Credential } from '../core/credential.ts';
import { isRefusal, type Refusal } from '../core/refusal.ts';
import type { RequestContext, TransportKind } from '../core/request-context.ts';
import type { ClientPresence } from './client-presence.ts';
import { findCredential } from './credentials.ts';
import { type HeaderFields, type InboundRequest, singleHeader } from './inbound-request.ts';
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
  return new HttpContext(request, options, {
    credential: found.credential,
    remoteAddress,
    host,
    clientCertificate: request.info.clientCertificate,
  });
}

type Found = {
  readonly [Field in 'credential' | 'remoteAddress' | 'host' | 'clientCertificate']:
    | RequestContext[Field]
    | undefined;
};

/** Its signal is made for whoever reads it: a copy of the other fields has none. */
class HttpContext implements RequestContext {
  readonly transport: TransportKind;
  readonly timestamp: Date;
  readonly headers: HeaderFields;
  readonly query: Record<string, string | string[]>;
  readonly requestId: string;
  readonly path: string;
  readonly resource: string;
  declare readonly credential?: Credential;
  declare readonly remoteAddress?: string;
  declare readonly host?: string;
  declare readonly clientCertificate?: ClientCertificate;
  readonly #presence: ClientPresence;

  constructor(request: InboundRequest, options: ContextOptions, found: Found) {
    this.transport = options.transport;
    this.timestamp = new Date(options.now());
    this.headers = request.headers;
    this.query = parseQuery(request.query);
    this.requestId = options.requestId;
    this.path = request.path;
    this.resource = options.resource;
    if (found.credential !== undefined) this.credential = found.credential;
    if (found.remoteAddress !== undefined) this.remoteAddress = found.remoteAddress;
    if (found.host !== undefined) this.host = found.host;
    if (found.clientCertificate !== undefined) this.clientCertificate = found.clientCertificate;
    this.#presence = request.presence;
  }

  get signal(): AbortSignal {
    return this.#presence.signal;
  }
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
