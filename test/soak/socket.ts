import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { type Era, INITIALIZE, type Json, messageOf } from '../support/wire.ts';

import { type Heard, inTime, type Outcome, outcomeOfHttp, outcomeOfMessage, parse } from './outcome.ts';
import { type Calling, explain, type Token, type User } from './user.ts';

/** An open WebSocket of a user. */
export interface Socket {
  readonly era: Era;
  readonly isOpen: boolean;
  call(calling: SocketCalling): Promise<Outcome>;
  /** Says what has no answer. */
  tell(message: object): void;
  /** Waits no longer for an answer to a call that was taken back. */
  forget(id: string): void;
  /** Opens a subscription, which lasts as long as the socket. */
  listen(): void;
  pause(): void;
  resume(): void;
  close(): Promise<void>;
  /** Goes away without a word. */
  cut(): void;
}

export interface SocketCalling extends Omit<Calling, 'server' | 'era' | 'token' | 'sessionId'> {
  /** Given the call's id, so that it can be taken back. */
  readonly onSent?: (id: string) => void;
}

/** Where the WebSocket connections of a server are taken. */
function socketUrl(url: string): string {
  return `${url.replace(/^http/, 'ws')}/ws`;
}

type Upgrade = { readonly socket: WebSocket } | { readonly refused: Heard };

export interface SocketPlan {
  readonly server: string;
  readonly era: Era;
  /** Refusals that are right here, beside those that are right everywhere. */
  readonly allow?: readonly string[];
}

/** Opens a WebSocket, or is refused in order. */
export async function openSocket(
  user: User,
  { server, era, allow = [] }: SocketPlan,
): Promise<Socket | undefined> {
  const token = await user.token(server);
  const what = `${user.name}: a socket of ${server}, ${era}`;
  try {
    const upgrade = await inTime(upgradeTo(socketUrl(user.gate.url(server)), token), what);
    if ('refused' in upgrade) {
      user.check(outcomeOfHttp(upgrade.refused, 0), { server, tool: 'upgrade', nonce: '', token, allow });
      return undefined;
    }
    const socket = follow(user, upgrade.socket, { server, era, token, allow });
    if (era === '2025-11-25') await initialize(socket);
    return socket;
  } catch (error) {
    throw explain(error, what);
  }
}

async function initialize(socket: Socket & { request(method: string, params: object): Promise<Outcome> }) {
  await socket.request('initialize', { ...INITIALIZE, capabilities: { elicitation: { form: {} } } });
  socket.tell({ jsonrpc: '2.0', method: 'notifications/initialized' });
}

function upgradeTo(url: string, { text: token }: Token): Promise<Upgrade> {
  const socket = new WebSocket(url, ['mcp'], { headers: { authorization: `Bearer ${token}` } });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket }));
    socket.on('error', reject);
    socket.once('unexpected-response', (request, response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('close', () => {
        const { complete: isWhole, headers, statusCode: status = 0 } = response;
        resolve({ refused: { status, headers, messages: [], text, isWhole } });
        request.destroy();
      });
    });
  });
}

interface Waiting {
  readonly resolve: (outcome: Outcome) => void;
  readonly onMessage: ((message: Json) => void) | undefined;
}

function follow(user: User, webSocket: WebSocket, own: SocketPlan & { readonly token: Token }) {
  const { server, era, token } = own;
  const waiting = new Map<string, Waiting>();
  let isLeaving = false;
  const closed = new Promise<void>((resolve) => {
    webSocket.once('close', (code) => {
      const why = isLeaving ? 'left' : `closed ${code}`;
      for (const call of waiting.values()) call.resolve({ kind: 'ended', why });
      waiting.clear();
      resolve();
    });
  });
  webSocket.on('message', (data) => {
    const message = parse(String(data));
    if (message === undefined) return;
    const id = String(message['id'] ?? message['params']?.['progressToken']);
    if (message['method'] !== undefined) {
      for (const call of waiting.values()) call.onMessage?.(message);
      return;
    }
    const call = waiting.get(id);
    waiting.delete(id);
    call?.resolve(outcomeOfMessage(message));
  });
  const tell = (message: object): void => webSocket.send(JSON.stringify(message), () => undefined);
  const ask = (message: Record<string, unknown>, onMessage?: (message: Json) => void): Promise<Outcome> =>
    new Promise((resolve) => {
      if (webSocket.readyState !== WebSocket.OPEN) return resolve({ kind: 'ended', why: 'closed before' });
      waiting.set(String(message['id']), { resolve, onMessage });
      tell(message);
    });

  return {
    era,
    get isOpen() {
      return webSocket.readyState === WebSocket.OPEN;
    },
    tell,
    forget(id: string) {
      waiting.get(id)?.resolve({ kind: 'ended', why: 'taken back' });
      waiting.delete(id);
    },
    listen() {
      const params = { notifications: { toolsListChanged: true } };
      tell(messageOf({ era, id: randomUUID(), method: 'subscriptions/listen', params }));
    },
    async request(method: string, params: object) {
      const id = randomUUID();
      const outcome = await inTime(ask({ jsonrpc: '2.0', id, method, params }), `${method} over a socket`);
      if (outcome.kind !== 'result') {
        user.check(outcome, {
          server,
          tool: method,
          nonce: '',
          token,
          allow: [...(own.allow ?? []), ...ENDINGS],
        });
      }
      return outcome;
    },
    async call(calling: SocketCalling): Promise<Outcome> {
      const { tool, args, params, nonce = randomUUID(), onMessage, onSent, allow = [] } = calling;
      const id = randomUUID();
      const call = {
        era,
        id,
        method: 'tools/call',
        params: { name: tool, arguments: { ...args, nonce }, ...params },
        capabilities: { elicitation: { form: {} } },
      };
      const what = `${user.name}: ${tool} of ${server} over a socket, ${era}`;
      try {
        const answer = ask(messageOf(call), onMessage);
        onSent?.(id);
        const outcome = await inTime(answer, what);
        user.check(outcome, { server, tool, nonce, token, allow: [...allow, ...ENDINGS] });
        return outcome;
      } catch (error) {
        throw explain(error, what);
      }
    },
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    async close() {
      isLeaving = true;
      webSocket.close(1000);
      await inTime(closed, `${user.name}: the end of a socket of ${server}`);
    },
    cut() {
      isLeaving = true;
      webSocket.terminate();
    },
  };
}

/**
 * How a connection may end for reasons that are no fault of the gate: see docs/guides/websocket.md. Who has an upstream
 * token that has changed is told so by an answer first.
 */
const ENDINGS = ['left', 'closed before', 'closed 1011', 'closed 1012', 'CREDENTIALS_UNAVAILABLE'];
