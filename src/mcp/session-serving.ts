import { isEventStream } from '../http/answer.ts';
import { followStream } from '../http/followed-stream.ts';
import { rpcError } from '../http/responses.ts';
import { fingerprintInputs } from './build-inputs.ts';
import { readInitialize } from './client-facts.ts';
import { withDeadline } from './deadline.ts';
import type { Exchange } from './exchange.ts';
import { asRecord } from './message-facts.ts';
import type { ProtocolSession, ProtocolSessions, SessionChannel } from './protocol-sessions.ts';
import type { ServerSdk } from './sdk.ts';
import { isRequest, type JsonRpcId } from './server-product.ts';
import {
  credentialFingerprint,
  type GuardedServers,
  type RuntimeOptions,
  type Serving,
  settleAll,
  tokenOf,
} from './serving.ts';
import { boundUnread } from './unread-bound.ts';

const CLOSE_MS = 2_000;

/** 2025-era requests of a server that keeps protocol sessions. */
export interface SessionServing {
  isFor(serving: Serving): boolean;
  serve(serving: Serving): Promise<Response>;
}

export function createSessionServing(
  options: RuntimeOptions,
  servers: GuardedServers,
  sessions: ProtocolSessions,
): SessionServing {
  return {
    isFor: ({ request, parsedBody }) =>
      request.method !== 'POST' || isLegacy(options.sdk, request, parsedBody),
    async serve(serving) {
      const { request, exchange, parsedBody } = serving;
      const id = request.headers.get('mcp-session-id');
      const isOpening = asRecord(parsedBody)['method'] === 'initialize';
      if (id === null && !isOpening)
        return rpcError('VALIDATION_ERROR', 'The Mcp-Session-Id header is required');
      const session = id === null ? await open(exchange) : find(id, exchange);
      // One answer for unknown, ended and foreign sessions: the id tells nothing.
      if (session === undefined) return rpcError('NOT_FOUND', 'Unknown session');
      const response = await run(sessions, session, serving);
      if (request.method === 'DELETE' || (id === null && !response.ok)) await sessions.end(session.id);
      return request.method === 'GET' && isEventStream(response)
        ? endWithToken(response, exchange, options)
        : response;
    },
  };

  function find(id: string, exchange: Exchange): ProtocolSession | undefined {
    const session = sessions.find(id, exchange.caller);
    if (session === undefined) return undefined;
    const { token, inputs } = bindingOf(exchange);
    // The server behind the session was built for other extras or rights: it is not the one for this request.
    if (inputs !== session.binding.inputs) return undefined;
    if (token === undefined || token === session.binding.token) return session;
    // The server behind the session was built with a token that has been rotated: the client starts anew.
    void sessions.end(id).catch(options.onError);
    return undefined;
  }

  async function open(exchange: Exchange): Promise<ProtocolSession> {
    const { token = '', inputs } = bindingOf(exchange);
    const client = readInitialize(exchange.body);
    return sessions.open(exchange.caller, { token, inputs, client }, (id) => openChannel(id, exchange));
  }

  async function openChannel(id: string, exchange: Exchange): Promise<SessionChannel> {
    const { WebStandardStreamableHTTPServerTransport } = options.sdk;
    const product = await servers.openForSession(exchange);
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    await product.connect(transport);
    const { onclose } = transport;
    transport.onclose = () => {
      onclose?.();
      // A session whose server has closed serves nobody: the client is told that it is over, and opens another.
      void sessions.end(id).catch(options.onError);
    };
    return {
      handle: (request, { authInfo, parsedBody }) =>
        transport.handleRequest(request, { authInfo, ...(parsedBody !== undefined && { parsedBody }) }),
      async close() {
        try {
          // First, and not the other way round: calls in flight are answered while there is somewhere to answer to.
          await withDeadline(product.close(), CLOSE_MS, 'The server of a session did not close in time');
        } finally {
          await transport.close();
        }
      },
    };
  }
}

/** While a request is under way the session is in use; a stream that only listens does not keep it. */
async function run(
  sessions: ProtocolSessions,
  session: ProtocolSession,
  { request, authInfo, parsedBody }: Serving,
): Promise<Response> {
  const done = sessions.begin(session, requestIdsIn(parsedBody));
  // The SDK would answer the first of two requests on the stream of the second.
  if (done === undefined) return rpcError('VALIDATION_ERROR', 'This request id is in use');
  let isStreaming = false;
  try {
    const response = await session.channel.handle(request, { authInfo, parsedBody });
    isStreaming = request.method === 'POST' && isEventStream(response);
    return isStreaming ? followStream(response, done).response : response;
  } finally {
    if (!isStreaming) done();
  }
}

/** A stream that lasts, until its token expires or is revoked. */
function endWithToken(
  response: Response,
  exchange: Exchange,
  { liveStreams, onError }: RuntimeOptions,
): Response {
  const stream = followStream(boundUnread(response), () => {
    forget();
    void settleAll(exchange.verdicts, { ok: true }).catch(onError);
  });
  const forget = liveStreams.add({
    principalKey: exchange.caller.principal.key,
    credentialFingerprint: credentialFingerprint(exchange),
    expiresAt: exchange.caller.principal.expiresAt,
    close: () => stream.end(),
  });
  return stream.response;
}

function isLegacy(sdk: ServerSdk, { headers, method }: Request, body: unknown): boolean {
  const outcome = sdk.classifyInboundRequest({
    httpMethod: method,
    body,
    ...header('protocolVersionHeader', headers.get('mcp-protocol-version')),
    ...header('mcpMethodHeader', headers.get('mcp-method')),
    ...header('mcpNameHeader', headers.get('mcp-name')),
  });
  return outcome.kind === 'legacy';
}

/** Without a token where the request needs none. */
function bindingOf(exchange: Exchange): { readonly token: string | undefined; readonly inputs: string } {
  const { caller, extras } = exchange;
  return {
    token: tokenOf(exchange)?.fingerprint(),
    inputs: fingerprintInputs({ principal: caller.principal, ...extras }),
  };
}

function requestIdsIn(body: unknown): readonly JsonRpcId[] {
  return (Array.isArray(body) ? body : [body]).filter(isRequest).map(({ id }) => id);
}

function header<Name extends string>(name: Name, value: string | null): { [key in Name]?: string } {
  return value === null ? {} : ({ [name]: value } as { [key in Name]?: string });
}
