import { isRefusal } from '../core/refusal.ts';
import { type Answer, plainAnswer } from '../http/answer.ts';
import { createDirectRequests } from './direct-request.ts';
import { createDirectServer, type Lent } from './direct-server.ts';
import { type DirectRequest, DirectTransport, findScopeChallenge } from './direct-transport.ts';
import { closeExchange, type Exchange } from './exchange.ts';
import { asRecord } from './message-facts.ts';
import { findEraBinding } from './modern-era.ts';
import type { NativeServer, ServerSdk } from './sdk.ts';
import type { ServerProduct } from './server-product.ts';
import type { Serving } from './serving.ts';

/** The short way for the requests that make up nearly all traffic; the SDK's own way answers the same, with more steps. */
export interface DirectServing {
  /** Undefined for a request that has to take the SDK's way. Nothing was opened for it then. */
  serve(serving: Serving): Promise<Answer> | undefined;
}

export interface DirectServingOptions {
  readonly sdk: ServerSdk;
  /** What is pooled, for one exchange; absent where there is no pool. */
  readonly lend?: ((exchange: Exchange) => Promise<Lent>) | undefined;
  /** Whether the called tool wants arguments repeated in headers: what is behind a link takes the SDK's way then. */
  readonly hasHeaderRules: (exchange: Exchange) => boolean;
  /** A server of the request's own, with the guard around it, where there is no pool. */
  readonly open: (exchange: Exchange) => Promise<NativeServer>;
  /** Puts the guard around a server. */
  readonly guard: (product: ServerProduct, exchange: Exchange) => ServerProduct;
  /** Whether callers are told of a failure in words of its own. */
  readonly isTold: (error: unknown) => boolean;
  readonly onError: (error: unknown) => void;
}

export function createDirectServing(options: DirectServingOptions): DirectServing {
  const { sdk, lend, hasHeaderRules, guard, isTold, onError } = options;
  const findDirectRequest = createDirectRequests(sdk);
  const bindToRequest = findEraBinding(sdk);

  return {
    serve(serving) {
      const direct = findDirectRequest(serving);
      if (direct === undefined) return undefined;
      const { exchange } = serving;
      if (direct.era === 'modern' && hasHeaderRules(exchange)) return undefined;
      if (lend !== undefined) return run(direct, () => openLent(lend, direct, exchange));
      if (direct.era === 'modern' && bindToRequest === undefined) return undefined;
      return run(direct, () => openOwn(direct, exchange));
    },
  };

  async function openOwn({ era, message }: DirectRequest, exchange: Exchange): Promise<ServerProduct> {
    const server = await options.open(exchange);
    if (era === 'modern') bindToRequest?.(server, asRecord(asRecord(message.params)['_meta']));
    // The structural type of a native server says less than the SDK's own.
    return server as ServerProduct;
  }

  async function openLent(
    borrow: NonNullable<typeof lend>,
    { era }: DirectRequest,
    exchange: Exchange,
  ): Promise<ServerProduct> {
    // A refusal takes the way of an answer, which must not be told apart from it by its form; nothing else runs.
    if ([...exchange.verdicts.values()].every(isRefusal)) return guard(createNoServer(), exchange);
    const lent = await borrow(exchange);
    return guard('product' in lent ? lent.product : createDirectServer(lent, { era, onError }), exchange);
  }

  async function run(direct: DirectRequest, open: () => Promise<ServerProduct>): Promise<Answer> {
    let product: ServerProduct | undefined;
    try {
      product = await open();
      const transport = new DirectTransport(direct);
      let resolver: unknown;
      transport.setScopeChallengeResolver = (given) => {
        resolver = given;
      };
      await product.connect(transport);
      const challenge = await findScopeChallenge(sdk, resolver, direct);
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
