import type { Action, Target } from '../core/access.ts';
import type { Access, MessageFacts } from '../core/admission.ts';
import type { JsonRpcRequest } from './server-product.ts';

type Params = Readonly<Record<string, unknown>>;

interface MethodRule {
  readonly credential: MessageFacts['credential'];
  accesses(server: string, params: Params): readonly Access[];
}

const onServer = (action: Action, credential: MessageFacts['credential'] = 'optional'): MethodRule => ({
  credential,
  accesses: (server) => [{ action, target: { server, kind: 'server', name: '' } }],
});

const onTarget = (action: Action, kind: Target['kind'], field: string): MethodRule => ({
  credential: 'required',
  accesses: (server, params) => [
    { action, target: { server, kind, name: text(params[field]) }, arguments: params['arguments'] ?? {} },
  ],
});

/** What each method asks for. Whatever is not listed here is `custom`: for authenticated principals only. */
const METHODS: Readonly<Record<string, MethodRule>> = {
  'tools/call': onTarget('tools/call', 'tool', 'name'),
  'tools/list': onServer('tools/list'),
  'prompts/get': onTarget('prompts/get', 'prompt', 'name'),
  'prompts/list': onServer('prompts/list'),
  'resources/read': onTarget('resources/read', 'resource', 'uri'),
  'resources/subscribe': onTarget('resources/subscribe', 'resource', 'uri'),
  'resources/unsubscribe': onTarget('resources/subscribe', 'resource', 'uri'),
  'resources/list': onServer('resources/list'),
  'resources/templates/list': onServer('resources/list'),
  'completion/complete': { credential: 'required', accesses: completionAccess },
  'subscriptions/listen': { credential: 'optional', accesses: listenAccess },
  initialize: onServer('protocol'),
  'server/discover': onServer('protocol'),
  'logging/setLevel': onServer('protocol'),
  ping: onServer('protocol'),
};

const OTHER = onServer('custom');

/** Notifications that are part of the protocol itself; on hearing another, a server may do anything. */
const NOTICES: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
]);

/** Reads a request for the guard. The decision is on this parsed body, never on a header that repeats it. */
export function readFacts(server: string, request: JsonRpcRequest, traceparent?: string): MessageFacts {
  const params = asRecord(request.params);
  const rule = Object.hasOwn(METHODS, request.method) ? (METHODS[request.method] ?? OTHER) : OTHER;
  const { traceparent: trace, progressToken } = asRecord(params['_meta']);
  return {
    id: request.id,
    method: request.method,
    accesses: rule.accesses(server, params),
    credential: rule.credential,
    problem: problemOf(request.method, params),
    progressToken:
      typeof progressToken === 'string' || typeof progressToken === 'number' ? progressToken : undefined,
    traceparent: typeof trace === 'string' ? trace : traceparent,
  };
}

/** Facts of a notification, or of an answer to what a server asked. */
export function readNotice(server: string, method: string | undefined): MessageFacts {
  const action = method === undefined || NOTICES.has(method) ? 'protocol' : 'custom';
  return {
    method: method ?? 'response',
    accesses: [{ action, target: { server, kind: 'server', name: '' } }],
    // A notification may make a stateless server be built, which needs its user's token like any other.
    credential: method === undefined ? 'none' : 'optional',
  };
}

function completionAccess(server: string, params: Params): readonly Access[] {
  const ref = asRecord(params['ref']);
  const isPrompt = ref['type'] === 'ref/prompt';
  const target: Target = isPrompt
    ? { server, kind: 'prompt', name: text(ref['name']) }
    : { server, kind: 'resource', name: text(ref['uri']) };
  return [{ action: 'completion/complete', target, arguments: params['argument'] }];
}

// Every URI asked for is judged by itself: the SDK's listen router knows no principal.
const MAX_SUBSCRIPTIONS = 1000;

/** What is wrong with a request itself, where that costs more than refusing it. */
function problemOf(method: string, params: Params): string | undefined {
  if (method !== 'subscriptions/listen') return undefined;
  const uris = asRecord(params['notifications'])['resourceSubscriptions'];
  if (!Array.isArray(uris) || uris.length <= MAX_SUBSCRIPTIONS) return undefined;
  return `A stream takes at most ${MAX_SUBSCRIPTIONS} resource subscriptions`;
}

function listenAccess(server: string, params: Params): readonly Access[] {
  const uris = asRecord(params['notifications'])['resourceSubscriptions'];
  const resources = Array.isArray(uris) ? uris.slice(0, MAX_SUBSCRIPTIONS).map(text) : [];
  return [
    { action: 'subscriptions/listen', target: { server, kind: 'server', name: '' } },
    ...resources.map(
      (name): Access => ({
        action: 'resources/subscribe',
        target: { server, kind: 'resource', name },
        droppable: true,
      }),
    ),
  ];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function asRecord(value: unknown): Params {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Params) : {};
}
