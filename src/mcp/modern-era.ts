import { ENVELOPE, MODERN_VERSION } from './envelope.ts';
import type { NativeServer, ServerSdk } from './sdk.ts';
import type { JsonObject } from './server-product.ts';

/** Tells a server of SDK v2, before it is connected, that it serves the 2026 era, and what client, from `_meta`. */
export type BindToModernEra = (server: NativeServer, meta: JsonObject) => void;

/** As much of the SDK's low-level server as its own entry sets for a request. */
interface Bindable {
  _negotiatedProtocolVersion?: unknown;
  _clientCapabilities?: unknown;
  _clientVersion?: unknown;
}

/**
 * What the SDK's entry does to the server of a request, without all else that it does. The fields are not public: a server
 * made for the purpose tells whether they are what they were. Undefined where they are not, and the entry has to be used.
 */
export function findEraBinding(sdk: ServerSdk): BindToModernEra | undefined {
  const probe = new sdk.Server({ name: 'probe', version: '0' }, { capabilities: {} });
  const capabilities = {};
  const info = { name: 'probe', version: '0' };
  bind(probe, { [ENVELOPE.clientCapabilities]: capabilities, [ENVELOPE.clientInfo]: info });
  const isBound =
    probe.getNegotiatedProtocolVersion() === MODERN_VERSION &&
    probe.getClientCapabilities() === capabilities &&
    probe.getClientVersion() === info;
  if (!isBound) return undefined;
  return (product, meta) => bind(product instanceof sdk.McpServer ? product.server : product, meta);
}

function bind(server: object, meta: JsonObject): void {
  const bindable: Bindable = server;
  bindable._negotiatedProtocolVersion = MODERN_VERSION;
  bindable._clientCapabilities = meta[ENVELOPE.clientCapabilities];
  if (meta[ENVELOPE.clientInfo] !== undefined) bindable._clientVersion = meta[ENVELOPE.clientInfo];
}
