import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import { SignalPresence } from './client-presence.ts';
import type { InboundRequest } from './inbound-request.ts';
import type { MessageLink } from './message-link.ts';
import { fromNodeRequest } from './node-bridge.ts';
import { rpcError } from './responses.ts';
import { createFrameFollower } from './websocket-frames.ts';
import { createWebSocketLink } from './websocket-link.ts';

/** A connection that may be opened. One of the two is called, once. */
export interface AcceptedUpgrade {
  /** Must listen to the link before it returns. */
  open(link: MessageLink): void;
  /** The client went away meanwhile. */
  abandon(): void;
}

export interface UpgradeHandlerOptions {
  readonly isServed: (path: string) => boolean;
  /** Never rejects. */
  readonly decide: (request: InboundRequest) => Promise<Response | AcceptedUpgrade>;
  readonly maxMessageBytes: number;
  readonly heartbeatMs: number;
  readonly onError: (error: unknown) => void;
}

/** Takes the upgrades of its own paths; false leaves one to others. Never throws. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;

const CLOSE_TIMEOUT_MS = 2_000;
const LINGER_MS = 1_000;
const MAX_BUFFERED_BYTES = 4_194_304;

export function createUpgradeHandler(options: UpgradeHandlerOptions): UpgradeHandler {
  let server: Promise<WebSocketServer> | undefined;

  return (request, socket, head) => {
    if (!isWebSocketUpgrade(request)) return false;
    const gone = new AbortController();
    const inbound = fromNodeRequest(request, new SignalPresence(gone.signal));
    if (!options.isServed(inbound.path)) return false;
    socket.on('error', ignore);
    socket.once('close', () => gone.abort());
    void take(inbound, { request, socket, head });
    return true;
  };

  async function take(inbound: InboundRequest, { request, socket, head }: Upgrade): Promise<void> {
    try {
      const webSocketServer = await load();
      const accepted = await options.decide(inbound);
      if (accepted instanceof Response) return await refuseUpgrade(socket, accepted);
      if (socket.destroyed || !socket.writable) return accepted.abandon();
      let isOpen = false;
      webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
        isOpen = true;
        socket.off('error', ignore);
        // The bytes that came with the head are among those that the socket gives from now on.
        const frames = createFrameFollower();
        socket.on('data', frames.take);
        const { heartbeatMs } = options;
        const bounds = { heartbeatMs, maxBufferedBytes: MAX_BUFFERED_BYTES, frames };
        accepted.open(createWebSocketLink(webSocket, bounds));
      });
      if (!isOpen) accepted.abandon();
    } catch (error) {
      options.onError(error);
      socket.destroy();
    }
  }

  // With the first upgrade: most gates never see one.
  async function load(): Promise<WebSocketServer> {
    server ??= loadServer(options.maxMessageBytes);
    try {
      return await server;
    } catch (error) {
      server = undefined;
      throw error;
    }
  }
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** RFC 9110 §7.8: in HTTP/1.0 there is none. */
export function isWebSocketUpgrade({
  headers,
  httpVersion,
}: Pick<IncomingMessage, 'headers' | 'httpVersion'>): boolean {
  return httpVersion === '1.1' && headers.upgrade?.toLowerCase() === 'websocket';
}

async function loadServer(maxPayload: number): Promise<WebSocketServer> {
  const ws = await import('ws');
  return new ws.WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload,
    // A few bytes of a compressed message can stand for gigabytes.
    perMessageDeflate: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // Never one that holds a ticket.
    handleProtocols: (offered) => (offered.has('mcp') ? 'mcp' : false),
  } as ConstructorParameters<typeof ws.WebSocketServer>[0]);
}

function ignore(): void {
  // A client that goes away during its handshake has nobody to tell.
}

/** Answers an upgrade over HTTP/1.1, which is all that there is on such a connection, and ends it. */
async function refuseUpgrade(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const head = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}`,
    ...[...response.headers].map(([name, value]) => `${name}: ${value}`),
    `content-length: ${body.byteLength}`,
    'x-content-type-options: nosniff',
    'connection: close',
  ];
  if (socket.destroyed) return;
  socket.on('error', ignore);
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]));
  // A connection that is closed while data is still coming in is reset, and the answer with it (RFC 9112 §9.6).
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(cut));
}

/** For an upgrade that nobody takes. */
export function refuseUnknownUpgrade(socket: Duplex): Promise<void> {
  return refuseUpgrade(socket, rpcError('NOT_FOUND', 'Nothing is upgraded at this path'));
}
