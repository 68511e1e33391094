import {
  type Call,
  type Era,
  type HeaderPairs,
  headersOf,
  INITIALIZE,
  messageOf,
  type RawResponse,
  raw,
  rpc,
} from './wire.ts';

/** A way to speak to a server: an era and, in the older one, with protocol sessions or without. */
export interface Mode {
  readonly mode: string;
  readonly era: Era;
  readonly sessions: { readonly mode: 'stateless' | 'stateful' };
}

export const STATELESS: Mode = { mode: '2025 stateless', era: '2025-11-25', sessions: { mode: 'stateless' } };
export const STATEFUL: Mode = { mode: '2025 session', era: '2025-11-25', sessions: { mode: 'stateful' } };
export const MODERN: Mode = { mode: '2026', era: '2026-07-28', sessions: { mode: 'stateless' } };

export const MODES: readonly Mode[] = [STATELESS, STATEFUL, MODERN];
/** The modes in which several messages may come in one body. */
export const BATCH_MODES: readonly Mode[] = [STATELESS, STATEFUL];

export type PeerCall = Omit<Call, 'era' | 'token'>;

/** Someone who speaks to a gate with one token, in one mode. */
export interface Peer {
  readonly token: string;
  readonly sessionId: string | undefined;
  send(call: PeerCall): Promise<RawResponse>;
  /** Several requests in one body; ids are 1, 2, 3 … unless the calls say otherwise. */
  batch(calls: readonly PeerCall[]): Promise<RawResponse>;
  /** Headers for requests of another kind. */
  headers(call: PeerCall): [string, string][];
}

/** Where a peer is to be found, and what it sends with every request. */
export interface Place {
  readonly url: string;
  readonly headers?: HeaderPairs;
}

/** Opens a session first where the mode has sessions. */
export async function openPeer({ url, headers = [] }: Place, mode: Mode, token: string): Promise<Peer> {
  const { era } = mode;
  const sessionId =
    mode.sessions.mode === 'stateful' ? await openSession({ url, headers }, token) : undefined;
  const own: HeaderPairs = sessionId === undefined ? headers : [...headers, ['mcp-session-id', sessionId]];
  const complete = (call: PeerCall): Call => ({
    ...call,
    era,
    token,
    headers: [...own, ...(call.headers ?? [])],
  });
  return {
    token,
    sessionId,
    send: (call) => rpc(url, complete(call)),
    batch(calls) {
      const messages = calls.map((call, index) => messageOf({ id: index + 1, ...complete(call) }));
      return raw(url, {
        method: 'POST',
        headers: headersOf(complete({ method: 'batch' })),
        body: JSON.stringify(messages),
      });
    },
    headers: (call) => headersOf(complete(call)),
  };
}

/** Opens a 2025-era protocol session and returns its id. */
export async function openSession({ url, headers: more = [] }: Place, token: string): Promise<string> {
  const era = '2025-11-25';
  const opened = await rpc(url, { era, token, method: 'initialize', params: INITIALIZE, headers: more });
  const id = opened.headers['mcp-session-id'];
  if (opened.status !== 200 || typeof id !== 'string')
    throw new Error(`no session: ${opened.status} ${opened.text}`);
  const headers = headersOf({ era, token, method: '', headers: [...more, ['mcp-session-id', id]] });
  const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
  const accepted = await raw(url, { method: 'POST', headers, body });
  if (accepted.status !== 202)
    throw new Error(`session not initialized: ${accepted.status} ${accepted.text}`);
  return id;
}
