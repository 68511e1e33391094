import { isRefusal } from '../core/refusal.ts';
import { type Answer, plainAnswer } from '../http/answer.ts';
import { createDirectRequests } from './direct-request.ts';
import { createDirectServer, type Lent } from './direct-server.ts';
import { type DirectRequest, DirectTransport, findScopeChallenge } from './direct-transport.ts';
import { closeExchange, type Exchange } from './exchange.ts';
import { asRecord } from './message-facts.ts';
import { findEraBinding, lowLevelOf } from './modern-era.ts';
import { findRequestDispatch, type TakeRequests } from './request-dispatch.ts';
import { isNativeV2, type NativeServer, type ServerSdk } from './sdk.ts';
import type { ServerProduct, TransportLike } from './server-product.ts';
import type { Serving } from './serving.ts';

/** The short way for the requests that make up nearly all traffic; the SDK's own way answers the same, with more steps. */
export interface DirectServing {
  /** Undefined for a request that has to take the SDK's way. Nothing was opened for it then. */
  serve(serving: Serving): Promise<Answer> | undefined;
}

export interface DirectServingOptions {
  readonly sdk: ServerSdk;
  /** What is pooled, for one exchange; absent where there is no pool. */
  readonly lend?: ((exchange: Exchange) => Lent | Promise<Lent>) | undefined;
  /** Whether the called tool wants arguments repeated in headers: what is behind a link takes the SDK's way then. */
  readonly hasHeaderRules: (exchange: Exchange) => boolean;
  /** A server of the request's own, where there is no pool. */
  readonly open: (exchange: Exchange) => Promise<ServerProduct>;
  /** Puts the guard between the server of a request and its transport. */
  readonly guard: (transport: TransportLike, exchange: Exchange) => TransportLike;
  /** Whether callers are told of a failure in words of its own. */
  readonly isTold: (error: unknown) => boolean;
  readonly onError: (error: unknown) => void;
}

export function createDirectServing(options: DirectServingOptions): DirectServing {
  const { sdk, lend, hasHeaderRules, guard, isTold, onError } = options;
  const findDirectRequest = createDirectRequests(sdk);
  const bindToRequest = findEraBinding(sdk);
  const takeRequests = findRequestDispatch(sdk);

  return {
    serve(serving) {
      const direct = findDirectRequest(serving);
      if (direct === undefined) return undefined;
      const { exchange } = serving;
      if (direct.era === 'modern' && hasHeaderRules(exchange)) return undefined;
      if (lend !== undefined) return run(direct, exchange, () => openLent(lend, direct, exchange));
      if (direct.era === 'modern' && bindToRequest === undefined) return undefined;
      return run(direct, exchange, () => openOwn(direct, exchange));
    },
  };

  async function openOwn({ era, message }: DirectRequest, exchange: Exchange): Promise<ServerProduct> {
    const product = await options.open(exchange);
    if (!isNativeV2(sdk, product)) return product;
    if (era === 'modern') bindToRequest?.(product, asRecord(asRecord(message.params)['_meta']));
    return takeRequests === undefined ? product : new DispatchedServer(sdk, product, takeRequests);
  }

  function openLent(
    borrow: NonNullable<typeof lend>,
    { era }: DirectRequest,
    exchange: Exchange,
  ): ServerProduct | Promise<ServerProduct> {
    // A refusal takes the way of an answer, which must not be told apart from it by its form; nothing else runs.
    if (isRefusedWhole(exchange)) return createNoServer();
    const productOf = (lent: Lent): ServerProduct =>
      'product' in lent ? lent.product : createDirectServer(lent, { era, onError });
    const lent = borrow(exchange);
    return lent instanceof Promise ? lent.then(productOf) : productOf(lent);
  }

  async function run(
    direct: DirectRequest,
    exchange: Exchange,
    open: () => ServerProduct | Promise<ServerProduct>,
  ): Promise<Answer> {
    let product: ServerProduct | undefined;
    try {
      const opening = open();
      product = opening instanceof Promise ? await opening : opening;
      const transport = new DirectTransport(direct);
      await product.connect(guard(transport, exchange));
      const asked = findScopeChallenge(sdk, transport.scopeChallengeResolver, direct);
      const challenge = asked === undefined ? undefined : await asked;
      if (challenge === undefined) {
        const answer = await transport.exchange();
        closeExchange(direct.authInfo);
        return answer;
      }
      await product.close();
      return challenge;
    } catch (error) {
      await product?.close().catch(onError);
      if (isTold(error)) throw error;
      onError(error);
      return failed(direct);
    }
  }
}

/** A server of SDK v2 that is there for one request alone. */
class DispatchedServer implements ServerProduct {
  readonly #sdk: ServerSdk;
  readonly #product: NativeServer & ServerProduct;
  readonly #takeRequests: TakeRequests;

  constructor(sdk: ServerSdk, product: NativeServer & ServerProduct, takeRequests: TakeRequests) {
    this.#sdk = sdk;
    this.#product = product;
    this.#takeRequests = takeRequests;
  }

  async connect(transport: TransportLike): Promise<void> {
    await (this.#product as ServerProduct).connect(transport);
    this.#takeRequests(lowLevelOf(this.#sdk, this.#product), transport);
  }

  close(): Promise<void> {
    return this.#product.close();
  }
}

function isRefusedWhole({ verdicts }: Exchange): boolean {
  for (const verdict of verdicts.values()) if (!isRefusal(verdict)) return false;
  return true;
}

const createNoServer = (): ServerProduct => ({
  connect: (transport) => transport.start(),
  close: () => Promise.resolve(),
});

function failed({ message: { id } }: DirectRequest): Answer {
  const error = { code: -32603, message: 'Internal server error' };
  return plainAnswer(
    JSON.stringify({ jsonrpc: '2.0', error, id }),
    { 'content-type': 'application/json' },
    500,
  );
}
