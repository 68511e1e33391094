import { ENVELOPE, MODERN_VERSION } from './envelope.ts';
import type { NativeServer, ServerSdk } from './sdk.ts';
import type { JsonObject } from './server-product.ts';

/** Tells a server of SDK v2, before it is connected, that it serves the 2026 era, and what client, from `_meta`. */
export type BindToModernEra = (server: NativeServer, meta: JsonObject) => void;

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
  const info = meta[ENVELOPE.clientInfo];
  Reflect.set(server, FIELDS.version, MODERN_VERSION);
  Reflect.set(server, FIELDS.capabilities, meta[ENVELOPE.clientCapabilities]);
  if (info !== undefined) Reflect.set(server, FIELDS.info, info);
}
