import type { Has } from './broken-servers.ts';
import type { Claims } from './toy-tokens.ts';

export const MODERN = '2026-07-28';
export const LEGACY = '2025-11-25';

export interface Message {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** What a method answers: a result, a JSON-RPC error, or a denial that belongs into the HTTP answer. */
export type Outcome =
  | { readonly result: Readonly<Record<string, unknown>> }
  | { readonly error: { readonly code: number; readonly message: string } }
  | { readonly denied: 'scope' | 'hidden' };

export interface Caller {
  readonly claims: Claims;
  readonly token: string;
}

const WRITE = 'notes:write';

interface Good {
  readonly name: string;
  readonly uri?: string;
  /** The one principal who may see it. */
  readonly owner?: string;
}

type Kind = 'tools' | 'prompts' | 'resources';

const GOODS: Readonly<Record<Kind, readonly Good[]>> = {
  tools: [{ name: 'echo' }, { name: 'write' }, { name: 'vault', owner: 'bob' }],
  prompts: [{ name: 'greet' }, { name: 'plot', owner: 'bob' }],
  resources: [
    { name: 'open', uri: 'notes://open' },
    { name: 'diary', uri: 'notes://diary', owner: 'bob' },
  ],
};

/** Whether the caller holds every scope that the call needs. */
export function hasScope({ claims }: Caller, message: Message): boolean {
  const isWrite = message.method === 'tools/call' && message.params?.name === 'write';
  return !isWrite || String(claims.scope).split(' ').includes(WRITE);
}

export function canSee({ claims }: Caller, kind: Kind, key: unknown): boolean {
  return GOODS[kind].some((item) => (item.uri ?? item.name) === key && isFor(item, claims));
}

function isFor(item: Good, { sub }: Claims): boolean {
  return item.owner === undefined || item.owner === sub;
}

/** Answers one JSON-RPC request of either era. Scopes have been looked at before. */
export function answer(message: Message, caller: Caller, has: Has): Outcome {
  const { method, params = {} } = message;
  const list = /^(tools|prompts|resources)\/list$/.exec(String(method))?.[1] as Kind | undefined;
  if (list !== undefined) return { result: listed(list, caller, has) };
  switch (method) {
    case 'initialize':
      return {
        result: { protocolVersion: LEGACY, capabilities: {}, serverInfo: { name: 'toy', version: '1' } },
      };
    case 'server/discover':
      return { result: { supportedVersions: [MODERN], capabilities: {} } };
    case 'ping':
      return { result: {} };
    case 'tools/call':
      return forVisible('tools', params.name, { caller, has }, () => ({
        content: [{ type: 'text', text: has('tool-returns-token') ? caller.token : 'hello' }],
      }));
    case 'prompts/get':
      return forVisible('prompts', params.name, { caller, has }, () => ({ messages: [] }));
    case 'resources/read':
    case 'resources/subscribe':
      return forVisible('resources', params.uri, { caller, has }, () => ({ contents: [] }));
    case 'completion/complete': {
      const { name, uri } = params.ref as { readonly name?: string; readonly uri?: string };
      if (has('hidden-completed') && name === 'plot') return { result: { completion: { values: ['x'] } } };
      const kind = name === undefined ? 'resources' : 'prompts';
      return forVisible(kind, name ?? uri, { caller, has }, () => ({ completion: { values: [] } }));
    }
    default:
      return { error: { code: -32601, message: 'Method not found' } };
  }
}

function listed(kind: Kind, caller: Caller, has: Has): Readonly<Record<string, unknown>> {
  const items = GOODS[kind].filter((item) => {
    if (has('scoped-unlisted') && item.name === 'write' && !String(caller.claims.scope).includes(WRITE)) {
      return false;
    }
    return has('hidden-listed') || isFor(item, caller.claims);
  });
  return {
    [kind]: items.map(({ name, uri }) => ({ name, uri })),
    cacheScope: has('public-lists') ? 'public' : 'private',
    ttlMs: 0,
    ...(has('list-holds-token') ? { next: caller.token.slice(-40) } : {}),
  };
}

function forVisible(
  kind: Kind,
  key: unknown,
  { caller, has }: { readonly caller: Caller; readonly has: Has },
  run: () => Readonly<Record<string, unknown>>,
): Outcome {
  if (canSee(caller, kind, key)) return { result: run() };
  const exists = GOODS[kind].some((item) => (item.uri ?? item.name) === key);
  if (has('hidden-403') && exists) return { denied: 'hidden' };
  return { error: { code: -32602, message: `${String(key)} not found` } };
}
