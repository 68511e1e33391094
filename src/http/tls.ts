import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Secret } from '../core/secret.ts';

/** A PEM certificate with its chain, and its key. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: Secret;
}

export interface TlsServer {
  readonly server: Server;
  /** Cuts the connections whose handshake is still under way: to Node's server they are no connections yet. */
  endHandshakes(): void;
}

export interface TlsServerOptions extends ServerOptions {
  readonly identity: TlsIdentity;
  readonly handshakeTimeoutMs: number;
}

/** HTTP/1.1 over TLS 1.2 or later. */
export function createTlsServer(
  { identity, handshakeTimeoutMs, ...options }: TlsServerOptions,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): TlsServer {
  const { cert, key } = identity;
  const server = createServer(
    {
      ...options,
      cert,
      key: key.reveal(),
      // RFC 9325 §3.1.1: nothing older.
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: handshakeTimeoutMs,
    },
    onRequest,
  );
  return { server, endHandshakes: followHandshakes(server) };
}

function followHandshakes(server: Server): () => void {
  // By the client's end, which is the same for the socket and for what TLS makes of it.
  const shaking = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const end = endOf(socket);
    shaking.set(end, socket);
    socket.once('close', () => {
      if (shaking.get(end) === socket) shaking.delete(end);
    });
  });
  server.on('secureConnection', (socket: Socket) => shaking.delete(endOf(socket)));
  return () => {
    for (const socket of shaking.values()) socket.destroy();
  };
}

function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
