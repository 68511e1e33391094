import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gate } from '../gate.ts';
import { createNodeHandler } from '../http/listener.ts';

/**
 * Serves a gate from any `node:http` server: `http.createServer(toNode(gate))`.
 *
 * @throws ConfigurationError for a gate that may be served over stdio only
 */
export function toNode(gate: Gate): (request: IncomingMessage, response: ServerResponse) => void {
  const handle = createNodeHandler(gate.handle);
  return (request, response) => void handle(request, response);
}
