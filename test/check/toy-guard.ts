import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Has } from './broken-servers.ts';
import type { Caller } from './toy-protocol.ts';
import type { ToyVerifier } from './toy-tokens.ts';

export interface ToySetup {
  readonly origin: string;
  readonly resource: string;
  readonly issuer: string;
  readonly verifier: ToyVerifier;
  readonly has: Has;
}

export interface Exchange extends ToySetup {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Session id → the subject it belongs to. */
  readonly sessions: Map<string, unknown>;
}

export function isAllowedHost({ request, origin, has }: Exchange): boolean {
  return has('any-host') || request.headers.host === new URL(origin).host;
}

export function isAllowedOrigin({ request, origin, has }: Exchange): boolean {
  const given = request.headers.origin;
  if (given === undefined || given === origin || has('any-origin')) return true;
  if (has('cors-for-all') && request.method === 'OPTIONS') return true;
  return has('origin-by-prefix') && given.startsWith(new URL(origin).origin.replace(/:\d+$/, ''));
}

export function addCors({ request, response, has }: Exchange): void {
  const { origin } = request.headers;
  if (origin === undefined || (has('any-origin') && request.method === 'OPTIONS')) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type, MCP-Protocol-Version');
  if (!has('cors-hides-challenge')) response.setHeader('Access-Control-Expose-Headers', 'WWW-Authenticate');
}

export function sendMetadata(exchange: Exchange): void {
  const { request, origin, resource, issuer, has } = exchange;
  if (has('metadata-absent')) return send(exchange, 404);
  if (has('metadata-protected') && request.headers.authorization === undefined) return send(exchange, 401);
  const forwarded = has('metadata-from-forwarded') ? request.headers['x-forwarded-host'] : undefined;
  const host = has('metadata-from-host') ? request.headers.host : forwarded;
  const servers = has('issuer-not-announced') ? ['https://elsewhere.example'] : [issuer];
  send(exchange, 200, {
    resource: has('metadata-of-origin')
      ? origin
      : host === undefined
        ? resource
        : `http://${String(host)}/mcp`,
    ...(has('metadata-without-servers') ? { authorization_servers: [] } : { authorization_servers: servers }),
    scopes_supported: [
      'notes:read',
      'notes:write',
      ...(has('offline-in-metadata') ? ['offline_access'] : []),
    ],
    bearer_methods_supported: has('query-announced') ? ['header', 'query'] : ['header'],
  });
}

/** The caller; undefined when a refusal has been sent. */
export function authenticate(exchange: Exchange, body: Buffer): Caller | undefined {
  const { request, verifier, has } = exchange;
  const fields = request.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const values = fields.filter((name) => name === 'authorization').length;
  const isDouble = values > 1 && !has('first-of-two');
  if (isDouble || (values > 0 && fields.includes('x-api-key') && !has('key-beside-bearer'))) {
    send(exchange, 400);
    return undefined;
  }
  const field = request.headers.authorization ?? '';
  if (has('basic-accepted') && field.startsWith('Basic ')) return { claims: { sub: 'anybody' }, token: '' };
  if (has('bare-scheme-crash') && field === 'Bearer') {
    send(exchange, 500);
    return undefined;
  }
  const isDpop = has('dpop-unproved') && field.startsWith('DPoP ');
  const scheme = has('case-sensitive-scheme') ? /^Bearer +(\S+)$/ : /^Bearer +(\S+)$/i;
  const token =
    scheme.exec(isDpop ? field.replace('DPoP', 'Bearer') : field)?.[1] ?? misplacedToken(exchange, body);
  const claims = token === undefined ? undefined : verifier.verify(token);
  const isBound = claims?.cnf !== undefined && !isDpop && !has('bound-as-bearer');
  if (token !== undefined && claims !== undefined && !isBound) return { claims, token };
  refuse(exchange, field === '' ? undefined : field, body);
  return undefined;
}

function misplacedToken({ request, has }: Exchange, body: Buffer): string | undefined {
  const query = new URL(request.url ?? '/', 'http://toy').searchParams.get('access_token');
  if (has('query-token') && query !== null) return query;
  if (has('form-token')) {
    const form = new URLSearchParams(body.toString('utf8')).get('access_token');
    if (form !== null) return form;
  }
  const message = parse(body) as { readonly access_token?: string } | undefined;
  return has('message-token') ? message?.access_token : undefined;
}

/** 401: nothing was presented, or what was presented is no good. */
function refuse(exchange: Exchange, presented: string | undefined, body: Buffer): void {
  const { request, response, has } = exchange;
  if (presented === undefined && has('no-challenge')) return send(exchange, 401);
  const query = new URL(request.url ?? '/', 'http://toy').searchParams.get('gatehouse') ?? '';
  if (presented === undefined && has('missing-403')) return send(exchange, 403);
  if (has('newline-crash') && query.includes('\n')) return send(exchange, 500);
  const params = [metadataParam(exchange, presented)];
  if (!has('no-scope'))
    params.push(`scope="notes:read${has('offline-in-challenge') ? ' offline_access' : ''}"`);
  if (has('challenge-unescaped') && query !== '')
    params.push(`error_description="${query.replace(/[\r\n]/g, '')}"`);
  if (has('header-in-challenge')) params.push(`realm="${String(request.headers['mcp-name'])}"`);
  const { method } = (parse(body) ?? {}) as { readonly method?: unknown };
  if (has('message-in-challenge')) params.push(`realm="${String(method).replace(/[\r\n]/g, '')}"`);
  const saysInvalid = presented === undefined ? has('error-on-missing') : !has('no-invalid-token');
  if (saysInvalid) params.push('error="invalid_token"');
  response.setHeader('WWW-Authenticate', `Bearer ${params.join(', ')}`);
  const stack = has('stack-in-refusal') ? new Error('no').stack : undefined;
  send(exchange, 401, {
    message: has('error-quotes-token') ? `Not valid: ${presented ?? ''}` : 'Not authorized',
    ...(stack === undefined ? {} : { stack }),
    ...(has('tools-in-refusal') ? { tools: ['echo', 'write'] } : {}),
  });
}

export function metadataParam({ request, origin, has }: Exchange, presented: string | undefined): string {
  const path = '/.well-known/oauth-protected-resource/mcp';
  if (has('relative-metadata') && presented === undefined) return `resource_metadata="${path}"`;
  const forwarded = has('challenge-from-forwarded') ? request.headers['x-forwarded-host'] : undefined;
  const base = typeof forwarded === 'string' ? `http://${encodeURIComponent(forwarded)}` : origin;
  return `resource_metadata="${base}${path}"`;
}

export function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

export function send({ response }: Exchange, status: number, body?: unknown): void {
  response.writeHead(status, body === undefined ? {} : { 'Content-Type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
