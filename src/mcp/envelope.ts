import { isObject, type JsonObject, type JsonRpcRequest } from './server-product.ts';

/** The first version of the protocol whose requests carry everything that a session held before. */
export const MODERN_VERSION = '2026-07-28';

/** The keys of `_meta` that every request of that version carries (MCP 2026-07-28, Basic, `_meta`). */
export const ENVELOPE = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
} as const;

/** The key of `_meta` under which a result says what server it is from. */
export const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';

const RESERVED: ReadonlySet<string> = new Set(Object.values(ENVELOPE));

/** A request without what of its `_meta` is for the protocol alone, which is what tools get to see. */
export function takeEnvelope(request: JsonRpcRequest): {
  readonly request: JsonRpcRequest;
  readonly envelope: JsonObject | undefined;
} {
  const meta = request.params?.['_meta'];
  if (!isObject(meta)) return { request, envelope: undefined };
  const keys = Object.keys(meta);
  const taken = keys.filter((key) => RESERVED.has(key));
  if (taken.length === 0) return { request, envelope: undefined };
  const { jsonrpc, id, method, params } = request;
  return {
    request: { jsonrpc, id, method, params: withMeta(params, taken.length < keys.length ? meta : undefined) },
    envelope: Object.fromEntries(taken.map((key) => [key, meta[key]])),
  };
}

function withMeta(params: JsonObject | undefined, meta: JsonObject | undefined): JsonObject {
  const { _meta: _, ...others } = params ?? {};
  if (meta === undefined) return others;
  const left = Object.entries(meta).filter(([key]) => !RESERVED.has(key));
  return { _meta: Object.fromEntries(left), ...others };
}
