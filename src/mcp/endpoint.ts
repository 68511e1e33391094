import type { Caller } from '../core/admission.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts';
import type { Guard } from '../guard.ts';
import { type Answer, isEventStream, isSuccess } from '../http/answer.ts';
import { type BodyLimits, readJsonBody } from '../http/body.ts';
import { type InboundRequest, singleHeader } from '../http/inbound-request.ts';
import { rpcError } from '../http/responses.ts';
import { type ClientFacts, noteClient, readEnvelope } from './client-facts.ts';
import { type Exchange, openExchange, type Verdict } from './exchange.ts';
import { asRecord, readFacts, readNotice } from './message-facts.ts';
import { isInBand } from './refusal-message.ts';
import { type ExtrasRules, readExtras } from './request-extras.ts';
import {
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcRequest,
} from './server-product.ts';
import type { ServerRuntime } from './server-runtime.ts';
import { settleAll } from './serving.ts';
import { toToolRequest } from './tool-request.ts';

export interface EndpointOptions {
  readonly server: string;
  readonly resource: string;
  readonly guard: Guard;
  readonly runtime: ServerRuntime;
  readonly body: BodyLimits;
  readonly resourceMetadataUrl?: string | undefined;
  readonly extras: ExtrasRules;
  readonly toRefusalResponse: (refusal: Refusal) => Response;
}

/** The MCP side of one server's HTTP endpoint: a known caller's messages in, one answer out. */
export type McpEndpoint = (request: InboundRequest, caller: Caller) => Promise<Answer>;

const MAX_BATCH = 50;
const NOT_RUN = { ok: false, error: 'not_run' } as const;

export function createMcpEndpoint(options: EndpointOptions): McpEndpoint {
  const { server, guard, runtime } = options;

  return async (request, caller) => {
    switch (request.method) {
      case 'POST':
        return post(request, caller);
      case 'GET':
      case 'DELETE':
        return sessionOperation(request, caller);
      default:
        return rpcError('METHOD_NOT_ALLOWED', 'Use POST', { headers: { allow: 'GET, POST, DELETE' } });
    }
  };

  async function post(request: InboundRequest, caller: Caller): Promise<Answer> {
    if (!isJson(singleHeader(request.headers, 'content-type'))) {
      return rpcError('UNSUPPORTED_MEDIA_TYPE', 'Content-Type must be application/json');
    }
    const body = await readJsonBody(request, options.body);
    if (isRefusal(body))
      return rpcError(body.code, body.message, body.detail === 'parse' ? { rpcCode: -32700 } : {});
    const messages = parseMessages(body.value);
    if (isRefusal(messages)) return rpcError(messages.code, messages.message, { id: readId(body.value) });

    const requests = messages.filter(isRequest);
    noteClient(caller, readEnvelope(body.value) ?? clientOfSession(request, caller));
    const verdicts = await admitAll(caller, messages);
    const blocking = findBlocking(requests, verdicts);
    if (blocking !== undefined) {
      await settleAll(verdicts, NOT_RUN);
      return options.toRefusalResponse(blocking);
    }
    return run({ request, caller, verdicts, parsedBody: body.value });
  }

  function clientOfSession({ headers }: InboundRequest, caller: Caller): ClientFacts | undefined {
    const id = singleHeader(headers, 'mcp-session-id');
    return typeof id === 'string' ? runtime.findClient(id, caller) : undefined;
  }

  async function admitAll(
    caller: Caller,
    messages: readonly JsonRpcMessage[],
  ): Promise<Map<string | number, Verdict>> {
    const traceparent = singleHeader(caller.context.headers ?? {}, 'traceparent') ?? undefined;
    const verdicts = new Map<string | number, Verdict>();
    for (const message of messages.filter(isRequest)) {
      verdicts.set(message.id, await guard.admit(caller, readFacts(server, message, traceparent)));
    }
    // Notifications and answers are messages too: they count, need someone behind them, and may make a server act.
    for (const message of messages) {
      if (isRequest(message)) continue;
      const facts = readNotice(server, 'method' in message ? message.method : undefined);
      verdicts.set(noticeKey(verdicts.size), await guard.admit(caller, { traceparent, ...facts }));
    }
    return verdicts;
  }

  async function run(call: Call): Promise<Answer> {
    const { request, caller, verdicts } = call;
    try {
      const exchange: Exchange = {
        caller,
        verdicts,
        extras: readExtras(caller.context, options.extras),
        presence: request.presence,
        body: call.parsedBody,
      };
      const authInfo = openExchange(
        exchange,
        runtime.userIdOf(caller.principal),
        options.resourceMetadataUrl,
      );
      const toolRequest = toToolRequest(request, options.resource, options.extras.headers);
      const response = await runtime.serve({
        request: toolRequest,
        exchange,
        authInfo,
        parsedBody: call.parsedBody,
      });
      // What is answered on a stream ends there; notices have no answer.
      const ended = isEventStream(response) ? noticesIn(verdicts) : verdicts;
      await settleAll(ended, isSuccess(response) ? { ok: true } : NOT_RUN);
      return response;
    } catch (error) {
      await settleAll(verdicts, NOT_RUN);
      throw error;
    }
  }

  async function sessionOperation(request: InboundRequest, caller: Caller): Promise<Answer> {
    if (!runtime.hasSessions) {
      return rpcError('METHOD_NOT_ALLOWED', 'This server keeps no protocol sessions; use POST', {
        headers: { allow: 'POST' },
      });
    }
    const facts = readFacts(server, { jsonrpc: '2.0', id: 0, method: `http/${request.method}` });
    const verdict = await guard.admit(caller, facts);
    if (isRefusal(verdict)) return options.toRefusalResponse(verdict);
    return run({ request, caller, verdicts: new Map([['', verdict]]), parsedBody: undefined });
  }
}

interface Call {
  readonly request: InboundRequest;
  readonly caller: Caller;
  readonly verdicts: Map<string | number, Verdict>;
  readonly parsedBody: unknown;
}

/** A key that is no request's id: those that are numbers are whole. */
function noticeKey(index: number): number {
  return index + 0.5;
}

function noticesIn(verdicts: ReadonlyMap<string | number, Verdict>): ReadonlyMap<string | number, Verdict> {
  return new Map([...verdicts].filter(([key]) => typeof key === 'number' && !Number.isInteger(key)));
}

function readId(body: unknown): string | number | undefined {
  const { id } = asRecord(body);
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}

function parseMessages(body: unknown): readonly JsonRpcMessage[] | Refusal {
  const list: readonly unknown[] = Array.isArray(body) ? body : [body];
  if (list.length === 0) return refuse('VALIDATION_ERROR', 'The batch is empty');
  if (list.length > MAX_BATCH)
    return refuse('VALIDATION_ERROR', `A batch holds at most ${MAX_BATCH} messages`);
  const messages: JsonRpcMessage[] = [];
  const ids = new Set<string | number>();
  for (const item of list) {
    if (isRequest(item)) {
      if (ids.has(item.id)) return refuse('VALIDATION_ERROR', 'Two requests of the batch have the same id');
      ids.add(item.id);
    } else if (!isNotification(item) && !isResponse(item)) {
      return refuse('VALIDATION_ERROR', 'The body is not a JSON-RPC 2.0 message');
    }
    messages.push(item);
  }
  return messages;
}

/** The refusal that becomes the HTTP answer; scopes missing anywhere in the batch are asked for at once. */
function findBlocking(
  requests: readonly JsonRpcRequest[],
  verdicts: ReadonlyMap<string | number, Verdict>,
): Refusal | undefined {
  const methods = new Map(requests.map((message) => [message.id, message.method]));
  const blocking = [...verdicts].flatMap(([id, verdict]) =>
    isRefusal(verdict) && !isInBand(verdict, methods.get(id) ?? '') ? [verdict] : [],
  );
  const first = blocking.find((refusal) => refusal.remedy?.kind !== 'scopes') ?? blocking[0];
  if (first?.remedy?.kind !== 'scopes') return first;
  const scopes = blocking.flatMap(({ remedy }) => (remedy?.kind === 'scopes' ? remedy.scopes : []));
  return { ...first, remedy: { kind: 'scopes', scopes: [...new Set(scopes)] } };
}

function isJson(contentType: string | null | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json';
}
