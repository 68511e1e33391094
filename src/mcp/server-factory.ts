import type { Principal } from '../core/principal.ts';
import type { Secret } from '../core/secret.ts';
import type { ClientPresence } from '../http/client-presence.ts';
import { withDeadline } from './deadline.ts';
import { type Needs, needsAll } from './needs.ts';
import type { ServerProduct } from './server-product.ts';

/**
 * What a factory may know beside token and user. `requestId`, `progressToken` and `signal` are those of the one
 * request that the server is for; a pooled server is for many and is told none.
 */
export interface FactoryExtras {
  readonly principal: Principal;
  readonly requestId?: string | undefined;
  readonly progressToken?: string | number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Query parameters of the request: the client's word. */
  readonly query: Readonly<Record<string, string>>;
  /** Headers that the operator allows by name: the client's word. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Whether the server has to have a tool, prompt or resource, by its name or URI. One that is built for a single call
   * does with what is called, and a factory of many tools that asks builds it in a fraction of the time; for every other
   * server all is needed.
   */
  readonly needs: Needs;
}

/** The same, as far as a request tells it. */
export type RequestedExtras = Omit<FactoryExtras, 'needs' | 'signal'>;

/** Builds the server for one user: SDK v1 or v2, `Server` or `McpServer`. */
export type MCPServerFactory = (
  accessToken: string,
  userId: string,
  extras: FactoryExtras,
) => ServerProduct | Promise<ServerProduct>;

/** What one server is built from. */
export interface BuildRequest {
  readonly upstreamToken: Secret;
  readonly userId: string;
  readonly extras: RequestedExtras;
  /** Of the client of the one request that the server is for. */
  readonly presence?: ClientPresence | undefined;
  /** What of it is needed; everything by default. */
  readonly needs?: Needs | undefined;
}

export interface BuildOptions {
  readonly factory: MCPServerFactory;
  /** Longest that a factory may take. Default 30000. */
  readonly buildTimeoutMs?: number | undefined;
  readonly onError: (error: unknown) => void;
}

class BuildExtras implements FactoryExtras {
  readonly principal: Principal;
  declare readonly requestId?: string;
  declare readonly progressToken?: string | number;
  declare readonly signal?: AbortSignal;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly needs: Needs;
  readonly #presence: ClientPresence | undefined;

  constructor({ extras, presence, needs = needsAll }: BuildRequest) {
    this.principal = extras.principal;
    if (extras.requestId !== undefined) this.requestId = extras.requestId;
    if (extras.progressToken !== undefined) this.progressToken = extras.progressToken;
    this.query = extras.query;
    this.headers = extras.headers;
    this.needs = needs;
    this.#presence = presence;
    if (presence !== undefined) Object.defineProperty(this, 'signal', BuildExtras.#signal);
  }

  /** Made for a factory that looks at it: it costs as much as a small server. */
  static readonly #signal = {
    enumerable: true,
    get(this: BuildExtras): AbortSignal | undefined {
      return this.#presence?.signal;
    },
  };
}

const BUILD_TIMEOUT_MS = 30_000;

/** A factory that hangs must not hold its caller, or a place in the pool, for ever. @throws TransportError */
export async function buildInTime(options: BuildOptions, request: BuildRequest): Promise<ServerProduct> {
  const made = options.factory(request.upstreamToken.reveal(), request.userId, new BuildExtras(request));
  if (typeof (made as Partial<Promise<ServerProduct>> | undefined)?.then !== 'function') {
    return made;
  }
  const building = Promise.resolve(made);
  let late = false;
  building
    .then(
      (product) => (late ? product.close() : undefined),
      () => undefined,
    )
    .catch(options.onError);
  try {
    return await withDeadline(
      building,
      options.buildTimeoutMs ?? BUILD_TIMEOUT_MS,
      'The server was not built in time',
    );
  } catch (error) {
    late = true;
    throw error;
  }
}
