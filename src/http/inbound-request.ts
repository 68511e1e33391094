import type { ClientCertificate } from '../core/credential.ts';
import { type ClientPresence, SignalPresence } from './client-presence.ts';

/** Header names in lower case; a field sent more than once is a list. */
export type HeaderFields = Readonly<Record<string, string | string[] | undefined>>;

/** What the listener knows and a web `Request` cannot say. */
export interface ConnectionInfo {
  readonly remoteAddress?: string | undefined;
  /** The address of ours that the client connected to. */
  readonly localAddress?: string | undefined;
  readonly clientCertificate?: ClientCertificate | undefined;
}

/** A body as it arrives. */
export interface InboundBody extends AsyncIterable<Uint8Array> {
  /** Takes the whole body, where it is all there; undefined, and nothing taken, where it is not, or not known to be. */
  takeAll?(): Uint8Array | undefined;
}

/** One HTTP request, whatever the host: its head, and a body that is read only on demand. */
export interface InboundRequest {
  readonly method: string;
  /** Path without query, still percent-encoded. */
  readonly path: string;
  /** Query without `?`, still encoded. */
  readonly query: string;
  readonly headers: HeaderFields;
  readonly info: ConnectionInfo;
  readonly presence: ClientPresence;
  /** Null when there is none. */
  body(): InboundBody | null;
}

/** The one value of a header; undefined when absent, null when sent more than once. */
export function singleHeader(headers: HeaderFields, name: string): string | undefined | null {
  const value = headers[name];
  if (value === undefined || typeof value === 'string') return value;
  return value.length === 1 ? value[0] : null;
}

/** Reads a web `Request`. Repeated fields arrive joined by commas there; checks for credentials know that. */
export function fromWebRequest(request: Request, info: ConnectionInfo = {}): InboundRequest {
  const url = new URL(request.url);
  const headers: Record<string, string> = {};
  request.headers.forEach((value, name) => {
    headers[name] = value;
  });
  headers['host'] ??= url.host;
  return {
    method: request.method,
    path: url.pathname,
    query: url.search.slice(1),
    headers,
    info,
    presence: new SignalPresence(request.signal),
    body: () => request.body as AsyncIterable<Uint8Array> | null,
  };
}
