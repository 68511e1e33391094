import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange, ToySetup } from './toy-guard.ts';
import {
  addCors,
  authenticate,
  isAllowedHost,
  isAllowedOrigin,
  metadataParam,
  parse,
  send,
  sendMetadata,
} from './toy-guard.ts';
import {
  answer,
  type Caller,
  canSee,
  hasScope,
  LEGACY,
  type Message,
  MODERN,
  type Outcome,
} from './toy-protocol.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export function createToyEndpoint(setup: ToySetup): Handler {
  const sessions = new Map<string, unknown>();
  return (request, response) => serve({ ...setup, request, response, sessions });
}

async function serve(exchange: Exchange): Promise<void> {
  const { request, has } = exchange;
  const url = request.url ?? '/';
  const isWellKnown = url.startsWith('/.well-known/oauth-protected-resource/mcp');
  if (!isAllowedHost(exchange) && !(isWellKnown && has('metadata-from-host'))) return send(exchange, 403);
  if (!isAllowedOrigin(exchange)) return send(exchange, 403);
  addCors(exchange);
  if (isWellKnown) return sendMetadata(exchange);
  if (url.split('?')[0] !== '/mcp') return send(exchange, 404);
  if (request.method === 'OPTIONS') return send(exchange, has('preflight-401') ? 401 : 204);
  if (request.method === 'GET' && request.headers.accept !== 'text/event-stream') {
    const personal = has('personal-info') && request.headers.authorization !== undefined;
    return send(exchange, 200, { name: 'toy', ...(personal ? { user: 'alice' } : {}) });
  }
  const body = await readBody(request);
  if (await answeredTooEarly(exchange, body)) return;
  const caller = authenticate(exchange, body);
  if (caller === undefined) return;
  if (request.method === 'GET') return openStream(exchange, caller, ':\n\n');
  if (request.method === 'DELETE') {
    if (!ownsSession(exchange, caller)) return sendUnknownSession(exchange);
    exchange.sessions.delete(sessionId(request) ?? '');
    return send(exchange, 204);
  }
  if (request.method !== 'POST') return send(exchange, 405);
  return post(exchange, caller, body);
}

/** Every way of telling a stranger something before the token is looked at. */
async function answeredTooEarly(exchange: Exchange, body: Buffer): Promise<boolean> {
  const { request, sessions, has } = exchange;
  const message = parse(body);
  const single = (Array.isArray(message) ? undefined : message) as Message | undefined;
  const session = sessionId(request);
  if (has('parse-before-token') && request.method === 'POST' && message === undefined) {
    send(exchange, 400);
  } else if (has('tool-before-token') && single?.method === 'tools/call' && single.params?.name === 'qzxj') {
    send(exchange, 404);
  } else if (has('method-before-token') && single?.method === 'gatehouse/none') {
    send(exchange, 404);
  } else if (has('session-before-token') && session !== undefined && !sessions.has(session)) {
    sendUnknownSession(exchange);
  } else if (request.headers.authorization === undefined && isOpenTo(exchange, message)) {
    const stranger = { claims: { sub: 'anybody' }, token: '' };
    if (request.method !== 'POST') send(exchange, 204);
    else await post(exchange, stranger, body);
  } else {
    return false;
  }
  return true;
}

function isOpenTo({ request, has }: Exchange, message: unknown): boolean {
  if (has('open-get') && request.method === 'GET') return true;
  if (has('open-delete') && request.method === 'DELETE') return true;
  if (has('batch-open') && Array.isArray(message)) return true;
  const method = (message as Message | undefined)?.method;
  if (has('open-listen') && method === 'subscriptions/listen') return true;
  return has('open-ping') && (method === 'ping' || method === 'prompts/list');
}

async function post(exchange: Exchange, caller: Caller, body: Buffer): Promise<void> {
  const { request, has } = exchange;
  const parsed = parse(body);
  if (parsed === undefined && has('malformed-500')) return send(exchange, 500);
  const messages = (Array.isArray(parsed) ? parsed : [parsed]) as readonly Message[];
  if (messages.length === 0 || !messages.every(isMessage)) {
    if (has('malformed-200'))
      return send(exchange, 200, { jsonrpc: '2.0', error: { code: -32600 }, id: null });
    return send(exchange, 400);
  }
  const [first = {}] = messages;
  const meta = first.params?._meta as Readonly<Record<string, unknown>> | undefined;
  const isModern = meta?.['io.modelcontextprotocol/protocolVersion'] === MODERN;
  const version = request.headers['mcp-protocol-version'];
  const isKnown = version === undefined || [LEGACY, MODERN].includes(String(version));
  if (!isKnown && !has('any-version')) return send(exchange, 400);
  if (isModern && !mirrors(exchange, first) && !has('headers-unchecked')) {
    return send(exchange, 400, { jsonrpc: '2.0', id: first.id, error: { code: -32020 } });
  }
  if (!isModern && first.method !== 'initialize' && !ownsSession(exchange, caller)) {
    return sendUnknownSession(exchange);
  }
  if (first.id === undefined) return send(exchange, 202);
  if (has('name-crash') && String(first.params?.name).includes('\n')) return send(exchange, 500);
  if (isModern && first.method === 'subscriptions/listen') return listen(exchange, caller, first);
  const isLoose = has('batch-unchecked') && Array.isArray(parsed);
  if (!isLoose && !messages.every((message) => hasScope(caller, actual(exchange, message)))) {
    return denyScope(exchange, first);
  }
  if (first.method === 'initialize') {
    const id = randomUUID();
    exchange.sessions.set(id, caller.claims.sub);
    exchange.response.setHeader('Mcp-Session-Id', id);
  }
  const outcomes = messages.map((message) => answer(message, caller, has));
  sendOutcomes(exchange, messages, outcomes, isModern);
}

/** The message as the server believes it to be. */
function actual({ request, has }: Exchange, message: Message): Message {
  const name = request.headers['mcp-name'];
  if (!has('name-header-decides') || name === undefined) return message;
  return { ...message, params: { ...message.params, name } };
}

function mirrors({ request, has }: Exchange, { method, params = {} }: Message): boolean {
  const { headers } = request;
  if ((headers['mcp-protocol-version'] !== MODERN && !has('any-version')) || headers['mcp-method'] !== method)
    return false;
  const isNamed = ['tools/call', 'prompts/get', 'resources/read'].includes(String(method));
  if (!isNamed || has('name-header-decides')) return true;
  const given = String(headers['mcp-name']);
  const encoded = /^=\?base64\?(.*)\?=$/.exec(given)?.[1];
  const name = encoded === undefined ? given : Buffer.from(encoded, 'base64').toString('utf8');
  return name === (params.name ?? params.uri);
}

function denyScope(exchange: Exchange, message: Message): void {
  const { has } = exchange;
  const error = { code: -32052, message: 'More scope is needed' };
  if (has('scope-in-200')) return send(exchange, 200, { jsonrpc: '2.0', id: message.id, error });
  const params = ['error="insufficient_scope"'];
  if (!has('scope-unnamed')) params.push(`scope="${scopeToAskFor(exchange)}"`);
  if (!has('scope-without-metadata')) params.push(metadataParam(exchange, 'a token'));
  exchange.response.setHeader('WWW-Authenticate', `Bearer ${params.join(', ')}`);
  send(exchange, has('scope-as-401') ? 401 : 403, { jsonrpc: '2.0', id: message.id, error });
}

function scopeToAskFor({ has, sessions }: Exchange): string {
  if (has('offline-in-step-up')) return 'notes:write offline_access';
  if (has('scope-already-held')) return 'notes:read';
  if (!has('scope-by-turns')) return 'notes:write';
  const turn = Number(sessions.get('turn') ?? 0) + 1;
  sessions.set('turn', turn);
  return `notes:write:${turn}`;
}

function sendOutcomes(
  exchange: Exchange,
  messages: readonly Message[],
  outcomes: readonly Outcome[],
  isModern: boolean,
): void {
  const [only] = outcomes;
  if (outcomes.some((outcome) => 'denied' in outcome)) return send(exchange, 403);
  const answers = outcomes.map((outcome, index) => ({ jsonrpc: '2.0', id: messages[index]?.id, ...outcome }));
  const isUnknown = only !== undefined && 'error' in only && only.error.code === -32601;
  send(exchange, isModern && isUnknown ? 404 : 200, answers.length === 1 ? answers[0] : answers);
}

function listen(exchange: Exchange, caller: Caller, message: Message): void {
  const wanted = message.params?.notifications as { readonly resourceSubscriptions?: readonly string[] };
  const uris = (wanted.resourceSubscriptions ?? []).filter(
    (uri) => exchange.has('listen-to-anything') || canSee(caller, 'resources', uri),
  );
  const method = 'notifications/subscriptions/acknowledged';
  const params = { notifications: { ...wanted, resourceSubscriptions: uris } };
  openStream(exchange, caller, `data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`);
}

function openStream(exchange: Exchange, caller: Caller, first: string): void {
  const { request, response, has } = exchange;
  if (request.method === 'GET' && !ownsSession(exchange, caller)) return sendUnknownSession(exchange);
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.write(first);
  if (has(request.method === 'GET' ? 'stream-outlives-token' : 'listen-outlives-token')) return;
  const timer = setTimeout(() => response.end(), Number(caller.claims.exp ?? 0) * 1000 - Date.now());
  response.on('close', () => clearTimeout(timer));
}

function ownsSession({ request, sessions, has }: Exchange, { claims }: Caller): boolean {
  const id = sessionId(request) ?? '';
  return sessions.has(id) && (sessions.get(id) === claims.sub || has('session-unbound'));
}

function sendUnknownSession(exchange: Exchange): void {
  const { request, sessions, has } = exchange;
  const exists = sessions.has(sessionId(request) ?? '');
  if (exists && has('session-403')) return send(exchange, 403);
  send(exchange, 404, { message: exists && has('session-told') ? 'Not your session' : 'No such session' });
}

function sessionId(request: IncomingMessage): string | undefined {
  const id = request.headers['mcp-session-id'];
  return typeof id === 'string' ? id : undefined;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const { jsonrpc, id, method, params } = value as Message;
  const isId = id === undefined || typeof id === 'number' || typeof id === 'string';
  const areParams = params === undefined || (typeof params === 'object' && params !== null);
  return jsonrpc === '2.0' && typeof method === 'string' && isId && areParams;
}
