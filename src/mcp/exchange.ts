import type { Admission, Caller, MessageFacts } from '../core/admission.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
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
  readonly signal: AbortSignal;
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

// Keyed by the AuthInfo object that travels with the message: no wrapped server can read or forge it.
const exchanges = new WeakMap<object, Exchange>();

/** Ties an exchange to a fresh AuthInfo. The client's token is not in it: it is not for upstream. */
export function openExchange(exchange: Exchange, userId: string, resourceMetadataUrl?: string): ToolAuthInfo {
  const { principal } = exchange.caller;
  const authInfo: ToolAuthInfo = {
    token: '',
    clientId: principal.clientId ?? '',
    scopes: [...principal.scopes],
    ...(principal.expiresAt !== undefined && { expiresAt: principal.expiresAt }),
    ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
    extra: { principal, userId, ...(principal.tenantId !== undefined && { tenantId: principal.tenantId }) },
  };
  exchanges.set(authInfo, exchange);
  return authInfo;
}

export function findExchange(authInfo: unknown): Exchange | undefined {
  return typeof authInfo === 'object' && authInfo !== null ? exchanges.get(authInfo) : undefined;
}

/** The guard's word on this very message. What it has not seen, or saw differently, does not pass. */
export function verdictOf(exchange: Exchange | undefined, request: JsonRpcRequest): Verdict {
  const verdict = exchange?.verdicts.get(request.id);
  if (verdict === undefined)
    return refuse('INTERNAL_ERROR', 'Internal error', { detail: 'message without admission' });
  if ('refused' in verdict || asksForNoMore(request, verdict.facts)) return verdict;
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
