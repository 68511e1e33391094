import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gate } from '../gate.ts';
import { createNodeHandler } from '../http/listener.ts';
import { pathOf } from '../http/node-bridge.ts';

/** A request on which middleware may have left the body that it has read. */
export interface ExpressRequest extends IncomingMessage {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

export type ExpressHandler = (request: ExpressRequest, response: ServerResponse, next: () => void) => void;

/**
 * Serves a gate from an Express 4 or 5 app, or any other of `(request, response, next)`: `app.use(toExpress(gate))`.
 * The gate answers the paths it serves something at, everything else goes on to the app. Paths are those below the
 * point of mounting; the client's address is the peer's, whatever `trust proxy` says.
 *
 * A body that middleware has read already is taken from `request.rawBody` or `request.body`, and the gate's limits
 * hold for it as well; what middleware refuses, such as more than the 100 kB of `express.json()`, never gets here.
 *
 * @throws ConfigurationError for a gate that may be served over stdio only
 */
export function toExpress(gate: Gate): ExpressHandler {
  const serve = createExpressHandler(gate.handle);
  return (request, response, next) => {
    if (gate.owns(pathOf(request.url))) serve(request, response);
    else next();
  };
}

/** Answers requests of an Express app, whether or not middleware has read their bodies. */
export function createExpressHandler(
  handle: Gate['handle'],
): (request: ExpressRequest, response: ServerResponse) => void {
  const fromStream = createNodeHandler(handle);
  const fromMiddleware = createNodeHandler(handle, readAlready);
  return (request, response) => {
    void (request.readableEnded ? fromMiddleware : fromStream)(request, response);
  };
}

async function* readAlready(request: ExpressRequest): AsyncGenerator<Uint8Array> {
  const { body, rawBody } = request;
  if (rawBody instanceof Uint8Array) yield rawBody;
  else if (body instanceof Uint8Array) yield body;
  else if (typeof body === 'string') yield Buffer.from(body);
  // Written out again, so that size and depth are checked and the gate has a copy that nobody else holds.
  else if (body !== undefined) yield Buffer.from(JSON.stringify(body));
}
