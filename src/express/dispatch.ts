import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { ConfigurationError } from '../core/errors.ts';
import { checkNotAborted } from '../mcp/abort-reason.ts';
import { openExchange } from './inner-exchange.ts';
import type { Dispatcher, DispatcherOptions, ExpressApp } from './inner-request.ts';
import type { InnerSocket } from './inner-socket.ts';

type Serve = (request: IncomingMessage, response: ServerResponse) => unknown;

/** What a timer of Node can wait. */
const MAX_TIMEOUT_MS = 2_147_483_647;
const DEFAULT_ADDRESS = '127.0.0.1';
const LOCAL_PORT = 80;

/**
 * Puts requests through all of an app's middleware, inside this process: the app serves an HTTP server of Node that
 * listens nowhere and is handed connections that are no network. What `req` and `res` are and do, and when which
 * event comes, is therefore Node's own doing, as over a network; and nothing of an app that serves a network at the
 * same time, or of what all requests share, is touched.
 *
 * A request is aborted, as by a client that goes away, when its time is up, when its signal says so, and when the
 * iteration of its answer is left. An app that throws, instead of answering, cuts its connection.
 *
 * Framing fields (`connection`, `content-length`, `transfer-encoding` and their like) are set here, on requests;
 * answers come without those of the connection. Trailers and informational answers are not handed on.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) for options that make no sense; from `dispatch` also
 *   ValidationError (VALIDATION_ERROR) for what no HTTP request can say.
 * @see https://nodejs.org/api/http.html#event-connection
 */
export function createDispatcher(app: ExpressApp, options: DispatcherOptions): Dispatcher {
  const { timeoutMs, localAddress = DEFAULT_ADDRESS } = options;
  checkOptions(app, timeoutMs, localAddress);
  const server = createInnerServer(app as unknown as Serve);
  const connect = (socket: InnerSocket): void => {
    // A request is a turn of its own, as over a network: many of them in a row leave others theirs.
    setImmediate(() => {
      // Documented for any Duplex, which the types leave out.
      if (!socket.destroyed) server.emit('connection', socket as unknown as Socket);
    });
  };
  const place = { timeoutMs, localAddress, localPort: LOCAL_PORT, connect };
  return {
    async dispatch(request) {
      checkNotAborted(request.signal);
      return openExchange(request, place);
    },
  };
}

function checkOptions(app: unknown, timeoutMs: number, localAddress: string): void {
  const problems: string[] = [];
  if (typeof app !== 'function') problems.push('The app is not a function (request, response)');
  if (!(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) {
    problems.push(`timeoutMs must be from 1 to ${MAX_TIMEOUT_MS}`);
  }
  if (isIP(localAddress) === 0) problems.push('localAddress is not an IP address');
  if (problems.length > 0) throw new ConfigurationError(problems);
}

function createInnerServer(serve: Serve): Server {
  // One connection is for one request: there is nothing to keep alive.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const { socket } = request;
    response.once('close', () => process.nextTick(closeAfter, request, socket));
    const cut = (error: unknown): void => void socket.destroy(error instanceof Error ? error : undefined);
    try {
      Promise.resolve(serve(request, response)).catch(cut);
    } catch (error) {
      cut(error);
    }
  });
  // The size of a head has its bound already; what counts its fields drops some of them silently.
  server.maxHeadersCount = 0;
  // Node's own answer to an error of a connection is not one of the app.
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

/**
 * A request may still be read when its answer is out, in the time that both of them have. Whoever reads it later than
 * that is told that it was aborted, where Node would say nothing.
 */
function closeAfter(request: IncomingMessage, socket: Socket): void {
  if (!request.complete || isRead(request)) socket.once('close', () => request.destroy());
  if (isRead(request)) request.once('close', () => socket.destroy());
  else socket.destroy();
}

function isRead(request: IncomingMessage): boolean {
  if (request.readableEnded || request.destroyed) return false;
  const { readableFlowing } = request;
  return readableFlowing === true || request.listenerCount('data') + request.listenerCount('readable') > 0;
}
