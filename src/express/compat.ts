import { readJsonBody } from '../http/body.ts';
import type { InboundRequest } from '../http/inbound-request.ts';
import { ENVELOPE, MODERN_VERSION } from '../mcp/envelope.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import type { RouteTool } from './route-tools.ts';
import { HTTP_META } from './tool-result.ts';

export interface CompatOptions {
  readonly tools: readonly RouteTool[];
  /** The canonical URL of the tools. */
  readonly url: string;
  /** Which header fields of the request go on to the gate, in lower case. */
  readonly forwardHeaders: readonly string[];
  /** The way of every other request of a client of MCP. */
  readonly fetch: (request: Request, info: InboundRequest['info']) => Promise<Response>;
  readonly body: Parameters<typeof readJsonBody>[1];
}

/** For clients that are not of MCP: `GET {mount}/tools` and `POST {mount}/invoke`, through the same guard. */
export interface CompatEndpoints {
  tools(request: InboundRequest): Promise<Response>;
  /** `{toolName, args}`, as JSON whatever its Content-Type. What the app answers is answered. */
  invoke(request: InboundRequest): Promise<Response>;
}

export function createCompatEndpoints(options: CompatOptions): CompatEndpoints {
  const byCompatName = new Map(options.tools.map((tool) => [tool.compatName, tool]));
  const byName = new Map(options.tools.map((tool) => [tool.name, tool]));

  return {
    async tools(request) {
      const answer = await ask(options, request, { method: 'tools/list', params: {} });
      if (answer instanceof Response) return answer;
      const listed = Array.isArray(answer['tools']) ? (answer['tools'] as readonly JsonObject[]) : [];
      const tools = listed.flatMap(({ name, description, inputSchema }) => {
        const tool = byName.get(String(name));
        return tool === undefined ? [] : [{ name: tool.compatName, description, inputSchema }];
      });
      return json({ tools });
    },

    async invoke(request) {
      const body = await readJsonBody(request, options.body);
      if ('refused' in body) return json({ error: body.message }, 400);
      const { toolName, args = {} } = isJsonObject(body.value) ? body.value : {};
      if (typeof toolName !== 'string') return json({ error: 'toolName must be text' }, 400);
      if (!isJsonObject(args)) return json({ error: 'args must be an object' }, 400);
      // A name that is not known takes the same way, so that the guard counts and records it.
      const name = byCompatName.get(toolName)?.name ?? toolName;
      const answer = await ask(options, request, { method: 'tools/call', params: { name, arguments: args } });
      return answer instanceof Response ? answer : toResponse(answer);
    },
  };
}

interface Question {
  readonly method: 'tools/call' | 'tools/list';
  readonly params: JsonObject;
}

/** The result, or what is to be answered in its place. */
async function ask(
  { fetch, forwardHeaders, url }: CompatOptions,
  request: InboundRequest,
  { method, params }: Question,
): Promise<JsonObject | Response> {
  const meta = {
    [ENVELOPE.protocolVersion]: MODERN_VERSION,
    [ENVELOPE.clientInfo]: { name: 'http', version: '1.0.0' },
    [ENVELOPE.clientCapabilities]: {},
  };
  const headers = new Headers({
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-method': method,
    'mcp-protocol-version': MODERN_VERSION,
  });
  if (typeof params['name'] === 'string') headers.set('mcp-name', params['name']);
  // With these the gate tells requests of foreign pages.
  for (const name of ['host', 'origin', 'x-request-id', ...forwardHeaders]) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  const message = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } };
  const { signal } = request.presence;
  const response = await fetch(
    new Request(url, { method: 'POST', headers, body: JSON.stringify(message), signal }),
    request.info,
  );
  return readResult(response);
}

async function readResult(response: Response): Promise<JsonObject | Response> {
  const body: unknown = await response.json().catch(() => undefined);
  const { error, result } = isJsonObject(body) ? body : {};
  if (response.ok && isJsonObject(result)) return result;
  const message = isJsonObject(error) && typeof error['message'] === 'string' ? error['message'] : undefined;
  const status = response.ok ? 404 : response.status;
  const answer = json({ error: message ?? 'The call failed' }, status);
  for (const name of ['www-authenticate', 'retry-after', 'x-request-id']) {
    const value = response.headers.get(name);
    if (value !== null) answer.headers.set(name, value);
  }
  return answer;
}

/** The app's own answer, as far as the tool's result holds it. */
function toResponse({ _meta, content, isError }: JsonObject): Response {
  const http = isJsonObject(_meta) && isJsonObject(_meta[HTTP_META]) ? _meta[HTTP_META] : undefined;
  const items = Array.isArray(content) ? (content as readonly JsonObject[]) : [];
  if (http === undefined) return json({ error: items[0]?.['text'] ?? 'The call failed' }, 400);
  const status = Number(http['status']);
  const item = isError === true ? items[1] : items[0];
  if (item === undefined) {
    return status >= 400 ? json({ error: items[0]?.['text'] }, status) : new Response(null, { status: 204 });
  }
  const headers = { 'content-type': String(http['contentType']), 'cache-control': 'no-store' };
  return new Response(bodyOf(item), { status, headers });
}

function bodyOf({ data, resource, text }: JsonObject): string | Uint8Array<ArrayBuffer> {
  if (typeof text === 'string') return text;
  const encoded = isJsonObject(resource) ? resource['blob'] : data;
  return Uint8Array.from(Buffer.from(String(encoded), 'base64'));
}

function json(body: unknown, status = 200): Response {
  return Response.json(body, { status, headers: { 'cache-control': 'no-store' } });
}
