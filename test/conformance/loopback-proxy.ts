import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

export interface LoopbackProxy {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Adds the credential that the judge cannot send. Everything else passes as it is, both ways and at once; of Host
 * and Origin only its own are replaced, so that a foreign one still reaches the gate.
 */
export async function startLoopbackProxy(target: URL, token: string): Promise<LoopbackProxy> {
  const server = createServer((incoming, outgoing) => forward({ incoming, outgoing, target, token }));
  // Pings on a quiet stream are the gate's business.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface Forwarding {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly target: URL;
  readonly token: string;
}

function forward({ incoming, outgoing, target, token }: Forwarding): void {
  const own = `127.0.0.1:${incoming.socket.localPort}`;
  const { host, origin, ...headers } = incoming.headers;
  const upstream = request(new URL(incoming.url ?? '/', target), {
    method: incoming.method,
    headers: {
      ...headers,
      host: host === own ? target.host : host,
      ...(origin !== undefined && { origin: origin === `http://${own}` ? target.origin : origin }),
      authorization: `Bearer ${token}`,
    },
  });
  upstream.on('response', (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    outgoing.flushHeaders();
    pipeline(response, outgoing, () => upstream.destroy());
  });
  upstream.on('error', () => outgoing.destroy());
  outgoing.on('close', () => upstream.destroy());
  incoming.pipe(upstream);
}
