import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';

/** One report of progress, in the words of both SDKs. */
export interface Progress {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

export interface CallOptions {
  readonly onprogress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
  readonly structuredContent: unknown;
}

/** What the tests ask of a client, whichever SDK is behind it. */
export interface AnyClient {
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolAnswer>;
  tools(): Promise<readonly string[]>;
  close(): Promise<void>;
  readonly sessionId: string | undefined;
}

export type ClientKind = 'v1' | 'v2 legacy' | 'v2 auto';
export const CLIENTS: readonly ClientKind[] = ['v1', 'v2 legacy', 'v2 auto'];

const INFO = { name: 'test-client', version: '1.0.0' };

/** A real client on a real connection, closed when the test is over. */
export async function connect(
  kind: ClientKind,
  url: string,
  token: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<AnyClient> {
  const requestInit = { headers: { ...headers, authorization: `Bearer ${token}` } };
  const client =
    kind === 'v1'
      ? await connectV1(new TransportV1(new URL(url), { requestInit }))
      : await connectV2(kind, new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  onTestFinished(() => client.close());
  return client;
}

async function connectV1(transport: TransportV1): Promise<AnyClient> {
  const client = new ClientV1(INFO);
  // The SDK's transport declares an optional session id that exact optional types refuse.
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return {
    call: async (name, args = {}, options = {}) =>
      toAnswer(await client.callTool({ name, arguments: args }, undefined, options)),
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    close: () => client.close(),
    get sessionId() {
      return transport.sessionId;
    },
  };
}

async function connectV2(kind: ClientKind, transport: StreamableHTTPClientTransport): Promise<AnyClient> {
  const mode = kind === 'v2 auto' ? 'auto' : 'legacy';
  const client = new Client(INFO, { versionNegotiation: { mode } });
  await client.connect(transport);
  return {
    call: async (name, args = {}, options = {}) =>
      toAnswer(await client.callTool({ name, arguments: args }, options)),
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    close: () => client.close(),
    get sessionId() {
      return transport.sessionId;
    },
  };
}

function toAnswer(result: Record<string, unknown>): ToolAnswer {
  const [first] = result['content'] as readonly { readonly text?: string }[];
  return {
    text: first?.text ?? '',
    isError: result['isError'] === true,
    structuredContent: result['structuredContent'],
  };
}
