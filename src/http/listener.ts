import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
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

const HEADERS_TIMEOUT_MS = 15_000;
const MAX_HEADERS = 100;
const MAX_HEADER_BYTES = 32 * 1024;

/** A plain HTTP listener with bounds on slow and large heads. @throws TransportError when the address is taken. */
export async function listen(
  handle: InboundHandler,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listener> {
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0 },
    createNodeHandler(handle),
  );
  server.maxHeadersCount = MAX_HEADERS;
  await bind(server, host, port);
  const address = server.address() as AddressInfo;
  return { host, port: address.port, close: (graceMs) => closeServer(server, graceMs) };
}

/** Serves Node's `(request, response)` from a handler of inbound requests. */
export function createNodeHandler(
  handle: InboundHandler,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const answer = await handle(fromNodeRequest(request, clientGone(response)));
    // A body that nobody read must not be read to its end for the sake of the connection.
    if (!request.readableEnded) response.setHeader('connection', 'close');
    await writeNodeResponse(answer, response);
  };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new TransportError(`Cannot listen on ${host}:${port} (${error.code ?? 'error'})`, { cause: error })),
    );
    server.listen(port, host, resolve);
  });
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
