import type { Caller } from '../core/admission.ts';
import { MCPAuthError, retryAfterOf } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import { type Answer, isEventStream, plainAnswer } from '../http/answer.ts';
import { type BridgeFront, findLinkUse } from './bridge.ts';
import { type ClientFacts, readEnvelope, readInitialize, readRequestState } from './client-facts.ts';
import { withoutClientMistakes } from './client-mistakes.ts';
import { type Connection, type OpenedConnection, openConnection, serveConnection } from './connection.ts';
import { type TakeResult, takeResult } from './direct-answer.ts';
import { createDirectServing } from './direct-serving.ts';
import { type Exchange, findExchange, verdictOf } from './exchange.ts';
import type { GuardRules } from './guard-rules.ts';
import { GuardTransport } from './guard-transport.ts';
import { withHeaderRules } from './header-rules.ts';
import type { InstanceRequest, Instances } from './instances.ts';
import type { Viewer } from './list-filter.ts';
import { createListenStreams } from './listen-streams.ts';
import { asRecord } from './message-facts.ts';
import { type Needs, needsOf } from './needs.ts';
import type { RequestExtras } from './request-extras.ts';
import type { NativeServer } from './sdk.ts';
import { isRequest, type ServerProduct, type TransportLike } from './server-product.ts';
import {
  credentialFingerprint,
  endOnRevocation,
  findHeaderRules,
  followNames,
  type GuardedServers,
  type RuntimeOptions,
  type Serving,
  tokenOf,
} from './serving.ts';
import { createSessionServing } from './session-serving.ts';
import { isUnknownMethod, UNKNOWN_METHOD_STATUS } from './unknown-method.ts';

/** Runs admitted messages on a server of the caller's own, in whichever protocol era they come. */
export interface ServerRuntime {
  readonly hasSessions: boolean;
  serve(serving: Serving): Promise<Answer>;
  userIdOf(principal: Principal): string;
  /** What the client of a protocol session of this caller said of itself. */
  findClient(sessionId: string, caller: Caller): ClientFacts | undefined;
  /** Serves a connection of one caller, whose messages come without admissions. */
  connect(caller: Caller, transport: TransportLike): Promise<Connection>;
  /** Asks the guard for such a connection; its transport comes later. */
  open(caller: Caller, extras: RequestExtras): Promise<OpenedConnection | Refusal>;
  close(): Promise<void>;
}

export function createServerRuntime(options: RuntimeOptions): ServerRuntime {
  const { sdk, sessions } = options;
  const takers = new WeakMap<Exchange, TakeResult>();
  const rules = guardRules(options);
  const guarded = guardServers(options, rules, takers);
  const handler = sdk.createMcpHandler((context) => openFor(context.authInfo, context.era), {
    onerror: withoutClientMistakes(options.onError),
  });
  const failures = new WeakMap<Exchange, MCPAuthError>();
  const direct = openDirectServing(options, rules);
  const listen = createListenStreams(options, guarded);
  const sessionServing =
    sessions === undefined ? undefined : createSessionServing(options, guarded, sessions);

  return {
    hasSessions: sessions !== undefined,
    userIdOf: options.userIdOf,
    findClient: (sessionId, caller) => sessions?.find(sessionId, caller)?.binding.client,
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
        const retryAfterSeconds = retryAfterOf(error);
        return options.toRefusalResponse(
          refuse(error.code, error.message, { detail: error.detail, retryAfterSeconds }),
        );
      }
    },
    connect: (caller, transport) => serveConnection(options, caller, transport),
    open: (caller, extras) => openConnection(options, caller, extras),
    async close() {
      await handler.close();
      await sessions?.close();
      await options.instances.close();
    },
  };

  async function openFor(authInfo: unknown, era: 'legacy' | 'modern'): Promise<NativeServer> {
    const exchange = findExchange(authInfo);
    if (exchange === undefined) throw new Error('A request without an exchange reached the server');
    try {
      return await guarded.openNative(exchange, era);
    } catch (error) {
      if (isServiceFailure(error)) failures.set(exchange, error);
      throw error;
    }
  }

  async function serveStateless(serving: Serving): Promise<Answer> {
    const { exchange } = serving;
    const directly = direct.serve(serving);
    if (directly !== undefined) return directly;
    const response = await answerOf(serving);
    // The SDK answers for a server that could not be had in words of its own, without code or Retry-After.
    const failure = failures.get(exchange);
    if (failure !== undefined) throw failure;
    return response;
  }

  /** What comes first: the result, or what the SDK makes of everything else. */
  function answerOf({ request, exchange, authInfo, parsedBody }: Serving): Promise<Answer> {
    return new Promise((resolve, reject) => {
      takers.set(exchange, (message) => {
        const status = 'error' in message ? UNKNOWN_METHOD_STATUS : 200;
        resolve(plainAnswer(JSON.stringify(message), { ...JSON_HEADERS }, status));
      });
      handler.fetch(request, { authInfo, parsedBody }).then(resolve, reject);
    });
  }
}

function openDirectServing(
  options: RuntimeOptions,
  rules: RulesByKind,
): ReturnType<typeof createDirectServing> {
  const { lend } = options.instances;
  return createDirectServing({
    sdk: options.sdk,
    lend:
      lend === undefined
        ? undefined
        : (exchange) =>
            lend({ client: readEnvelope(exchange.body), ...toInstanceRequest(options, exchange) }),
    hasHeaderRules: (exchange) => findHeaderRules(options, exchange) !== undefined,
    open: async (exchange) =>
      openProduct(options, exchange, {
        open: options.instances.open,
        client: readEnvelope(exchange.body),
        needs: isRequest(exchange.body) ? needsOf(exchange.body) : undefined,
      }),
    guard: (transport, exchange) => new GuardTransport(transport, viewerOf(options, exchange), rules.plain),
    isTold: isServiceFailure,
    onError: options.onError,
  });
}

function guardServers(
  options: RuntimeOptions,
  rules: RulesByKind,
  takers: WeakMap<Exchange, TakeResult>,
): GuardedServers {
  // `Instances.open` gives native v2 servers only; their structural type says less than the SDK's own.
  return {
    openNative: async (exchange, era) => {
      const product = await openGuarded(options, exchange, {
        rules: era === 'modern' ? rules.held : rules.plain,
        open: options.instances.open,
        client: readEnvelope(exchange.body),
        requestState: era === 'modern' ? readRequestState(exchange.body) : undefined,
        take: era === 'modern' ? takers.get(exchange) : undefined,
      });
      const schema = era === 'modern' ? findHeaderRules(options, exchange) : undefined;
      return schema === undefined || findLinkUse(product) === undefined
        ? (product as NativeServer)
        : withHeaderRules(options.sdk, product as BridgeFront, schema);
    },
    openForSession: async (exchange) =>
      (await openGuarded(options, exchange, {
        rules: rules.perStream,
        open: options.instances.openOwn,
        client: readInitialize(exchange.body),
      })) as NativeServer,
  };
}

const JSON_HEADERS = { 'content-type': 'application/json' };

const TOLD: ReadonlySet<string> = new Set(['TRANSPORT_ERROR', 'TOKEN_RESOLUTION_FAILED', 'ACCESS_DENIED']);

/** Whether callers are told more than that something went wrong. */
function isServiceFailure(error: unknown): error is MCPAuthError {
  return error instanceof MCPAuthError && (error.status === 503 || TOLD.has(error.code));
}

function isListen({ parsedBody, request }: Serving): boolean {
  return request.method === 'POST' && asRecord(parsedBody)['method'] === 'subscriptions/listen';
}

interface Opening {
  readonly open: Instances['open'];
  /** What the server is told of its client; nothing where the client cannot be asked. */
  readonly client: ClientFacts | undefined;
  /** The waiting call to which the client returns. */
  readonly requestState?: string | undefined;
  readonly needs?: Needs | undefined;
  readonly take?: TakeResult | undefined;
  readonly rules: GuardRules;
}

/** Puts the guard between a server and whatever it is going to be connected to. */
async function openGuarded(
  options: RuntimeOptions,
  exchange: Exchange,
  opening: Opening,
): Promise<ServerProduct> {
  const product = await openProduct(options, exchange, opening);
  const connect = product.connect.bind(product);
  const link = findLinkUse(product)?.link;
  const { method } = asRecord(exchange.body);
  const { take, rules } = opening;
  const withTaker = (transport: TransportLike): TransportLike =>
    take === undefined
      ? transport
      : takeResult(
          transport,
          take,
          // Of a server behind a link the SDK hears too late for the status.
          (error) => link !== undefined && isUnknownMethod(error, String(method), link.capabilities),
        );
  product.connect = (transport: TransportLike) =>
    connect(new GuardTransport(withTaker(transport), viewerOf(options, exchange), rules));
  return product;
}

function viewerOf({ server, authorizer }: RuntimeOptions, { caller }: Exchange): Viewer {
  return { principal: caller.principal, server, authorizer };
}

interface RulesByKind {
  readonly plain: GuardRules;
  /** For the SDK's entry of the 2026 era: what it answers itself is one JSON body, which waits for its record. */
  readonly held: GuardRules;
  readonly perStream: GuardRules;
}

function guardRules(options: RuntimeOptions): RulesByKind {
  const plain: GuardRules = {
    progress: options.progress,
    timeoutMs: options.timeoutMs,
    onError: withoutClientMistakes(options.onError),
    userIdOf: ({ caller }) => options.userIdOf(caller.principal),
    verdict: (request, extra) => verdictOf(findExchange(asRecord(extra)['authInfo']), request),
    onChange: (notification, { principal }) => {
      followNames(options, notification.method, principal.key);
      options.hub.publish({ scope: { principalKey: principal.key }, notification });
    },
  };
  return {
    plain,
    held: { isAnswerHeld: true, ...plain },
    perStream: { hasStreamPerRequest: true, ...plain },
  };
}

/**
 * Where every request is refused nothing of the server's runs, and the refusals still take the way of its own
 * answers: their form on the wire must not tell a hidden target from an unknown one.
 */
function openProduct(
  options: RuntimeOptions,
  exchange: Exchange,
  { open, client, requestState, needs }: Pick<Opening, 'open' | 'client' | 'requestState' | 'needs'>,
): Promise<ServerProduct> | ServerProduct {
  if ([...exchange.verdicts.values()].every(isRefusal)) {
    return new options.sdk.Server({ name: options.server, version: '0' }, { capabilities: {} });
  }
  return open({ client, requestState, needs, ...toInstanceRequest(options, exchange) });
}

function toInstanceRequest(options: Pick<RuntimeOptions, 'userIdOf'>, exchange: Exchange): InstanceRequest {
  const { caller, extras, presence } = exchange;
  return {
    presence,
    upstreamToken: tokenOf(exchange) ?? new Secret(''),
    userId: options.userIdOf(caller.principal),
    credentialFingerprint: credentialFingerprint(exchange),
    extras: {
      principal: caller.principal,
      requestId: caller.context.requestId,
      progressToken: firstProgressToken(exchange),
      ...extras,
    },
  };
}

function firstProgressToken({ verdicts }: Exchange): string | number | undefined {
  const first = verdicts.values().next().value;
  return first === undefined || isRefusal(first) ? undefined : first.facts.progressToken;
}
