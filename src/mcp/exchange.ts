import type { Admission, Caller, MessageFacts } from '../core/admission.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import type { ClientPresence } from '../http/client-presence.ts';
import { readFacts } from './message-facts.ts';
import type { JsonRpcRequest } from './server-product.ts';

export type Verdict = Admission | Refusal;

/** One HTTP request on its way through the SDK: who asks, and what the guard said to each message. */
export interface Exchange {
  readonly caller: Caller;
  readonly verdicts: ReadonlyMap<string | number, Verdict>;
  /** Query parameters and headers that the operator lets factories see. */
  readonly extras: {
    readonly query: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly presence: ClientPresence;
  /** The parsed body. */
  readonly body?: unknown;
}

/** The token-free `AuthInfo` that SDKs hand to tools; both SDK generations read this shape. */
export interface ToolAuthInfo {
  readonly token: string;
  readonly clientId: string;
  readonly scopes: string[];
  readonly expiresAt?: number;
  readonly resource?: URL;
  readonly resourceMetadataUrl?: string;
  readonly extra: Record<string, unknown>;
}

let readExchange: (authInfo: object) => Exchange | undefined;
let forgetExchange: (authInfo: object) => void;

/**
 * What tools are told of their caller. The exchange travels with the message in it, where no wrapped server can read or
 * forge it. It is no entry of a WeakMap: what those hold outlives its request until the next full collection.
 */
class CallerInfo implements ToolAuthInfo {
  readonly token = '';
  readonly clientId: string;
  readonly scopes: string[];
  declare readonly expiresAt?: number;
  declare readonly resourceMetadataUrl?: string;
  readonly extra: Record<string, unknown>;
  #exchange: Exchange | undefined;

  constructor(exchange: Exchange, userId: string, resourceMetadataUrl: string | undefined) {
    const { principal } = exchange.caller;
    const { tenantId } = principal;
    this.clientId = principal.clientId ?? '';
    this.scopes = [...principal.scopes];
    if (principal.expiresAt !== undefined) this.expiresAt = principal.expiresAt;
    if (resourceMetadataUrl !== undefined) this.resourceMetadataUrl = resourceMetadataUrl;
    this.extra = tenantId === undefined ? { principal, userId } : { principal, userId, tenantId };
    this.#exchange = exchange;
  }

  // Not as methods: an object leads to its class, and whoever is told of the caller would have them too.
  static {
    readExchange = (authInfo) => (#exchange in authInfo ? authInfo.#exchange : undefined);
    forgetExchange = (authInfo) => {
      if (#exchange in authInfo) authInfo.#exchange = undefined;
    };
  }
}

Reflect.deleteProperty(CallerInfo.prototype, 'constructor');

/** Ties an exchange to a fresh AuthInfo. The client's token is not in it: it is not for upstream. */
export function openExchange(exchange: Exchange, userId: string, resourceMetadataUrl?: string): ToolAuthInfo {
  return new CallerInfo(exchange, userId, resourceMetadataUrl);
}

export function findExchange(authInfo: unknown): Exchange | undefined {
  return typeof authInfo === 'object' && authInfo !== null ? readExchange(authInfo) : undefined;
}

/** For an exchange that is answered: whoever keeps its `AuthInfo` does not keep all of it. */
export function closeExchange(authInfo: object): void {
  forgetExchange(authInfo);
}

/** The guard's word on this very message. What it has not seen, or saw differently, does not pass. */
export function verdictOf(exchange: Exchange | undefined, request: JsonRpcRequest): Verdict {
  const verdict = exchange?.verdicts.get(request.id);
  if (verdict === undefined)
    return refuse('INTERNAL_ERROR', 'Internal error', { detail: 'message without admission' });
  // The very message that the guard has read is what it was.
  const isSame = request === exchange?.body;
  if ('refused' in verdict || isSame || asksForNoMore(request, verdict.facts)) return verdict;
  // Nothing will run under it any more, and whoever waits for its end must not wait for ever.
  void verdict.settle({ ok: false, error: 'not_run' });
  return refuse('INTERNAL_ERROR', 'Internal error', { detail: 'message differs from its admission' });
}

// It may have been narrowed since, never widened.
function asksForNoMore(request: JsonRpcRequest, { method, accesses }: MessageFacts): boolean {
  const server = accesses[0]?.target.server ?? '';
  return (
    request.method === method &&
    readFacts(server, request).accesses.every(({ target }) =>
      accesses.some(
        (admitted) => admitted.target.kind === target.kind && admitted.target.name === target.name,
      ),
    )
  );
}
