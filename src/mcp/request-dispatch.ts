import { ENVELOPE, MODERN_VERSION, takeEnvelope } from './envelope.ts';
import { asRecord } from './message-facts.ts';
import type { LowLevelServer } from './modern-era.ts';
import { RPC } from './rpc-error.ts';
import type { ServerSdk } from './sdk.ts';
import {
  isObject,
  isRequest,
  type JsonObject,
  type JsonRpcErrorResponse,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';

/** Makes a connected server serve the requests that come over its transport by {@link findRequestDispatch}'s way. */
export type TakeRequests = (server: LowLevelServer, transport: TransportLike) => void;

type Handler = (request: JsonRpcRequest, context: unknown) => Promise<JsonObject>;

// Members of the SDK's protocol class that its own way of serving a request uses. None of them is public.
const HANDLER = '_getRequestHandler';
const RUNNING = '_requestHandlerAbortControllers';
const SERVER_INFO = '_outboundServerInfo';
const CODEC = '_wireCodec';
const CONTEXT = 'buildContext';
const RECEIVE = '_onrequest';

interface Codec {
  readonly era: string;
  hasRequestMethod(method: string): boolean;
  encodeResult(method: string, result: JsonObject, serverInfo: unknown): JsonObject;
  encodeErrorCode(code: number): number;
}

interface ProtocolInside {
  readonly [RUNNING]: Map<JsonRpcId, AbortController>;
  [HANDLER](method: string): Handler | undefined;
  [SERVER_INFO](): unknown;
  [CODEC](): Codec;
  [CONTEXT](base: object, extra: unknown): unknown;
}

/**
 * What the SDK does with each request, without what the gate has done already: it lets zod tell three times what kind of
 * message it has, and check the envelope, which takes as long as a small tool. Undefined where the SDK is not made as
 * it was, and has to do it all itself.
 */
export function findRequestDispatch(sdk: ServerSdk): TakeRequests | undefined {
  const probe = new sdk.Server({ name: 'probe', version: '0' }, { capabilities: {} });
  const listener = isKnown(probe) ? listenerOf(probe) : undefined;
  const receive: unknown = Reflect.get(probe, RECEIVE);
  // Somebody may have put something of their own into the SDK itself.
  if (!textOf(listener).includes(RECEIVE) || !textOf(receive).includes(RUNNING)) return undefined;
  const expected = textOf(listener);
  return (server, transport) => {
    // What a factory has put between its server and the transport has to see every message, and may refuse it.
    const isUnchanged =
      server.transport === transport &&
      Reflect.get(server, RECEIVE) === receive &&
      textOf(transport.onmessage) === expected;
    if (isUnchanged) takeRequests(server, transport);
  };
}

function isKnown(server: object): boolean {
  const inside = server as Partial<ProtocolInside>;
  if (!(inside[RUNNING] instanceof Map)) return false;
  if ([HANDLER, SERVER_INFO, CODEC, CONTEXT].some((name) => typeof Reflect.get(server, name) !== 'function'))
    return false;
  const codec: Partial<Codec> | undefined = inside[CODEC]?.();
  return (
    typeof codec?.era === 'string' &&
    [codec.hasRequestMethod, codec.encodeResult, codec.encodeErrorCode].every(
      (member) => typeof member === 'function',
    )
  );
}

/** What the SDK listens with to a transport. It sets that before anything is waited for. */
function listenerOf(server: ServerProduct): unknown {
  const transport: TransportLike = {
    start: () => Promise.resolve(),
    send: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  void server.connect(transport).catch(() => undefined);
  return transport.onmessage;
}

/** Functions that were made anew in the same place have nothing else in common. */
const textOf = (value: unknown): string =>
  typeof value === 'function' ? Function.prototype.toString.call(value) : '';

function takeRequests(server: LowLevelServer, transport: TransportLike): void {
  const receive = transport.onmessage;
  transport.onmessage = (message: JsonRpcMessage, extra: unknown) => {
    const given = isRequest(message) && isPlain(message, extra) ? findDispatch(server, message) : undefined;
    if (given === undefined) receive?.(message, extra);
    else void dispatch(server, transport, { extra, ...given });
  };
}

/** What returns to a call, and what the SDK's entry has classified, has more to it. */
function isPlain({ params }: JsonRpcRequest, extra: unknown): boolean {
  return (
    (params === undefined || !('requestState' in params || 'inputResponses' in params)) &&
    asRecord(extra)['classification'] === undefined
  );
}

interface Dispatch {
  readonly handler: Handler;
  readonly request: JsonRpcRequest;
  readonly envelope: JsonObject | undefined;
  readonly extra: unknown;
}

const insideOf = (server: LowLevelServer): ProtocolInside => server as unknown as ProtocolInside;

/** Undefined for what its era does not know, or knows only with an envelope: the SDK refuses that in its own words. */
function findDispatch(server: LowLevelServer, message: JsonRpcRequest): Omit<Dispatch, 'extra'> | undefined {
  const inside = insideOf(server);
  const codec = inside[CODEC]();
  const { request, envelope } = takeEnvelope(message);
  const isComplete = codec.era !== MODERN_VERSION || envelope?.[ENVELOPE.protocolVersion] !== undefined;
  const handler =
    isComplete && codec.hasRequestMethod(request.method) ? inside[HANDLER](request.method) : undefined;
  return handler === undefined ? undefined : { handler, request, envelope };
}

async function dispatch(server: LowLevelServer, transport: TransportLike, given: Dispatch): Promise<void> {
  const inside = insideOf(server);
  const { id } = given.request;
  const running = new AbortController();
  // The SDK aborts it when the client cancels or the connection ends.
  inside[RUNNING].set(id, running);
  const context = inside[CONTEXT](toContext(server, given, running.signal), given.extra);
  try {
    const response = await respond(server, given, context);
    if (!running.signal.aborted) await transport.send(response);
  } catch (error) {
    report(server, 'Failed to send response', error);
  } finally {
    const controllers = inside[RUNNING];
    if (controllers.get(id) === running) controllers.delete(id);
  }
}

const NO_REQUEST_STATE = (): undefined => undefined;

function toContext(server: LowLevelServer, { request, envelope, extra }: Dispatch, signal: AbortSignal) {
  const { id, method, params } = request;
  const { authInfo } = asRecord(extra);
  return {
    sessionId: server.transport?.sessionId,
    mcpReq: {
      id,
      method,
      _meta: params?.['_meta'],
      ...(envelope !== undefined && { envelope }),
      requestState: NO_REQUEST_STATE,
      signal,
      send: ((asked: never, schemaOrOptions?: object, options?: object) =>
        isSchema(schemaOrOptions)
          ? server.request(asked, schemaOrOptions as never, { ...options, relatedRequestId: id })
          : server.request(asked, { ...schemaOrOptions, relatedRequestId: id })) as unknown,
      notify: (notification: never, options?: object) =>
        server.notification(notification, { ...options, relatedRequestId: id }),
    },
    http: authInfo === undefined ? undefined : { authInfo },
  };
}

/** As the SDK tells: some of them are functions. */
function isSchema(value: unknown): boolean {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') && '~standard' in value
  );
}

async function respond(
  server: LowLevelServer,
  { handler, request }: Dispatch,
  context: unknown,
): Promise<JsonRpcResponse> {
  const { id, method } = request;
  const inside = insideOf(server);
  const codec = inside[CODEC]();
  let result: JsonObject;
  try {
    // Not at once: whoever delivers the request expects to be done before it runs.
    await Promise.resolve();
    result = await handler(request, context);
  } catch (error) {
    return { jsonrpc: '2.0', id, error: toErrorBody(error, codec.encodeErrorCode) };
  }
  try {
    const encoded = codec.encodeResult(method, result, inside[SERVER_INFO]());
    // What is no message is nobody's answer, and its client would wait for ever.
    if (!isObject(encoded)) throw new TypeError('A result is an object');
    return { jsonrpc: '2.0', id, result: encoded };
  } catch (error) {
    report(server, `Failed to encode result for ${method}`, error);
    return { jsonrpc: '2.0', id, error: { code: RPC.internalError, message: 'Internal error' } };
  }
}

/** Whatever was thrown, `null` included: an error without code or message in words is answered all the same. */
function toErrorBody(thrown: unknown, encodeCode: (code: number) => number): JsonRpcErrorResponse['error'] {
  const { code, message, data } = asRecord(thrown);
  return {
    code: encodeCode(Number.isSafeInteger(code) ? Number(code) : RPC.internalError),
    message: typeof message === 'string' ? message : 'Internal error',
    ...(data !== undefined && { data }),
  };
}

function report(server: LowLevelServer, what: string, error: unknown): void {
  try {
    server.onerror?.(new Error(`${what}: ${String(error)}`));
  } catch {
    // It is the server's own listener that failed; there is nobody left to tell, and the process goes on.
  }
}
