import type { Admission, Caller } from '../core/admission.ts';
import { MCPAuthError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { isRefusal, refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import { isEventStream } from '../http/responses.ts';
import { serveConnection } from './connection.ts';
import { type Exchange, findExchange, verdictOf } from './exchange.ts';
import { guardTransport } from './guard-transport.ts';
import type { InstanceRequest, Instances } from './instances.ts';
import { createListenStreams } from './listen-streams.ts';
import { asRecord } from './message-facts.ts';
import type { NativeServer } from './sdk.ts';
import type { ServerProduct, TransportLike } from './server-product.ts';
import {
  endOnRevocation,
  followNames,
  type GuardedServers,
  type RuntimeOptions,
  type Serving,
  tokenOf,
} from './serving.ts';
import { createSessionServing } from './session-serving.ts';

/** Runs admitted messages on a server of the caller's own, in whichever protocol era they come. */
export interface ServerRuntime {
  readonly hasSessions: boolean;
  serve(serving: Serving): Promise<Response>;
  userIdOf(principal: Principal): string;
  /** Serves a connection of one caller, whose messages come without admissions. */
  connect(caller: Caller, transport: TransportLike): Promise<{ close(): Promise<void> }>;
  close(): Promise<void>;
}

export function createServerRuntime(options: RuntimeOptions): ServerRuntime {
  const { sdk, sessions } = options;
  // `Instances.open` gives native v2 servers only; their structural type says less than the SDK's own.
  const guarded: GuardedServers = {
    openNative: async (exchange) =>
      (await openGuarded(options, exchange, options.instances.open)) as NativeServer,
    openForSession: async (exchange) =>
      (await openGuarded(options, exchange, options.instances.openOwn)) as NativeServer,
  };
  const handler = sdk.createMcpHandler((context) => openFor(context.authInfo), { onerror: options.onError });
  const failures = new WeakMap<Exchange, MCPAuthError>();
  const listen = createListenStreams(options, guarded);
  const sessionServing =
    sessions === undefined ? undefined : createSessionServing(options, guarded, sessions);

  return {
    hasSessions: sessions !== undefined,
    userIdOf: options.userIdOf,
    async serve(serving) {
      try {
        if (isListen(serving)) return await listen.serve(serving);
        const isSession = sessionServing?.isFor(serving) === true;
        const response = await (isSession ? sessionServing.serve(serving) : serveStateless(serving));
        const isCall = serving.request.method === 'POST' && isEventStream(response);
        return isCall ? endOnRevocation(response, serving.exchange, options) : response;
      } catch (error) {
        if (!isServiceFailure(error)) throw error;
        // The SDK has told of those that passed through it.
        if (failures.get(serving.exchange) !== error) options.onError(error);
        const retryAfterSeconds = error.status === 503 ? 5 : undefined;
        return options.toRefusalResponse(
          refuse(error.code, error.message, { detail: error.detail, retryAfterSeconds }),
        );
      }
    },
    connect: (caller, transport) => serveConnection(options, caller, transport),
    async close() {
      await handler.close();
      await sessions?.close();
      await options.instances.close();
    },
  };

  async function openFor(authInfo: unknown): Promise<NativeServer> {
    const exchange = findExchange(authInfo);
    if (exchange === undefined) throw new Error('A request without an exchange reached the server');
    try {
      return await guarded.openNative(exchange);
    } catch (error) {
      if (isServiceFailure(error)) failures.set(exchange, error);
      throw error;
    }
  }

  async function serveStateless({ request, exchange, authInfo, parsedBody }: Serving): Promise<Response> {
    const response = await handler.fetch(request, { authInfo, parsedBody });
    // The SDK answers for a server that could not be had in words of its own, without code or Retry-After.
    const failure = failures.get(exchange);
    if (failure !== undefined) throw failure;
    return response;
  }
}

/** Whether callers are told more than that something went wrong. */
function isServiceFailure(error: unknown): error is MCPAuthError {
  return error instanceof MCPAuthError && (error.status === 503 || error.code === 'TRANSPORT_ERROR');
}

function isListen({ parsedBody, request }: Serving): boolean {
  return request.method === 'POST' && asRecord(parsedBody)['method'] === 'subscriptions/listen';
}

type Open = Instances['open'];

async function openGuarded(options: RuntimeOptions, exchange: Exchange, open: Open): Promise<ServerProduct> {
  const product = await openProduct(options, exchange, open);
  const connect = product.connect.bind(product);
  const { principal } = exchange.caller;
  product.connect = (transport: TransportLike) =>
    connect(
      guardTransport(transport, {
        viewer: { principal, server: options.server, authorizer: options.authorizer },
        progress: options.progress,
        timeoutMs: options.timeoutMs,
        userIdOf: (admission: Admission) => options.userIdOf(admission.caller.principal),
        verdict: (request, extra) => verdictOf(findExchange(asRecord(extra)['authInfo']), request),
        onChange: (notification) => {
          followNames(options, notification.method, principal.key);
          options.hub.publish({ scope: { principalKey: principal.key }, notification });
        },
      }),
    );
  return product;
}

/**
 * Where every request is refused nothing of the server's runs, and the refusals still take the way of its own
 * answers: their form on the wire must not tell a hidden target from an unknown one.
 */
function openProduct(
  options: RuntimeOptions,
  exchange: Exchange,
  open: Open,
): Promise<ServerProduct> | ServerProduct {
  if ([...exchange.verdicts.values()].every(isRefusal)) {
    return new options.sdk.Server({ name: options.server, version: '0' }, { capabilities: {} });
  }
  return open(toInstanceRequest(options, exchange));
}

function toInstanceRequest(options: Pick<RuntimeOptions, 'userIdOf'>, exchange: Exchange): InstanceRequest {
  const { caller, extras, signal } = exchange;
  return {
    upstreamToken: tokenOf(exchange) ?? new Secret(''),
    userId: options.userIdOf(caller.principal),
    extras: {
      ...extras,
      principal: caller.principal,
      requestId: caller.context.requestId,
      progressToken: firstProgressToken(exchange),
      signal,
    },
  };
}

function firstProgressToken({ verdicts }: Exchange): string | number | undefined {
  const first = verdicts.values().next().value;
  return first === undefined || isRefusal(first) ? undefined : first.facts.progressToken;
}
