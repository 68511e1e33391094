import { takeEnvelope } from './envelope.ts';
import { asRecord } from './message-facts.ts';
import type { LowLevelServer } from './modern-era.ts';
import { RPC, type RpcError } from './rpc-error.ts';
import type { ServerSdk } from './sdk.ts';
import {
  isRequest,
  type JsonObject,
  type JsonRpcErrorResponse,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
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

interface ProtocolInside {
  readonly [RUNNING]: Map<JsonRpcId, AbortController>;
  [HANDLER](method: string): Handler | undefined;
  [SERVER_INFO](): unknown;
  [CODEC](): {
    encodeResult(method: string, result: JsonObject, serverInfo: unknown): JsonObject;
    encodeErrorCode(code: number): number;
  };
  [CONTEXT](base: object, extra: unknown): unknown;
}

/**
 * What the SDK does with each request, without what the gate has done already: it lets zod tell three times what kind of
 * message it has, and check the envelope, which takes as long as a small tool. Undefined where the SDK is not made as
 * it was, and has to do it all itself.
 */
export function findRequestDispatch(sdk: ServerSdk): TakeRequests | undefined {
  const probe = new sdk.Server({ name: 'probe', version: '0' }, { capabilities: {} });
  return isKnown(probe) ? takeRequests : undefined;
}

function isKnown(server: object): boolean {
  const inside = server as Partial<ProtocolInside>;
  if (!(inside[RUNNING] instanceof Map)) return false;
  if ([HANDLER, SERVER_INFO, CODEC, CONTEXT].some((name) => typeof Reflect.get(server, name) !== 'function'))
    return false;
  const codec = inside[CODEC]?.();
  return typeof codec?.encodeResult === 'function' && typeof codec.encodeErrorCode === 'function';
}

function takeRequests(server: LowLevelServer, transport: TransportLike): void {
  const receive = transport.onmessage;
  transport.onmessage = (message: JsonRpcMessage, extra: unknown) => {
    const handler = isRequest(message) && isPlain(message, extra) ? handlerOf(server, message) : undefined;
    if (handler === undefined) receive?.(message, extra);
    else dispatch(server, transport, { handler, ...takeEnvelope(message as JsonRpcRequest), extra });
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
const handlerOf = (server: LowLevelServer, { method }: JsonRpcRequest): Handler | undefined =>
  insideOf(server)[HANDLER](method);

function dispatch(server: LowLevelServer, transport: TransportLike, given: Dispatch): void {
  const inside = insideOf(server);
  const { id } = given.request;
  const running = new AbortController();
  // The SDK aborts it when the client cancels or the connection ends.
  inside[RUNNING].set(id, running);
  const context = inside[CONTEXT](toContext(server, given, running.signal), given.extra);
  respond(server, given, context)
    .then((response) => (running.signal.aborted ? undefined : transport.send(response)))
    .catch((error: unknown) => report(server, 'Failed to send response', error))
    .finally(() => {
      const controllers = inside[RUNNING];
      if (controllers.get(id) === running) controllers.delete(id);
    });
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
        schemaOrOptions !== undefined && '~standard' in schemaOrOptions
          ? server.request(asked, schemaOrOptions as never, { ...options, relatedRequestId: id })
          : server.request(asked, { ...schemaOrOptions, relatedRequestId: id })) as unknown,
      notify: (notification: never, options?: object) =>
        server.notification(notification, { ...options, relatedRequestId: id }),
    },
    http: authInfo === undefined ? undefined : { authInfo },
  };
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
    return { jsonrpc: '2.0', id, result: codec.encodeResult(method, result, inside[SERVER_INFO]()) };
  } catch (error) {
    report(server, `Failed to encode result for ${method}`, error);
    return { jsonrpc: '2.0', id, error: { code: RPC.internalError, message: 'Internal error' } };
  }
}

function toErrorBody(thrown: unknown, encodeCode: (code: number) => number): JsonRpcErrorResponse['error'] {
  const { code, message, data } = thrown as Partial<RpcError>;
  return {
    code: encodeCode(Number.isSafeInteger(code) ? Number(code) : RPC.internalError),
    message: message ?? 'Internal error',
    ...(data !== undefined && { data }),
  };
}

function report(server: LowLevelServer, what: string, error: unknown): void {
  server.onerror?.(new Error(`${what}: ${String(error)}`));
}
