import { MCPAuthError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { isEventStream } from '../http/answer.ts';
import { type FollowedStream, followStream } from '../http/followed-stream.ts';
import { withoutClientMistakes } from './client-mistakes.ts';
import type { Exchange } from './exchange.ts';
import { type InnerSubscriptions, openInnerSubscriptions } from './inner-subscriptions.ts';
import { isVisibleResource } from './list-filter.ts';
import { asRecord } from './message-facts.ts';
import type { NativeServer, ServerEvent, ServerEventBus } from './sdk.ts';
import type { JsonRpcNotification } from './server-product.ts';
import {
  credentialFingerprint,
  followNames,
  type GuardedServers,
  type RuntimeOptions,
  type Serving,
  settleAll,
  tooManyStreams,
} from './serving.ts';

/** `subscriptions/listen` (2026 era): the one stream that outlives its request. */
export interface ListenStreams {
  serve(serving: Serving): Promise<Response>;
}

/**
 * Each stream has a bus of its own that lets through what its principal may see, because the SDK's
 * listen router knows no principal; closing its handler ends it in the protocol's own way.
 */
export function createListenStreams(options: RuntimeOptions, servers: GuardedServers): ListenStreams {
  const openByPrincipal = new Map<string, number>();

  return {
    async serve(serving) {
      const { key } = serving.exchange.caller.principal;
      const open = openByPrincipal.get(key) ?? 0;
      if (open >= options.maxSubscriptionsPerPrincipal) return options.toRefusalResponse(tooManyStreams());
      // Counted before anything is waited for, so that many at once are not taken for one.
      openByPrincipal.set(key, open + 1);
      let isStreaming = false;
      try {
        const response = await openStream(serving, () => release(openByPrincipal, key));
        isStreaming = isEventStream(response);
        return response;
      } finally {
        if (!isStreaming) release(openByPrincipal, key);
      }
    },
  };

  async function openStream(
    { exchange, request, authInfo, ...serving }: Serving,
    onEnd: () => void,
  ): Promise<Response> {
    const { principal } = exchange.caller;
    let stream: FollowedStream | undefined;
    // The SDK queues without bound for a client that does not read; such a one loses its stream instead.
    const hasRoom = (delivered: number) => {
      if (delivered - (stream?.taken ?? 0) < MAX_BACKLOG) return true;
      stream?.end();
      return false;
    };
    const parsedBody = await onlyAllowedUris(options, principal, serving.parsedBody);
    const uris = resourcesIn(parsedBody);
    const bus = createPrivateBus(options, exchange, hasRoom);
    let inner: InnerSubscriptions | undefined;
    const onChange = followChanges(options, principal, bus);
    const onClose = (): void => void handler.close().catch(options.onError);
    const opening = keepFailure(uris.length === 0 ? servers.openNative : servers.openForSession);
    const open = async (): Promise<NativeServer> => {
      const product = await opening.open(exchange);
      if (uris.length === 0) return product;
      inner = openInnerSubscriptions(product, options.onError, { onChange, onClose });
      await inner?.add(uris, { authInfo });
      return product;
    };
    const handler = options.sdk.createMcpHandler(open, {
      legacy: 'reject',
      bus,
      onerror: withoutClientMistakes(options.onError),
    });
    const response = await handler.fetch(request, { authInfo, parsedBody });
    if (!isEventStream(response)) {
      await inner?.end();
      // The SDK answers for a server that could not be had in words of its own, without code or Retry-After.
      if (opening.failure !== undefined) throw opening.failure;
      return response;
    }
    const forget = options.liveStreams.add({
      principalKey: principal.key,
      credentialFingerprint: credentialFingerprint(exchange),
      expiresAt: principal.expiresAt,
      close: onClose,
    });
    stream = followStream(response, () => {
      forget();
      onEnd();
      void inner?.end().catch(options.onError);
      void settleAll(exchange.verdicts, { ok: true }).catch(options.onError);
    });
    return stream.response;
  }
}

function followChanges(options: RuntimeOptions, { key }: Principal, bus: PrivateBus) {
  return (notification: JsonRpcNotification): void => {
    followNames(options, notification.method, key);
    bus.deliver(notification);
  };
}

/** Knows why a server could not be had, if it is a failure with a code of its own. */
function keepFailure(open: (exchange: Exchange) => Promise<NativeServer>) {
  let failure: MCPAuthError | undefined;
  return {
    get failure() {
      return failure;
    },
    async open(exchange: Exchange): Promise<NativeServer> {
      try {
        return await open(exchange);
      } catch (error) {
        if (error instanceof MCPAuthError) failure = error;
        throw error;
      }
    },
  };
}

const MAX_BACKLOG = 256;

type Judge = Pick<RuntimeOptions, 'server' | 'authorizer'>;

function release(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

type HasRoom = (delivered: number) => boolean;

/** Of one stream: what its principal may see, from servers of the principal and from the one of the stream itself. */
interface PrivateBus extends ServerEventBus {
  deliver(notification: JsonRpcNotification): void;
}

function createPrivateBus(options: RuntimeOptions, { caller }: Exchange, hasRoom: HasRoom): PrivateBus {
  const { principal } = caller;
  const listeners = new Set<(event: ServerEvent) => void>();
  let delivered = 0;
  const deliver = (notification: JsonRpcNotification): void => {
    const event = toServerEvent(notification);
    if (event === undefined) return;
    isVisible(options, principal, event)
      .then((visible) => {
        if (visible && hasRoom(delivered++)) for (const listener of listeners) listener(event);
      })
      .catch(options.onError);
  };
  return {
    deliver,
    // Servers publish through their guarded transport, which knows whose change it is.
    publish: () => undefined,
    subscribe(listener) {
      const subscriber = { principalKey: principal.key, tenantId: principal.tenantId };
      const unsubscribe = options.hub.subscribe(subscriber, deliver);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        unsubscribe();
      };
    },
  };
}

async function isVisible(
  options: RuntimeOptions,
  principal: Principal,
  event: ServerEvent,
): Promise<boolean> {
  return event.kind !== 'resource_updated' || isVisibleResource(event.uri, { ...options, principal });
}

/** The resources that a `subscriptions/listen` asks for. */
export function resourcesIn(body: unknown): readonly string[] {
  const filter = asRecord(asRecord(asRecord(body)['params'])['notifications']);
  const uris: unknown = filter['resourceSubscriptions'];
  return Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [];
}

/** The honoured subset is what the protocol acknowledges: URIs that are finally denied are not in it. */
export async function onlyAllowedUris(options: Judge, principal: Principal, body: unknown): Promise<unknown> {
  const message = asRecord(body);
  const params = asRecord(message['params']);
  const filter = asRecord(params['notifications']);
  const uris = filter['resourceSubscriptions'];
  if (!Array.isArray(uris)) return body;
  const allowed: unknown[] = [];
  for (const uri of uris) {
    // What is no URI stays, for the SDK to refuse the whole request as malformed.
    if (typeof uri !== 'string' || (await isVisibleResource(uri, { ...options, principal })))
      allowed.push(uri);
  }
  const notifications = { ...filter, resourceSubscriptions: allowed };
  return { ...message, params: { ...params, notifications } };
}

function toServerEvent({ method, params }: JsonRpcNotification): ServerEvent | undefined {
  switch (method) {
    case 'notifications/tools/list_changed':
      return { kind: 'tools_list_changed' };
    case 'notifications/prompts/list_changed':
      return { kind: 'prompts_list_changed' };
    case 'notifications/resources/list_changed':
      return { kind: 'resources_list_changed' };
    case 'notifications/resources/updated': {
      const uri = asRecord(params)['uri'];
      return typeof uri === 'string' ? { kind: 'resource_updated', uri } : undefined;
    }
    default:
      return undefined;
  }
}
