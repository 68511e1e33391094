import { Client, type ElicitResult, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type AuthInfo, createMcpHandler, type McpServerFactory } from '@modelcontextprotocol/server';
import type { Principal } from '../../src/core/principal.ts';

/** Both protocol eras, as a v2 client negotiates them. */
export const ERAS = [
  { era: '2026', mode: { pin: '2026-07-28' } },
  { era: '2025', mode: 'legacy' },
] as const;

export type EraMode = (typeof ERAS)[number]['mode'];

export interface ClientOptions {
  readonly factory: McpServerFactory;
  readonly mode: EraMode;
  /** Whom the host authenticated for each request. */
  readonly principal?: Principal | undefined;
  /** Answers what tools ask the user. */
  readonly onElicit?: (() => ElicitResult) | undefined;
}

/** A real client on a real handler, without a socket between them. */
export async function connectClient(options: ClientOptions): Promise<Client> {
  const { factory, mode, principal } = options;
  const handler = createMcpHandler(factory);
  const authInfo: AuthInfo = { token: '', clientId: '', scopes: [], extra: { principal } };
  const fetch = (url: string | URL, init?: RequestInit): Promise<Response> =>
    handler.fetch(new Request(url, init), principal === undefined ? {} : { authInfo });
  const { onElicit } = options;
  const capabilities = onElicit === undefined ? {} : { elicitation: { form: {} } };
  const client = new Client(
    { name: 'test-client', version: '1.0.0' },
    { versionNegotiation: { mode }, capabilities },
  );
  if (onElicit !== undefined) client.setRequestHandler('elicitation/create', onElicit);
  await client.connect(new StreamableHTTPClientTransport(new URL('http://127.0.0.1/mcp'), { fetch }));
  return client;
}
