import { Agent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** `fetch` over TLS for one certificate authority, which the one of Node cannot be told. */
export function createSecureFetch(ca: string, localAddress?: string): Fetch {
  const agent = new Agent({
    ca,
    keepAlive: true,
    family: 4,
    ...(localAddress !== undefined && { localAddress }),
  });
  onTestFinished(() => agent.destroy());
  return async (url, init = {}) => {
    const request = new Request(url, init);
    const body = Buffer.from(await request.arrayBuffer());
    const headers = Object.fromEntries(request.headers);
    const { method, signal } = request;
    return new Promise((resolve, reject) => {
      const sent = httpsRequest(url, { method, headers, agent, signal }, (answer) => {
        const { statusCode: status = 0, rawHeaders } = answer;
        const fields = new Headers();
        for (let index = 0; index < rawHeaders.length; index += 2)
          fields.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
        const isEmpty = status === 204 || status === 304;
        const stream = Readable.toWeb(answer) as ReadableStream<Uint8Array>;
        resolve(new Response(isEmpty ? null : stream, { status, headers: fields }));
      });
      sent.on('error', reject).end(body);
    });
  };
}

export interface SecurePlace {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
}

/** The clients people really use, over TLS: SDK v2 in both eras, and SDK v1. */
export const SECURE_CLIENTS = [
  { client: 'SDK v2 client, newest era', connect: (place: SecurePlace) => connectV2(place, 'auto') },
  { client: 'SDK v2 client, 2025 era', connect: (place: SecurePlace) => connectV2(place, 'legacy') },
  { client: 'SDK v1 client', connect: connectV1 },
] as const;

const INFO = { name: 'test', version: '1.0.0' };

async function connectV2(place: SecurePlace, mode: 'auto' | 'legacy'): Promise<Client> {
  const client = new Client(INFO, { versionNegotiation: { mode } });
  onTestFinished(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(new URL(place.url), optionsOf(place)));
  return client;
}

async function connectV1(place: SecurePlace): Promise<ClientV1> {
  const client = new ClientV1(INFO);
  onTestFinished(() => client.close());
  const transport = new TransportV1(new URL(place.url), optionsOf(place));
  // SDK v1 declares optional members in a way that exactOptionalPropertyTypes tells from its own interface.
  await client.connect(transport as Parameters<ClientV1['connect']>[0]);
  return client;
}

function optionsOf({ ca, token }: SecurePlace) {
  return { fetch: createSecureFetch(ca), requestInit: { headers: { authorization: `Bearer ${token}` } } };
}
