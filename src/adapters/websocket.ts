import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketOptions } from '../gate/websocket.ts';
import type { Gate } from '../gate.ts';
import { refuseUnknownUpgrade, type UpgradeHandler } from '../http/websocket-server.ts';

/** Sockets of a gate on an HTTP server of somebody's. */
export interface WebSocketService {
  /** Takes no more upgrades, lets calls in flight finish, and closes its sockets with 1001. `gate.close` does it too. */
  close(): Promise<void>;
  /** Connections that are open, or about to be. */
  readonly size: number;
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Any server of `node:http` or `node:https`, as frameworks have one too: `app.listen()`, `fastify.server`. */
export interface UpgradingServer {
  on(event: 'upgrade', listener: UpgradeListener): unknown;
  off(event: 'upgrade', listener: UpgradeListener): unknown;
  listenerCount(event: 'upgrade'): number;
}

const GRACE_MS = 30_000;

/**
 * Takes the WebSocket upgrades of a gate's servers, at `{path}/ws` of each, on any `node:http` or `node:https` server.
 * Other upgrades are left to the server's other listeners; where there are none, they are answered with 404.
 *
 * HTTP requests are not taken: serve them with another adapter, on the same paths. Browsers need its `{path}/ticket`.
 *
 * @throws ConfigurationError for a gate that may be served over stdio only, and for a bound that is none
 */
export function serveWebSocket(
  gate: Gate,
  server: UpgradingServer,
  options: WebSocketOptions = {},
): WebSocketService {
  const entry = gate.webSocket(options);
  const leave = join(server, entry.upgrade);
  return {
    async close() {
      leave();
      await entry.close(GRACE_MS);
    },
    get size() {
      return entry.size;
    },
  };
}

interface Sharing {
  readonly handlers: Set<UpgradeHandler>;
  readonly listener: UpgradeListener;
}

// The gates of a server share one listener: each of two would leave to the other what neither takes.
const shared = new WeakMap<UpgradingServer, Sharing>();

/** Returns what takes the handler off the server again. */
function join(server: UpgradingServer, handler: UpgradeHandler): () => void {
  const { handlers, listener } = shared.get(server) ?? share(server);
  handlers.add(handler);
  return () => {
    if (!handlers.delete(handler) || handlers.size > 0) return;
    server.off('upgrade', listener);
    shared.delete(server);
  };
}

function share(server: UpgradingServer): Sharing {
  const handlers = new Set<UpgradeHandler>();
  const listener: UpgradeListener = (request, socket, head) => {
    for (const take of handlers) if (take(request, socket, head)) return;
    // Node waits for ever on behalf of an upgrade that nobody takes.
    if (server.listenerCount('upgrade') === 1) void refuseUnknownUpgrade(socket);
  };
  server.on('upgrade', listener);
  const sharing = { handlers, listener };
  shared.set(server, sharing);
  return sharing;
}

export type { WebSocketOptions } from '../gate/websocket.ts';
