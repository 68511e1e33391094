import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** PEM: a certificate, followed by those that lead to its authority, and its key. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface Serving {
  /** Without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** 0 for any free one. */
  readonly port: number;
  readonly tls?: Tls | undefined;
}

/** Listens on this machine only, by HTTPS where there is a certificate. `create` is told where. */
export async function serve(
  create: (url: string) => RequestListener | Promise<RequestListener>,
  { port, tls }: ServeOptions,
): Promise<Serving> {
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const { port: bound } = server.address() as AddressInfo;
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${bound}`;
  try {
    server.on('request', await create(url));
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}

/** From the files that `TLS_CERT` and `TLS_KEY` name; undefined where neither is set. */
export function readTls(env: Readonly<Record<string, string | undefined>>): Tls | undefined {
  const { TLS_CERT: cert, TLS_KEY: key } = env;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new Error('Set both TLS_CERT and TLS_KEY, or neither');
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** Ends with Ctrl-C. */
export function closeOnSignals(close: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void close().then(() => process.exit(0)));
  }
}
