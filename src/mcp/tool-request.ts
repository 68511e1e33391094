import type { InboundRequest } from '../http/inbound-request.ts';

/** What tools may see of the request's head: protocol and tracing, no credential of any kind. */
const VISIBLE_HEADERS: readonly string[] = [
  'accept',
  'accept-language',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'traceparent',
  'tracestate',
  'user-agent',
  'x-request-id',
];

/** The request that SDKs and tools see: the canonical URL, a chosen set of headers, no body. */
export function toToolRequest(
  request: InboundRequest,
  resource: string,
  extraHeaders: readonly string[],
): Request {
  const headers = new Headers();
  for (const name of [...VISIBLE_HEADERS, ...extraHeaders]) copy(request, headers, name);
  for (const name of Object.keys(request.headers))
    if (name.startsWith('mcp-param-')) copy(request, headers, name);
  return new Request(resource, { method: request.method, headers, signal: request.signal });
}

function copy(request: InboundRequest, headers: Headers, name: string): void {
  const value = request.headers[name];
  if (value === undefined) return;
  headers.set(name, typeof value === 'string' ? value : value.join(', '));
}
