import { createServer, type RequestListener } from 'node:http';
import { ConfigurationError } from '../core/errors.ts';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

export interface IssuerServer {
  /** `http://host:port`, without a trailing slash. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Requests an issuer has seen. */
export interface IssuerRequests {
  readonly metadata: number;
  readonly jwks: number;
  readonly total: number;
}

/**
 * Listens on this machine only.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) for a host that is not loopback.
 */
export async function createIssuerServer(
  listener: RequestListener,
  address: { readonly host: string; readonly port: number },
): Promise<IssuerServer> {
  const { host, port } = address;
  if (!LOOPBACK.test(host)) throw new ConfigurationError('a test issuer listens on a loopback address only');
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
