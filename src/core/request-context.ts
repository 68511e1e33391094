import type { ClientCertificate, Credential } from './credential.ts';

export type TransportKind = 'stdio' | 'sse' | 'http' | 'websocket';

/**
 * What a provider, a token resolver or a rule may know of a request. Header names are lower case.
 * `resource` is the configured canonical URI of the server asked for, never derived from the request.
 */
export interface RequestContext {
  readonly transport: TransportKind;
  readonly timestamp: Date;
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  readonly query?: Readonly<Record<string, string | string[] | undefined>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
  /** The one credential found in the request; absent when there is none. */
  readonly credential?: Credential;
  readonly clientCertificate?: ClientCertificate;
  /** The client's address, after trusted proxies. */
  readonly remoteAddress?: string;
  /** The host the client asked for, after trusted proxies, without the port. */
  readonly host?: string;
  /** The path the client asked for, without the query. */
  readonly path?: string;
  readonly resource?: string;
  /** Aborts when the client goes away. It may be made when it is first read, so that a copy by spreading has none. */
  readonly signal?: AbortSignal;
}
