import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Json } from './wire.ts';

/** What a client sends with its upgrade; a browser can set `origin` (it does) and subprotocols only. */
export interface SocketInit {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly origin?: string | undefined;
  /** What signed the server's certificate, in PEM. */
  readonly ca?: string | undefined;
  /** Default `mcp`. */
  readonly protocols?: readonly string[];
}

/** Why there is no socket: the HTTP answer to the upgrade. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;

  constructor(status: number, headers: UpgradeRefused['headers'], text: string) {
    super(`The upgrade was refused with ${status}: ${text}`);
    this.status = status;
    this.headers = headers;
    this.text = text;
  }
}

/** A server's address of WebSocket connections, from the one of its HTTP endpoint. */
export function socketUrl(url: string, query = ''): string {
  const { origin, pathname } = new URL(url);
  return `${origin.replace(/^http/, 'ws')}${pathname === '/' ? '' : pathname}/ws${query}`;
}

/** An open socket, by the address of {@link socketUrl}. @throws UpgradeRefused with the answer there was instead */
function openWebSocket(url: string, init: SocketInit = {}): Promise<WebSocket> {
  const { token, headers, origin, ca, protocols = ['mcp'] } = init;
  const socket = new WebSocket(url, [...protocols], {
    ...(origin !== undefined && { origin }),
    ...(ca !== undefined && { ca }),
    // One event at a time, as in browsers: clients drop progress that comes in one turn with the result of its call.
    allowSynchronousEvents: false,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => reject(new UpgradeRefused(response.statusCode ?? 0, response.headers, text)));
    });
  });
}

/** A transport for the clients of SDK v2, which have none of their own: `connectV2(createWebSocketTransport(…))`. */
export function createWebSocketTransport(url: string, init: SocketInit = {}): Transport {
  let socket: WebSocket | undefined;
  const transport: Transport = {
    async start() {
      socket = await openWebSocket(url, init);
      socket.on('message', (data) => transport.onmessage?.(JSON.parse(String(data)) as JSONRPCMessage));
      socket.on('close', () => transport.onclose?.());
      socket.on('error', (error) => transport.onerror?.(error));
    },
    send: (message) =>
      new Promise((resolve, reject) => {
        if (socket === undefined) return reject(new Error('Not connected'));
        socket.send(JSON.stringify(message), (error) => (error ? reject(error) : resolve()));
      }),
    close: async () => socket?.close(),
  };
  return transport;
}

/** A socket whose messages are kept, for tests that say what no SDK would. */
export interface RawSocket {
  readonly socket: WebSocket;
  readonly messages: readonly Json[];
  /** Sends text as it is, or a value as JSON. */
  send(message: string | object): void;
  /** The first message, past or future, that fits. */
  next(fits: (message: Json) => boolean): Promise<Json>;
  /** How the connection ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** Opens a socket that is cut when the test is over. @throws UpgradeRefused */
export async function openRawSocket(url: string, init: SocketInit = {}): Promise<RawSocket> {
  const socket = await openWebSocket(url, init);
  onTestFinished(() => socket.terminate());
  const messages: Json[] = [];
  const waiting = new Set<() => void>();
  socket.on('error', () => undefined);
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)) as Json);
    for (const look of waiting) look();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  );
  return {
    socket,
    messages,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = messages.find(fits);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
        void closed.then(({ code }) => reject(new Error(`The socket closed (${code}) before the message`)));
      }),
    closed,
  };
}

/** A ticket for one connection, asked for as a page does it where there is an `origin`. */
export async function askTicket(
  url: string,
  { token, origin }: Pick<SocketInit, 'token' | 'origin'>,
): Promise<{ readonly ticket: string; readonly expiresIn: number; readonly url: string }> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(origin !== undefined && { origin }),
  };
  const response = await fetch(`${url}/ticket`, { method: 'POST', headers });
  if (!response.ok) throw new Error(`No ticket: ${response.status} ${await response.text()}`);
  return (await response.json()) as { ticket: string; expiresIn: number; url: string };
}
