import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { TransportError } from '../core/errors.ts';
import type { Answer } from './answer.ts';
import { ResponsePresence } from './client-presence.ts';
import type { InboundRequest } from './inbound-request.ts';
import { fromNodeRequest, type NodeBody, writeNodeResponse } from './node-bridge.ts';
import { createTlsServer, type TlsIdentity } from './tls.ts';
import { isWebSocketUpgrade, refuseUnknownUpgrade, type UpgradeHandler } from './websocket-server.ts';

export type InboundHandler = (request: InboundRequest) => Promise<Answer>;

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting, lets running requests finish for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const TIMEOUT_CHECK_MS = 1_000;
const MAX_HEADER_BYTES = 32 * 1024;
/** How long the rest of a body that nobody reads is taken off the wire. */
const LINGER_MS = 1_000;

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly tls?: TlsIdentity | undefined;
  readonly upgrade?: UpgradeHandler;
}

/** A listener with bounds on slow and large heads. @throws TransportError when the address is taken. */
export async function listen(
  handle: InboundHandler,
  { host, port, tls, upgrade }: ListenOptions,
): Promise<Listener> {
  const serve = createNodeHandler(handle);
  const bounds = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Bodies have a timeout of their own, and streams last.
    requestTimeout: 0,
    // Where Node knows it, what asks for another protocol (h2c) is served over this one.
    ...(upgrade !== undefined && { shouldUpgradeCallback: isWebSocketUpgrade }),
  };
  const onRequest: RequestListener = (request, response) => void serve(request, response);
  const { server, endHandshakes } =
    tls === undefined
      ? { server: createServer(bounds, onRequest), endHandshakes: undefined }
      : createTlsServer({ ...bounds, identity: tls, handshakeTimeoutMs: HEADERS_TIMEOUT_MS }, onRequest);
  // Bounded by size alone: beyond a count Node drops fields silently, a second Authorization among them.
  server.maxHeadersCount = 0;
  const connections = followConnections(server, upgrade);
  const endIdle = () => {
    endHandshakes?.();
    connections.endIdle();
  };
  await bind(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    host,
    port: address.port,
    close: (graceMs) => closeServer(server, { ...connections, graceMs, endIdle }),
  };
}

/** Serves Node's `(request, response)` from a handler of inbound requests. Never rejects. */
export function createNodeHandler(
  handle: InboundHandler,
  bodyOf?: NodeBody,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const { socket } = request;
    try {
      const answer = await handle(fromNodeRequest(request, new ResponsePresence(response), bodyOf));
      if (!request.complete) response.once('finish', () => discardRest(request, socket));
      await writeNodeResponse(answer, response);
    } catch {
      // Whatever is out already cannot be taken back; a cut connection is no answer, and nobody takes it for one.
      response.destroy();
    }
  };
}

/**
 * Takes the rest of an unread body off the wire, for a moment: a connection that is closed while data is still coming
 * in is reset, and the client may lose the answer with it (RFC 9112 §9.6).
 */
function discardRest(request: IncomingMessage, socket: Socket): void {
  if (request.complete) return;
  const cut = setTimeout(() => {
    if (!request.complete) socket.destroy();
  }, LINGER_MS).unref();
  request.once('close', () => clearTimeout(cut));
  request.resume();
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new TransportError(`Cannot listen on ${host}:${port} (${error.code ?? 'error'})`, { cause: error }),
      ),
    );
    server.listen(port, host, resolve);
  });
}

interface Connections {
  /** Ends those without an unanswered request. To Node one on which nothing was ever asked is busy. */
  endIdle(): void;
  /** Ends those that are no longer of requests, of which Node knows nothing, but for whose end it waits. */
  endUpgraded(): void;
}

function followConnections(server: Server, upgrade: UpgradeHandler | undefined): Connections {
  const upgraded = new Set<Duplex>();
  const unanswered = new Map<Socket, number>();
  const count = (socket: Socket, change: number): void => {
    const before = unanswered.get(socket);
    if (before !== undefined) unanswered.set(socket, before + change);
  };
  // Over TLS, requests come from what the handshake has made of a socket.
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    unanswered.set(socket, 0);
    socket.once('close', () => unanswered.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  // Without a listener for them, Node serves upgrades as the requests that they also are.
  if (upgrade !== undefined) {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      unanswered.delete(request.socket);
      upgraded.add(socket);
      socket.once('close', () => upgraded.delete(socket));
      if (!upgrade(request, socket, head)) void refuseUnknownUpgrade(socket);
    });
  }
  return {
    endIdle() {
      for (const [socket, requests] of unanswered) if (requests === 0) socket.destroy();
    },
    endUpgraded() {
      for (const socket of upgraded) socket.destroy();
    },
  };
}

interface Closing extends Connections {
  readonly graceMs: number;
}

const IDLE_POLL_MS = 50;
/** Whoever holds an upgraded connection has the grace too, and closes it in its own way after that. */
const UPGRADED_MS = 5_000;

async function closeServer(server: Server, { graceMs, endIdle, endUpgraded }: Closing): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  endIdle();
  const idle = setInterval(endIdle, IDLE_POLL_MS);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  const cutUpgraded = setTimeout(endUpgraded, graceMs + UPGRADED_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
  clearTimeout(cutUpgraded);
}
