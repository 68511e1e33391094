import type { Principal } from '../core/principal.ts';
import { type FollowedStream, followStream } from '../http/followed-stream.ts';
import { isEventStream } from '../http/responses.ts';
import type { Exchange } from './exchange.ts';
import { isVisibleResource } from './list-filter.ts';
import { asRecord } from './message-facts.ts';
import type { ServerEvent, ServerEventBus } from './sdk.ts';
import type { JsonRpcNotification } from './server-product.ts';
import {
  credentialFingerprint,
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
    const handler = options.sdk.createMcpHandler(() => servers.openNative(exchange), {
      legacy: 'reject',
      bus: privateBus(options, exchange, hasRoom),
      onerror: options.onError,
    });
    const parsedBody = await onlyAllowedUris(options, principal, serving.parsedBody);
    const response = await handler.fetch(request, { authInfo, parsedBody });
    if (!isEventStream(response)) return response;
    const forget = options.liveStreams.add({
      principalKey: principal.key,
      credentialFingerprint: credentialFingerprint(exchange),
      expiresAt: principal.expiresAt,
      close: () => void handler.close().catch(options.onError),
    });
    stream = followStream(response, () => {
      forget();
      onEnd();
      void settleAll(exchange.verdicts, { ok: true }).catch(options.onError);
    });
    return stream.response;
  }
}

const MAX_BACKLOG = 256;

type Judge = Pick<RuntimeOptions, 'server' | 'authorizer'>;

function release(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

type HasRoom = (delivered: number) => boolean;

function privateBus(options: RuntimeOptions, { caller }: Exchange, hasRoom: HasRoom): ServerEventBus {
  const { principal } = caller;
  let delivered = 0;
  return {
    // Servers publish through their guarded transport, which knows whose change it is.
    publish: () => undefined,
    subscribe: (listener) =>
      options.hub.subscribe({ principalKey: principal.key, tenantId: principal.tenantId }, (notification) => {
        const event = toServerEvent(notification);
        if (event === undefined) return;
        isVisible(options, principal, event)
          .then((visible) => {
            if (visible && hasRoom(delivered++)) listener(event);
          })
          .catch(options.onError);
      }),
  };
}

async function isVisible(
  options: RuntimeOptions,
  principal: Principal,
  event: ServerEvent,
): Promise<boolean> {
  return event.kind !== 'resource_updated' || isVisibleResource(event.uri, { ...options, principal });
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
