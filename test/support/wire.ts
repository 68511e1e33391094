import { request as httpRequest } from 'node:http';

/** Raw MCP over HTTP, so that tests can send what no SDK would. */

export const ERAS = ['2025-11-25', '2026-07-28'] as const;
export type Era = (typeof ERAS)[number];

/** JSON of a shape that only the test knows; what is not there is undefined. */
export interface Json {
  readonly [key: string]: Json | undefined;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON, or the last JSON-RPC message of an event stream; undefined when it is neither. */
  readonly json: Json | undefined;
}

/** Name and value pairs, so that a field can be sent twice. */
export type HeaderPairs = readonly (readonly [string, string])[];

export interface RawRequest {
  readonly method?: string;
  readonly headers?: HeaderPairs;
  readonly body?: string | Uint8Array;
  /** Leaves the body unfinished, as a sender does who stalls. */
  readonly unfinished?: boolean;
}

export function raw(url: string, init: RawRequest = {}): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const headers = (init.headers ?? []).flatMap(([name, value]) => [name, value]);
    const hasHost = (init.headers ?? []).some(([name]) => name.toLowerCase() === 'host');
    if (!hasHost) headers.push('host', new URL(url).host);
    if (init.unfinished === true) headers.push('transfer-encoding', 'chunked');
    else if (init.body !== undefined) headers.push('content-length', String(Buffer.byteLength(init.body)));
    const request = httpRequest(url, { method: init.method ?? 'GET', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) });
        request.destroy();
      });
    });
    request.on('error', reject);
    if (init.unfinished === true) request.write(init.body ?? '{');
    else request.end(init.body);
  });
}

function parse(text: string): Json | undefined {
  const data = text.split('\n').filter((line) => line.startsWith('data: '));
  try {
    return JSON.parse(data.length > 0 ? (data.at(-1) ?? '').slice(6) : text) as Json;
  } catch {
    return undefined;
  }
}

/** Every JSON-RPC message of an answer, whether it came as one object, a batch or an event stream. */
export function messagesIn({ text, json }: RawResponse): readonly Json[] {
  const lines = text.split('\n').filter((line) => line.startsWith('data: '));
  const parts = lines.length > 0 ? lines.map((line) => JSON.parse(line.slice(6)) as Json | Json[]) : [json];
  return parts.flat().filter((part) => part !== undefined);
}

/** The names of what a list answer lists, such as `namesIn(answer, 'tools')`; the URI where there is one. */
export function namesIn(answer: RawResponse, list: string): readonly string[] {
  const items = (answer.json?.['result']?.[list] ?? []) as readonly Json[];
  return items.map((item) => String(item['uriTemplate'] ?? item['uri'] ?? item['name'])).toSorted();
}

export interface Call {
  readonly era: Era;
  readonly token?: string | undefined;
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly id?: string | number;
  readonly headers?: HeaderPairs;
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

/** The message as a client of the era sends it. */
export function messageOf({
  era,
  method,
  params = {},
  id = 1,
  capabilities = {},
}: Call): Record<string, unknown> {
  if (era === '2025-11-25') return { jsonrpc: '2.0', id, method, params };
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': era,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...(params['_meta'] as Record<string, unknown> | undefined),
  };
  return { jsonrpc: '2.0', id, method, params: { ...params, _meta } };
}

export function headersOf({ era, token, method, params = {}, headers = [] }: Call): [string, string][] {
  const name = params['name'] ?? params['uri'];
  return [
    ['content-type', 'application/json'],
    ['accept', 'application/json, text/event-stream'],
    ['mcp-protocol-version', era],
    ...(era === '2026-07-28' ? ([['mcp-method', method]] as [string, string][]) : []),
    ...(era === '2026-07-28' && typeof name === 'string' ? ([['mcp-name', name]] as [string, string][]) : []),
    ...(token === undefined ? [] : ([['authorization', `Bearer ${token}`]] as [string, string][])),
    ...headers.map(([key, value]): [string, string] => [key, value]),
  ];
}

/** One JSON-RPC request of an era over HTTP. */
export function rpc(url: string, call: Call): Promise<RawResponse> {
  return raw(url, { method: 'POST', headers: headersOf(call), body: JSON.stringify(messageOf(call)) });
}

export const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1.0.0' },
} as const;
