import { TransportError } from '../core/errors.ts';
import { toEnvelope } from './asked-link.ts';
import type { ClientFacts } from './client-facts.ts';
import { ENVELOPE, MODERN_VERSION } from './envelope.ts';
import type { NativeServer, ServerSdk } from './sdk.ts';
import type { JsonObject } from './server-product.ts';

/** Tells a server of SDK v2, before it is connected, that it serves the 2026 era, and what client, from `_meta`. */
export type BindToRequest = (server: NativeServer, meta: JsonObject) => void;

/** What the SDK's own entry sets of its low-level server for a request. */
const FIELDS = {
  version: '_negotiatedProtocolVersion',
  capabilities: '_clientCapabilities',
  info: '_clientVersion',
} as const;

/**
 * What the SDK's entry does to the server of a request, without all else that it does. The fields are not public: a server
 * made for the purpose tells whether they are what they were. Undefined where they are not, and the entry has to be used.
 */
export function findEraBinding(sdk: ServerSdk): BindToRequest | undefined {
  const probe = new sdk.Server({ name: 'probe', version: '0' }, { capabilities: {} });
  const capabilities = {};
  const info = { name: 'probe', version: '0' };
  bind(probe, { [ENVELOPE.clientCapabilities]: capabilities, [ENVELOPE.clientInfo]: info });
  const isBound =
    probe.getNegotiatedProtocolVersion() === MODERN_VERSION &&
    probe.getClientCapabilities() === capabilities &&
    probe.getClientVersion() === info;
  if (!isBound) return undefined;
  return (product, meta) => bind(lowLevelOf(sdk, product), meta);
}

function bind(server: object, meta: JsonObject): void {
  const info = meta[ENVELOPE.clientInfo];
  Reflect.set(server, FIELDS.version, MODERN_VERSION);
  Reflect.set(server, FIELDS.capabilities, meta[ENVELOPE.clientCapabilities]);
  if (info !== undefined) Reflect.set(server, FIELDS.info, info);
}

export type LowLevelServer = InstanceType<ServerSdk['Server']>;

/** The server that an `McpServer` is made around. */
export function lowLevelOf(sdk: ServerSdk, product: NativeServer): LowLevelServer {
  return product instanceof sdk.McpServer ? product.server : product;
}

/**
 * Tells a server that serves many requests, by way of the SDK's own entry; it remembers that for good.
 *
 * @throws TransportError (TRANSPORT_ERROR) when the server does not take to it
 */
export async function bindToModernEra(
  sdk: ServerSdk,
  product: NativeServer,
  client: ClientFacts,
): Promise<void> {
  const body = {
    jsonrpc: '2.0',
    id: 0,
    method: 'server/discover',
    params: { _meta: toEnvelope(client) },
  };
  const request = new Request('http://gate.invalid/', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN_VERSION,
      'mcp-method': 'server/discover',
    },
  });
  const server = lowLevelOf(sdk, product);
  const { onclose } = server;
  Reflect.set(server, 'onclose', undefined);
  try {
    const entry = sdk.createMcpHandler(() => product, { legacy: 'reject' });
    const response = await entry.fetch(request, { parsedBody: body });
    await response.text();
    if (!response.ok) {
      throw new TransportError('The server could not be started', {
        detail: `server/discover was answered with ${response.status}`,
      });
    }
  } finally {
    if (onclose !== undefined) server.onclose = onclose;
  }
}
