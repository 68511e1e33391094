import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gate } from '../gate.ts';
import { createNodeHandler } from '../http/listener.ts';

/** Serves a gate from any `node:http` server: `http.createServer(toNode(gate))`. */
export function toNode(gate: Gate): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return createNodeHandler(gate.handle);
}
