import type { HeaderPairs } from '../support/wire.ts';

/** One HTTP request, as a client that errs or lies may send it. */
export interface Sent {
  readonly method?: string;
  readonly headers: HeaderPairs;
  readonly body?: string;
}

const MODERN = '2026-07-28';
const ACCEPT = 'application/json, text/event-stream';
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'table', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

interface Variation {
  /** In place of the headers that fit the body; `null` leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly meta?: unknown;
  /** More members of the message, in place of its own. */
  readonly message?: Readonly<Record<string, unknown>>;
}

/** A request of the 2026 era that is right but for its variation. */
function modern(method: string, params: Record<string, unknown> = {}, variation: Variation = {}): Sent {
  const { headers = {}, meta = ENVELOPE, message = {} } = variation;
  const name = params['name'] ?? params['uri'];
  const all: Readonly<Record<string, string | null>> = {
    'content-type': 'application/json',
    accept: ACCEPT,
    'mcp-protocol-version': MODERN,
    'mcp-method': method,
    ...(typeof name === 'string' && { 'mcp-name': name }),
    ...headers,
  };
  const withMeta = meta === null ? params : { ...params, _meta: meta };
  return {
    headers: Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== null),
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params: withMeta, ...message }),
  };
}

/** A request of the 2025 era, outside a session. */
function legacy(message: unknown, headers: Readonly<Record<string, string>> = {}): Sent {
  const all = { 'content-type': 'application/json', accept: ACCEPT, ...headers };
  return {
    headers: Object.entries(all),
    body: typeof message === 'string' ? message : JSON.stringify(message),
  };
}

const ECHO = { name: 'echo', arguments: { text: 'hello' } };
const LOOK = { name: 'look', arguments: { region: 'Hello' } };
const READ = { uri: 'notes://one' };
const PAINT = { name: 'paint', arguments: { colour: 'red' } };
const HELLO = Buffer.from('Hello').toString('base64');
const LIST = { jsonrpc: '2.0', id: 7, method: 'tools/list' };
const { 'io.modelcontextprotocol/clientCapabilities': _, ...NO_CAPABILITIES } = ENVELOPE;
const { 'io.modelcontextprotocol/protocolVersion': __, ...NO_VERSION } = ENVELOPE;

const STANDARD_HEADERS: Readonly<Record<string, Sent>> = {
  'a list': modern('tools/list'),
  'a call': modern('tools/call', ECHO),
  discovery: modern('server/discover'),
  'without Mcp-Method': modern('tools/list', {}, { headers: { 'mcp-method': null } }),
  'another Mcp-Method': modern('tools/list', {}, { headers: { 'mcp-method': 'prompts/list' } }),
  'Mcp-Method in another case': modern('tools/list', {}, { headers: { 'mcp-method': 'TOOLS/LIST' } }),
  'Mcp-Method with spaces': modern('tools/list', {}, { headers: { 'mcp-method': '  tools/list ' } }),
  'an empty Mcp-Method': modern('tools/list', {}, { headers: { 'mcp-method': '' } }),
  'a tool without Mcp-Name': modern('tools/call', ECHO, { headers: { 'mcp-name': null } }),
  'a tool with another Mcp-Name': modern('tools/call', ECHO, { headers: { 'mcp-name': 'look' } }),
  'a tool with Mcp-Name in Base64': modern('tools/call', ECHO, {
    headers: { 'mcp-name': `=?base64?${Buffer.from('echo').toString('base64')}?=` },
  }),
  'a tool with Mcp-Name in bad Base64': modern('tools/call', ECHO, {
    headers: { 'mcp-name': '=?base64?!!?=' },
  }),
  'a prompt without Mcp-Name': modern('prompts/get', PAINT, { headers: { 'mcp-name': null } }),
  'a prompt with another Mcp-Name': modern('prompts/get', PAINT, { headers: { 'mcp-name': 'echo' } }),
  'a resource without Mcp-Name': modern('resources/read', READ, { headers: { 'mcp-name': null } }),
  'a resource with another Mcp-Name': modern('resources/read', READ, {
    headers: { 'mcp-name': 'notes://two' },
  }),
  'a list with a needless Mcp-Name': modern('tools/list', {}, { headers: { 'mcp-name': 'echo' } }),
};

const VERSIONS: Readonly<Record<string, Sent>> = {
  'without MCP-Protocol-Version': modern('tools/list', {}, { headers: { 'mcp-protocol-version': null } }),
  'another MCP-Protocol-Version': modern(
    'tools/list',
    {},
    { headers: { 'mcp-protocol-version': '2025-11-25' } },
  ),
  'an unknown MCP-Protocol-Version': modern('tools/list', {}, { headers: { 'mcp-protocol-version': 'v9' } }),
  'an unknown version in both places': modern(
    'tools/list',
    {},
    {
      headers: { 'mcp-protocol-version': 'v9' },
      meta: { ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': 'v9' },
    },
  ),
  'without _meta': modern('tools/list', {}, { meta: null }),
  'without a version in _meta': modern('tools/list', {}, { meta: NO_VERSION }),
  'without capabilities in _meta': modern('tools/list', {}, { meta: NO_CAPABILITIES }),
  'capabilities that are no object': modern(
    'tools/list',
    {},
    {
      meta: { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': 'all' },
    },
  ),
  '_meta that is no object': modern('tools/list', {}, { meta: 'none' }),
  'an id that is a string': modern('tools/list', {}, { message: { id: 'seven' } }),
};

const PARAMETER_HEADERS: Readonly<Record<string, Sent>> = {
  'Mcp-Param that fits': modern('tools/call', LOOK, { headers: { 'mcp-param-region': 'Hello' } }),
  'Mcp-Param that is missing': modern('tools/call', LOOK),
  'Mcp-Param that says something else': modern('tools/call', LOOK, {
    headers: { 'mcp-param-region': 'Bye' },
  }),
  'Mcp-Param in Base64': modern('tools/call', LOOK, {
    headers: { 'mcp-param-region': `=?base64?${HELLO}?=` },
  }),
  'Mcp-Param in Base64 without padding': modern('tools/call', LOOK, {
    headers: { 'mcp-param-region': '=?base64?SGVsbG8?=' },
  }),
  'Mcp-Param in bad Base64': modern('tools/call', LOOK, {
    headers: { 'mcp-param-region': '=?base64?SGVs!!!bG8=?=' },
  }),
  'Mcp-Param without an argument': modern(
    'tools/call',
    { name: 'look', arguments: {} },
    {
      headers: { 'mcp-param-region': 'Hello' },
    },
  ),
};

const METHODS: Readonly<Record<string, Sent>> = {
  'an unknown method': modern('unknown/method'),
  'initialize, which is gone': modern('initialize'),
  'ping, which is gone': modern('ping'),
  'logging/setLevel, which is gone': modern('logging/setLevel', { level: 'info' }),
  'resources/subscribe, which is gone': modern('resources/subscribe', READ),
  'a resource': modern('resources/read', READ),
  'an unknown resource': modern('resources/read', { uri: 'notes://none' }),
  'a resource without uri': modern('resources/read', {}),
  'a prompt': modern('prompts/get', PAINT),
  'an unknown prompt': modern('prompts/get', { name: 'nobody' }),
  'a prompt without its argument': modern('prompts/get', { name: 'paint', arguments: {} }),
  'an unknown tool': modern('tools/call', { name: 'nobody', arguments: {} }),
  'a tool without name': modern('tools/call', { arguments: {} }),
  'a tool with wrong arguments': modern('tools/call', { name: 'echo', arguments: { text: 5 } }),
  'a tool that fails': modern('tools/call', { name: 'fail', arguments: {} }),
  'a tool that needs sampling': modern('tools/call', { name: 'sample', arguments: {} }),
  'a notification': modern('notifications/cancelled', { requestId: 1 }, { message: { id: undefined } }),
  'a completion': modern('completion/complete', {
    ref: { type: 'ref/prompt', name: 'paint' },
    argument: { name: 'colour', value: 'r' },
  }),
};

const LEGACY: Readonly<Record<string, Sent>> = {
  'a list of the 2025 era': legacy(LIST),
  'a call of the 2025 era': legacy({ ...LIST, method: 'tools/call', params: ECHO }),
  'an unknown method of the 2025 era': legacy({ ...LIST, method: 'unknown/method' }),
  'an unknown version of the 2025 era': legacy(LIST, { 'mcp-protocol-version': '1999-01-01' }),
  'a list that takes JSON only': legacy(LIST, { accept: 'application/json' }),
  'a list that takes streams only': legacy(LIST, { accept: 'text/event-stream' }),
  'a ping of the 2025 era': legacy({ ...LIST, method: 'ping' }),
  initialize: legacy({
    ...LIST,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'table', version: '1' } },
  }),
  'initialize without params': legacy({ ...LIST, method: 'initialize' }),
  'a notification of the 2025 era': legacy({ jsonrpc: '2.0', method: 'notifications/initialized' }),
  'an answer to no question': legacy({ jsonrpc: '2.0', id: 99, result: {} }),
  'a batch': legacy([LIST, { ...LIST, id: 8 }], { 'mcp-protocol-version': '2025-03-26' }),
  'an unknown resource of the 2025 era': legacy({
    ...LIST,
    method: 'resources/read',
    params: { uri: 'notes://none' },
  }),
};

const MALFORMED: Readonly<Record<string, Sent>> = {
  'no JSON': legacy('{"jsonrpc":'),
  'an empty body': legacy(''),
  'JSON that is no message': legacy('42'),
  'an empty batch': legacy('[]'),
  'another JSON-RPC version': legacy({ ...LIST, jsonrpc: '1.0' }),
  'an id that is null': legacy({ ...LIST, id: null }),
  'a text': {
    headers: [
      ['content-type', 'text/plain'],
      ['accept', ACCEPT],
    ],
    body: JSON.stringify(LIST),
  },
  'no content type': { headers: [['accept', ACCEPT]], body: JSON.stringify(LIST) },
  GET: { method: 'GET', headers: [['accept', 'text/event-stream']] },
  DELETE: { method: 'DELETE', headers: [] },
  PUT: { method: 'PUT', headers: [['content-type', 'application/json']], body: JSON.stringify(LIST) },
};

/** By what is special about each. */
export const REQUESTS: Readonly<Record<string, Sent>> = {
  ...STANDARD_HEADERS,
  ...VERSIONS,
  ...PARAMETER_HEADERS,
  ...METHODS,
  ...LEGACY,
  ...MALFORMED,
};
