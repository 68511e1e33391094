import { findHeader, type HeaderList, type RawResponse } from './exchange.ts';
import { type Era, MODERN } from './report.ts';

/** A JSON-RPC answer, loosely: the judge looks at what is there and trusts nothing. */
export interface RpcMessage {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/** A call or a notification to send. */
export interface RpcCall {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Absent for a notification. */
  readonly id?: number;
}

const CLIENT_INFO = { name: 'gatehouse-check', version: '1' };
const ACCEPT = 'application/json, text/event-stream';

/** The body of a call, in the shape of its protocol revision. */
export function toBody(era: Era, call: RpcCall): Readonly<Record<string, unknown>> {
  const { method, id } = call;
  const params = era === MODERN ? { ...call.params, _meta: envelope() } : call.params;
  return {
    jsonrpc: '2.0',
    ...(id === undefined ? {} : { id }),
    method,
    ...(params === undefined ? {} : { params }),
  };
}

/** The headers that go with {@link toBody}; `version` is the one negotiated in the legacy era. */
export function toHeaders(era: Era, call: RpcCall, session: LegacySession | undefined): HeaderList {
  const headers: [string, string][] = [
    ['Content-Type', 'application/json'],
    ['Accept', ACCEPT],
  ];
  if (era === MODERN) {
    headers.push(['MCP-Protocol-Version', MODERN], ['Mcp-Method', call.method]);
    const name = call.params?.name ?? call.params?.uri;
    if (NAMED_METHODS.includes(call.method) && typeof name === 'string') {
      headers.push(['Mcp-Name', toHeaderText(name)]);
    }
    return headers;
  }
  if (call.method !== 'initialize') headers.push(['MCP-Protocol-Version', session?.version ?? era]);
  if (session?.id !== undefined) headers.push(['Mcp-Session-Id', session.id]);
  return headers;
}

/** What `initialize` agreed on. */
export interface LegacySession {
  /** Absent when the server keeps no sessions. */
  readonly id?: string;
  readonly version: string;
}

/** The smallest request that a server of the era answers to whoever it lets in. */
export function toProbe(era: Era): RpcCall {
  if (era === MODERN) return { method: 'server/discover' };
  const params = { protocolVersion: era, capabilities: {}, clientInfo: CLIENT_INFO };
  return { method: 'initialize', params };
}

// MCP 2026-07-28 basic/transports/streamable-http, "Standard Request Headers"
const NAMED_METHODS = ['tools/call', 'prompts/get', 'resources/read'];

function envelope(): Readonly<Record<string, unknown>> {
  return {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
}

/** MCP 2026-07-28 basic/transports/streamable-http, "Value Encoding". */
export function toHeaderText(value: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);
  if (plain && !(value.startsWith('=?base64?') && value.endsWith('?='))) return value;
  return `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

/** Every JSON-RPC message in an answer, whether it came as JSON, as a batch or as an event stream. */
export function readMessages(response: Pick<RawResponse, 'headers' | 'body'>): readonly RpcMessage[] {
  const type = findHeader(response.headers, 'content-type') ?? '';
  const texts = type.startsWith('text/event-stream') ? readEvents(response.body) : [response.body];
  return texts.flatMap((text) => {
    const value = parseJson(text);
    return (Array.isArray(value) ? value : [value]).filter(isMessage);
  });
}

/** The data of each complete event of a Server-Sent Events stream. */
export function readEvents(body: string): readonly string[] {
  const events: string[] = [];
  let data: string[] = [];
  for (const line of body.replace(/\r\n?/g, '\n').split('\n')) {
    if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
    if (line !== '' || data.length === 0) continue;
    events.push(data.join('\n'));
    data = [];
  }
  return events;
}

/** The value, or undefined where the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMessage(value: unknown): value is RpcMessage {
  if (!isRecord(value)) return false;
  const isObjectOrAbsent = (part: unknown): boolean => part === undefined || isRecord(part);
  return isObjectOrAbsent(value.result) && isObjectOrAbsent(value.error);
}
