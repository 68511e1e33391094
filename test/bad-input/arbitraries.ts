import fc from 'fast-check';
import { type Era, INITIALIZE, messageOf } from '../support/wire.ts';

/** Names that mean something to every object, or to nothing at all. */
const ODD_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'valueOf',
  '__defineGetter__',
  'then',
  'toJSON',
  '',
  ' ',
  '\u0000',
  '../../etc/passwd',
  'a'.repeat(3000),
  '\u202e\u2028',
  '\ud800',
] as const;

const POLLUTION = [
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"__proto__":[]}',
  '{"then":{}}',
  '{"toJSON":1}',
].map((text): unknown => JSON.parse(text));

const NUMBERS = [0, -0, -1, 1.5, 2 ** 31, 2 ** 53, 2 ** 53 + 2, -(2 ** 63), 1e308, Number.MIN_VALUE];

export const oddText = fc.oneof(fc.constantFrom(...ODD_NAMES), fc.string(), fc.string({ unit: 'binary' }));

/** Any JSON value, and those that have surprised parsers before. */
export const oddJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...POLLUTION, ...NUMBERS, null, true, [], {}, [[]], [null]),
  oddText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(fc.constantFrom(...ODD_NAMES), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
);

const REQUESTS: readonly (readonly [string, Record<string, unknown>])[] = [
  ['initialize', INITIALIZE],
  ['ping', {}],
  ['tools/list', {}],
  ['tools/call', { name: 'echo', arguments: { text: 'x' }, _meta: { progressToken: 'p' } }],
  ['tools/call', { name: 'slow', arguments: {}, _meta: { progressToken: 1 } }],
  ['prompts/list', { cursor: 'c' }],
  ['prompts/get', { name: 'greet', arguments: { who: 'x' } }],
  ['resources/list', {}],
  ['resources/templates/list', {}],
  ['resources/read', { uri: 'notes://public/1' }],
  ['resources/subscribe', { uri: 'notes://public/1' }],
  [
    'completion/complete',
    { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'A' } },
  ],
  [
    'subscriptions/listen',
    { notifications: { toolsListChanged: true, resourceSubscriptions: ['notes://public/1'] } },
  ],
  ['server/discover', {}],
  ['logging/setLevel', { level: 'debug' }],
  ['notifications/cancelled', { requestId: 1, reason: 'x' }],
  ['tasks/get', { taskId: 'x' }],
];

/** Messages as clients of an era send them. */
export function goodMessage(era: Era): fc.Arbitrary<Record<string, unknown>> {
  return fc.tuple(fc.constantFrom(...REQUESTS), fc.nat(9)).map(([[method, params], chance]) => {
    const { id, ...message } = messageOf({ era, method, params, id: 7 });
    return chance === 0 || method.startsWith('notifications/') ? message : { ...message, id };
  });
}

interface Change {
  readonly kind: 'set' | 'drop' | 'add';
  /** Whether the message itself is changed, or what it asks for. */
  readonly within: 'message' | 'params';
  readonly place: number;
  readonly name: string;
  readonly value: unknown;
}

const change = (within: Change['within']): fc.Arbitrary<Change> =>
  fc.record({
    kind: fc.constantFrom('set', 'drop', 'add'),
    within: fc.constant(within),
    place: fc.nat(30),
    name: fc.constantFrom(
      ...ODD_NAMES,
      'id',
      'method',
      'params',
      'result',
      'error',
      '_meta',
      'name',
      'uri',
      'cursor',
    ),
    value: oddJson,
  });

/** Messages that are nearly right: one to three members replaced, taken out or added, mostly deep in them. */
export function nearMessage(era: Era): fc.Arbitrary<unknown> {
  const changes = fc.oneof(
    { weight: 1, arbitrary: fc.array(change('message'), { minLength: 1, maxLength: 2 }) },
    { weight: 4, arbitrary: fc.array(change('params'), { minLength: 1, maxLength: 3 }) },
  );
  return fc
    .tuple(goodMessage(era), changes)
    .map(([message, list]) => list.reduce(applyChange, structuredClone(message)));
}

function applyChange(message: Record<string, unknown>, { kind, within, place, name, value }: Change) {
  const { params } = message;
  const places = membersOf(within === 'params' && isRecord(params) ? params : message);
  const [holder, key] = places[place % places.length] ?? [message, 'method'];
  if (kind === 'drop') delete holder[key];
  else define(holder, kind === 'set' ? key : name, structuredClone(value));
  return message;
}

// An assignment to `__proto__` would change the object's kind in place of becoming a member of it.
function define(holder: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function membersOf(value: Record<string, unknown>): readonly (readonly [Record<string, unknown>, string])[] {
  return Object.entries(value).flatMap(([key, member]) => [
    [value, key] as const,
    ...(isRecord(member) ? membersOf(member) : []),
  ]);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const HEADER_NAMES = [
  'Authorization',
  'X-API-Key',
  'X-Session-Id',
  'DPoP',
  'Cookie',
  'Accept',
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Transfer-Encoding',
  'Expect',
  'Connection',
  'Upgrade',
  'TE',
  'Trailer',
  'Origin',
  'Host',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'Forwarded',
  'X-Request-Id',
  'X-HTTP-Method-Override',
  'Mcp-Session-Id',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Param-x',
  'Last-Event-ID',
  'traceparent',
  'Access-Control-Request-Method',
  'Access-Control-Request-Headers',
  '__proto__',
  'constructor',
] as const;

const VALUES = [
  'Bearer',
  'Bearer a.b.c',
  'application/json',
  'text/event-stream',
  'chunked',
  'gzip',
  '100-continue',
  'websocket',
  'close, upgrade',
  '127.0.0.1',
  'evil.example',
  'null',
  '0',
  '-1',
  '99999999999999999999',
  '2026-07-28',
  '1999-01-01',
  '%00',
  ',,,',
] as const;

const latin1 = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes));
const printable = latin1.map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, ''));

export const headerName: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HEADER_NAMES) },
  { weight: 1, arbitrary: fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/) },
);
export const headerValue: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...VALUES),
  printable,
  fc.constantFrom(...VALUES).map((value) => value.repeat(200)),
);
/** Lines that HTTP forbids: control characters, no colon, folded lines. */
export const wildLine: fc.Arbitrary<string> = fc.oneof(
  latin1,
  fc.tuple(headerName, latin1).map(([name, value]) => `${name}: ${value}`),
  fc.tuple(latin1, printable).map(([name, value]) => `${name}: ${value}`),
);
