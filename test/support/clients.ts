import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';

const INFO = { name: 'test', version: '1.0.0' };

/** The clients people really use: SDK v2 in both eras, and SDK v1. */
export const CLIENTS = [
  {
    client: 'SDK v2 client, newest era',
    connect: (url: string, token?: string) => connectV2(url, token, 'auto'),
  },
  {
    client: 'SDK v2 client, 2025 era',
    connect: (url: string, token?: string) => connectV2(url, token, 'legacy'),
  },
  { client: 'SDK v1 client', connect: connectV1 },
] as const;

/** A connected SDK v2 client, by a URL or over a transport of its own; closed when the test is over. */
export async function connectV2(
  to: string | Transport,
  token?: string,
  mode: 'auto' | 'legacy' = 'auto',
): Promise<Client> {
  const client = new Client(INFO, { versionNegotiation: { mode } });
  onTestFinished(() => client.close());
  const requestInit = { headers: bearer(token) };
  await client.connect(
    typeof to === 'string' ? new StreamableHTTPClientTransport(new URL(to), { requestInit }) : to,
  );
  return client;
}

/** A connected SDK v1 client, closed when the test is over. */
async function connectV1(url: string, token?: string): Promise<ClientV1> {
  const client = new ClientV1(INFO);
  onTestFinished(() => client.close());
  const transport = new TransportV1(new URL(url), { requestInit: { headers: bearer(token) } });
  // SDK v1 declares optional members in a way that exactOptionalPropertyTypes tells from its own interface.
  await client.connect(transport as Parameters<ClientV1['connect']>[0]);
  return client;
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
