import type { Principal } from '../core/principal.ts';
import type { Admission, Caller } from '../core/admission.ts';
import { isRefusal } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import { type Exchange, findExchange, verdictOf } from './exchange.ts';
import { guardTransport } from './guard-transport.ts';
import type { InstanceRequest } from './instances.ts';
import { serveConnection } from './connection.ts';
import { createListenStreams } from './listen-streams.ts';
import { asRecord } from './message-facts.ts';
import { type GuardedServers, type RuntimeOptions, type Serving, tokenOf } from './serving.ts';
import { createSessionServing } from './session-serving.ts';
import type { NativeServer } from './sdk.ts';
import type { ServerProduct, TransportLike } from './server-product.ts';

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
    openNative: async (exchange) => (await openGuarded(options, exchange)) as NativeServer,
  };
  const handler = sdk.createMcpHandler((context) => openFor(context.authInfo), { onerror: options.onError });
  const listen = createListenStreams(options, guarded);
  const sessionServing = sessions === undefined ? undefined : createSessionServing(options, guarded, sessions);

  return {
    hasSessions: sessions !== undefined,
    userIdOf: options.userIdOf,
    async serve(serving) {
      if (sessionServing?.isFor(serving) === true) return sessionServing.serve(serving);
      if (isListen(serving)) return listen.serve(serving);
      return handler.fetch(serving.request, { authInfo: serving.authInfo, parsedBody: serving.parsedBody });
    },
    connect: (caller, transport) => serveConnection(options, caller, transport),
    async close() {
      await handler.close();
      await sessions?.close();
      await options.instances.close();
    },
  };

  function openFor(authInfo: unknown): Promise<NativeServer> {
    const exchange = findExchange(authInfo);
    if (exchange === undefined) throw new Error('A request without an exchange reached the server');
    return guarded.openNative(exchange);
  }
}

function isListen({ parsedBody, request }: Serving): boolean {
  return request.method === 'POST' && asRecord(parsedBody)['method'] === 'subscriptions/listen';
}

async function openGuarded(options: RuntimeOptions, exchange: Exchange): Promise<ServerProduct> {
  const product = await options.instances.open(toInstanceRequest(options, exchange));
  const connect = product.connect.bind(product);
  const { principal } = exchange.caller;
  product.connect = (transport: TransportLike) =>
    connect(
      guardTransport(transport, {
        server: options.server,
        authorizer: options.authorizer,
        progress: options.progress,
        timeoutMs: options.timeoutMs,
        userIdOf: (admission: Admission) => options.userIdOf(admission.caller.principal),
        verdict: (request, extra) => verdictOf(findExchange(asRecord(extra)['authInfo']), request),
        onChange: (notification) => {
          if (notification.method === 'notifications/tools/list_changed') options.onToolsChanged(principal.key);
          options.hub.publish({ scope: { principalKey: principal.key }, notification });
        },
      }),
    );
  return product;
}

export function toInstanceRequest(options: Pick<RuntimeOptions, 'userIdOf'>, exchange: Exchange): InstanceRequest {
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
