import type { BridgeFront } from './bridge.ts';
import type { ServerSdk } from './sdk.ts';
import type { JsonObject } from './server-product.ts';

// By schema, which is kept for as long as the tool does not change.
const known = new WeakMap<object, boolean>();

/** Whether a tool with this input schema wants arguments repeated in headers (SEP-2243). */
export function hasHeaderRules(schema: JsonObject): boolean {
  const seen = known.get(schema);
  if (seen !== undefined) return seen;
  const found = JSON.stringify(schema).includes('"x-mcp-header"');
  known.set(schema, found);
  return found;
}

/**
 * The same server to the SDK's own entry, which compares the headers of a call with its arguments (SEP-2243) for an
 * `McpServer` only, by the schema of the tool that this one tells.
 */
export function withHeaderRules(
  sdk: ServerSdk,
  front: BridgeFront,
  schema: JsonObject,
): InstanceType<ServerSdk['McpServer']> {
  const shown = new sdk.McpServer({ name: '', version: '' });
  Object.defineProperty(shown, 'server', { value: front });
  shown.toolInputSchemaJson = () => schema;
  return shown;
}
