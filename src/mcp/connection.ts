import type { Admission, Caller } from '../core/admission.ts';
import { fingerprintOf } from '../core/credential.ts';
import { AuthenticationError } from '../core/errors.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts';
import { SignalPresence } from '../http/client-presence.ts';
import { toBuildError } from './answer-outcome.ts';
import { findLinkUse } from './bridge.ts';
import { isChange, RESOURCE_UPDATED } from './changes.ts';
import { type ClientFacts, noteClient, readEnvelope, readInitialize } from './client-facts.ts';
import { withoutClientMistakes } from './client-mistakes.ts';
import { createConnectionSubscriptions } from './connection-subscriptions.ts';
import type { Verdict } from './exchange.ts';
import { GuardTransport } from './guard-transport.ts';
import { type LastingServer, outlastServer } from './lasting-server.ts';
import { onlyAllowedUris } from './listen-streams.ts';
import { readFacts, readNotice } from './message-facts.ts';
import { bindToModernEra } from './modern-era.ts';
import type { RequestExtras } from './request-extras.ts';
import { RPC } from './rpc-error.ts';
import { loadStdioSdk, type NativeServer } from './sdk.ts';
import {
  isNotification,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';
import { followNames, type RuntimeOptions } from './serving.ts';

type StdioSdk = Awaited<ReturnType<typeof loadStdioSdk>>;
type StdioOptions = NonNullable<Parameters<StdioSdk['serveStdio']>[1]>;

export interface Connection {
  /** Ends subscriptions in the protocol's own way, then the server, then the transport. */
  close(): Promise<void>;
  /** Resolves once the connection has ended: by `close`, by its client, or because its server closed itself. */
  readonly closed: Promise<void>;
}

/** A connection that the guard has admitted and nobody serves yet. */
export interface OpenedConnection {
  /** Records how opening it went. */
  readonly settle: Admission['settle'];
  /** Whether a notification, or the client's answer to the server, may go on. */
  isAllowed(message: JsonRpcNotification | JsonRpcResponse): Promise<boolean>;
  /** Listens to the transport before it returns. */
  serve(transport: TransportLike, watch?: ConnectionWatch): Connection;
}

export interface ConnectionWatch {
  /** The guard has spoken on a request. */
  readonly onJudged?: () => void;
  /** The upstream token is not the one that the server was built with: the client has to connect again. */
  readonly onStale?: () => void;
}

// Clients drop progress that arrives in one chunk with the result of its call.
const RESULT_GAP_MS = 10;
const NO_EXTRAS: RequestExtras = { query: {}, headers: {} };

/** Serves one caller over a transport that lasts. @throws AuthenticationError when the guard refuses it */
export async function serveConnection(
  options: RuntimeOptions,
  caller: Caller,
  transport: TransportLike,
): Promise<Connection> {
  const opened = await openConnection(options, caller);
  if (isRefusal(opened)) throw new AuthenticationError(opened.message, { detail: opened.detail });
  await opened.settle({ ok: true });
  return opened.serve(transport);
}

/**
 * Asks the guard for a connection of one caller. It is asked again for every message, and stands on the wire itself,
 * because the SDK answers some methods before any server instance sees them.
 */
export async function openConnection(
  options: RuntimeOptions,
  caller: Caller,
  extras: RequestExtras = NO_EXTRAS,
): Promise<OpenedConnection | Refusal> {
  const sdk = await loadStdioSdk();
  const target = { server: options.server, kind: 'server', name: '' } as const;
  const opening = await options.guard.admit(caller, {
    method: 'connect',
    accesses: [{ action: 'protocol', target }],
    credential: 'optional',
  });
  if (isRefusal(opening)) return opening;
  return {
    settle: opening.settle,
    async isAllowed(message) {
      const facts = readNotice(options.server, isNotification(message) ? message.method : undefined);
      const admission = await options.guard.admit(caller, facts);
      if (isRefusal(admission)) return false;
      await admission.settle({ ok: true });
      return true;
    },
    serve: (transport, watch = {}) => serve({ options, opening, extras, sdk }, transport, watch),
  };
}

interface Opened {
  readonly options: RuntimeOptions;
  readonly opening: Admission;
  readonly extras: RequestExtras;
  readonly sdk: StdioSdk;
  /** What the client has said of itself, with the message that opens the connection. */
  client?: ClientFacts | undefined;
}

function serve(opened: Opened, transport: TransportLike, watch: ConnectionWatch): Connection {
  const { options, opening, sdk } = opened;
  const { principal } = opening.caller;
  const gone = new AbortController();
  const changes = shareChanges(options, opening.caller);
  const subscriptions = createConnectionSubscriptions(options.onError);
  const viewer = { principal, server: options.server, authorizer: options.authorizer };
  const wire = new GuardTransport(transport, viewer, {
    progress: options.progress,
    timeoutMs: options.timeoutMs,
    onError: withoutClientMistakes(options.onError),
    resultGapMs: RESULT_GAP_MS,
    userIdOf: () => options.userIdOf(principal),
    verdict: (request) => judge(opened, request, watch).then(subscriptions.follow).finally(watch.onJudged),
    async rewrite(request) {
      const narrowed = await withAllowedUris(options, opening.caller, request);
      await subscriptions.add(narrowed);
      return narrowed;
    },
  });
  const failures = tellFailures(wire);
  let lasting: LastingServer | undefined;
  let isEnding = false;
  const served = sdk.serveStdio(
    async ({ era }) => {
      const product = await failures.watch(build(opened, gone.signal));
      lasting = outlast(opened, product, { gone: gone.signal, isEnding: () => isEnding });
      changes.follow(product, era);
      await subscriptions.attach(product);
      return product;
    },
    {
      transport: wire as NonNullable<StdioOptions['transport']>,
      maxSubscriptions: options.maxSubscriptionsPerPrincipal,
      onerror: withoutClientMistakes(options.onError),
    },
  );
  const { onclose } = wire;
  const closed = new Promise<void>((resolve) => {
    wire.onclose = () => {
      gone.abort();
      changes.end();
      onclose?.();
      lasting?.end();
      resolve();
    };
  });
  return {
    close() {
      isEnding = true;
      return served.close();
    },
    closed,
  };
}

/** The SDK answers for a server that could not be had in words of its own, and builds one for the next request. */
function tellFailures(wire: TransportLike) {
  let failure: { readonly error: unknown } | undefined;
  const send = wire.send.bind(wire);
  wire.send = (message, sendOptions) => {
    if (failure === undefined || !('error' in message) || message.error.code !== RPC.internalError)
      return send(message, sendOptions);
    const error = toBuildError(failure.error);
    failure = undefined;
    return send({ ...message, error }, sendOptions);
  };
  return {
    async watch<T>(building: Promise<T>): Promise<T> {
      failure = undefined;
      try {
        return await building;
      } catch (error) {
        failure = { error };
        throw error;
      }
    },
  };
}

/** Of a server behind a bridge the link lasts; one that is served itself is built again when it has closed itself. */
function outlast(
  opened: Opened,
  first: NativeServer,
  { gone, isEnding }: { readonly gone: AbortSignal; readonly isEnding: () => boolean },
): LastingServer | undefined {
  const { options } = opened;
  if (findLinkUse(first) !== undefined) return undefined;
  return outlastServer(first as ServerProduct, {
    async rebuild(era) {
      const product = await build(opened, gone);
      if (era === 'modern')
        await bindToModernEra(options.sdk, product, opened.client ?? { capabilities: {} });
      const server = product instanceof options.sdk.McpServer ? product.server : product;
      return { product: product as ServerProduct, capabilities: server.getCapabilities() };
    },
    isEnding: () => isEnding() || gone.aborted,
    onError: options.onError,
  });
}

async function build(
  { options, opening, extras, client }: Opened,
  signal: AbortSignal,
): Promise<NativeServer> {
  const { caller, upstreamToken } = opening;
  const { principal, context } = caller;
  // Its own, and never out of the pool: it would hold its place there while it lies idle.
  const product = await options.instances.openOwn({
    upstreamToken,
    userId: options.userIdOf(principal),
    extras: { principal, requestId: context.requestId, ...extras },
    presence: new SignalPresence(signal),
    client,
    credentialFingerprint: context.credential && fingerprintOf(context.credential),
  });
  // The structural types say less than the SDK's own: `Instances` gives native v2 servers only.
  return product as NativeServer;
}

async function judge(
  opened: Opened,
  request: JsonRpcRequest,
  { onStale }: ConnectionWatch,
): Promise<Verdict> {
  const { options, opening } = opened;
  opened.client = readInitialize(request) ?? readEnvelope(request) ?? opened.client;
  noteClient(opening.caller, opened.client);
  const verdict = await options.guard.admit(opening.caller, readFacts(options.server, request));
  if (onStale === undefined || isRefusal(verdict) || verdict.facts.credential === 'none') return verdict;
  if (verdict.upstreamToken.equals(opening.upstreamToken)) return verdict;
  await verdict.settle({ ok: false, error: 'not_run' });
  onStale();
  return refuse('CREDENTIALS_UNAVAILABLE', 'The upstream credential has changed; connect again');
}

/** Carries changes from the server of this connection to other streams of its principal, and from these to it. */
function shareChanges(options: RuntimeOptions, { principal }: Caller) {
  let show: ((notification: JsonRpcNotification) => void) | undefined;
  let isOwn = false;
  const unsubscribe = options.hub.subscribe(
    { principalKey: principal.key, tenantId: principal.tenantId },
    (notification) => {
      if (!isOwn) show?.(notification);
    },
  );
  const publish = (notification: JsonRpcNotification): void => {
    followNames(options, notification.method, principal.key);
    isOwn = true;
    options.hub.publish({ scope: { principalKey: principal.key }, notification });
    isOwn = false;
  };

  return {
    end: unsubscribe,
    /** To be called before the server is connected. */
    follow(product: NativeServer, era: 'legacy' | 'modern'): void {
      const server = product as { connect: (channel: TransportLike) => Promise<void> };
      const connect = server.connect.bind(product);
      server.connect = (channel) => {
        const send = channel.send.bind(channel);
        channel.send = (message, sendOptions) => {
          if (isNotification(message) && isChange(message.method)) publish(message);
          return send(message, sendOptions);
        };
        show = (notification) => {
          // In the older era nothing here knows what the client has subscribed to.
          if (era === 'legacy' && notification.method === RESOURCE_UPDATED) return;
          send(notification).catch(options.onError);
        };
        return connect(channel);
      };
    },
  };
}

async function withAllowedUris(
  options: RuntimeOptions,
  caller: Caller,
  request: JsonRpcRequest,
): Promise<JsonRpcRequest> {
  if (request.method !== 'subscriptions/listen') return request;
  return (await onlyAllowedUris(options, caller.principal, request)) as JsonRpcRequest;
}
