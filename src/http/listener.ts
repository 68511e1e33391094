import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { TransportError } from '../core/errors.ts';
import type { InboundRequest } from './inbound-request.ts';
import { clientGone, fromNodeRequest, writeNodeResponse } from './node-bridge.ts';

export type InboundHandler = (request: InboundRequest) => Promise<Response>;

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

/** A plain HTTP listener with bounds on slow and large heads. @throws TransportError when the address is taken. */
export async function listen(
  handle: InboundHandler,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listener> {
  const serve = createNodeHandler(handle);
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Bodies have a timeout of their own, and streams last.
      requestTimeout: 0,
    },
    (request, response) => void serve(request, response),
  );
  // Bounded by size alone: beyond a count Node drops fields silently, a second Authorization among them.
  server.maxHeadersCount = 0;
  const endIdle = followConnections(server);
  await bind(server, host, port);
  const address = server.address() as AddressInfo;
  return { host, port: address.port, close: (graceMs) => closeServer(server, { graceMs, endIdle }) };
}

/** Serves Node's `(request, response)` from a handler of inbound requests. Never rejects. */
export function createNodeHandler(
  handle: InboundHandler,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const { socket } = request;
    response.once('finish', () => discardRest(request, socket));
    try {
      await writeNodeResponse(await handle(fromNodeRequest(request, clientGone(response))), response);
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

/** Returns what ends connections without an unanswered request. To Node one on which nothing was ever asked is busy. */
function followConnections(server: Server): () => void {
  const unanswered = new Map<Socket, number>();
  const count = (socket: Socket, change: number): void => {
    const before = unanswered.get(socket);
    if (before !== undefined) unanswered.set(socket, before + change);
  };
  server.on('connection', (socket: Socket) => {
    unanswered.set(socket, 0);
    socket.once('close', () => unanswered.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  return () => {
    for (const [socket, requests] of unanswered) if (requests === 0) socket.destroy();
  };
}

interface Closing {
  readonly graceMs: number;
  readonly endIdle: () => void;
}

const IDLE_POLL_MS = 50;

async function closeServer(server: Server, { graceMs, endIdle }: Closing): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  endIdle();
  const idle = setInterval(endIdle, IDLE_POLL_MS);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
