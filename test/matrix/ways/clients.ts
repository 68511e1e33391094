import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import type { Connect, Connection, Events, ToolResult } from './way.ts';

/** `modern` and `legacy` are the SDK v2 client in either era. */
export type ClientKind = 'modern' | 'legacy' | 'v1';

const INFO = { name: 'matrix-client', version: '1.0.0' };
const CAPABILITIES = { elicitation: { form: {} } };
/** Longer than anything here may take, so that a call that hangs is told by the test that made it. */
const TIMEOUT_MS = 30_000;

/** Connects a client over a transport of its own kind. */
export function connectOver(kind: ClientKind, open: () => Transport): Connect {
  return (events) => (kind === 'v1' ? connectV1(open(), events) : connectV2(kind, open(), events));
}

/** Connects a client to a URL with a token. */
export function connectHttp(kind: ClientKind, url: string, token: string): Connect {
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  return connectOver(kind, () =>
    kind === 'v1'
      ? (new TransportV1(new URL(url), { requestInit }) as unknown as Transport)
      : new StreamableHTTPClientTransport(new URL(url), { requestInit }),
  );
}

async function connectV2(
  kind: 'modern' | 'legacy',
  transport: Transport,
  events: Events,
): Promise<Connection> {
  const client = new Client(INFO, {
    capabilities: CAPABILITIES,
    versionNegotiation: { mode: kind === 'modern' ? { pin: '2026-07-28' } : 'legacy' },
  });
  client.setRequestHandler('elicitation/create', ({ params }) => answer(events, params.message));
  client.setNotificationHandler('notifications/tools/list_changed', () => events.onListChanged());
  const state = { isOpen: true };
  client.onclose = () => void (state.isOpen = false);
  await client.connect(transport);
  if (kind === 'modern') await client.listen({ toolsListChanged: true });
  return {
    callTool: async (name, args, { signal, onProgress } = {}) =>
      (await client.callTool(
        { name, arguments: args },
        { timeout: TIMEOUT_MS, ...(signal && { signal }), ...(onProgress && { onprogress: onProgress }) },
      )) as ToolResult,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    get isOpen() {
      return state.isOpen;
    },
    close: () => client.close(),
  };
}

async function connectV1(transport: Transport, events: Events): Promise<Connection> {
  const client = new ClientV1(INFO, { capabilities: CAPABILITIES });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(events, params.message));
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => events.onListChanged());
  const state = { isOpen: true };
  client.onclose = () => void (state.isOpen = false);
  // SDK v1 declares optional members in a way that exactOptionalPropertyTypes tells from its own interface.
  await client.connect(transport as unknown as Parameters<ClientV1['connect']>[0]);
  return {
    callTool: async (name, args, { signal, onProgress } = {}) =>
      (await client.callTool({ name, arguments: args }, undefined, {
        timeout: TIMEOUT_MS,
        ...(signal && { signal }),
        ...(onProgress && { onprogress: onProgress }),
      })) as ToolResult,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    get isOpen() {
      return state.isOpen;
    },
    close: () => client.close(),
  };
}

function answer(events: Events, message: string) {
  return { action: 'accept' as const, content: { colour: events.onQuestion(message) } };
}
