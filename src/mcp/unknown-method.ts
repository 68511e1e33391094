import { RPC } from './rpc-error.ts';
import type { JsonObject, JsonRpcResponse } from './server-product.ts';

export const UNKNOWN_METHOD_STATUS = 404;

/** Methods whose targets run code of their own, which may pass on what somebody else said; and what they belong to. */
const RELAYING: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'tools'],
  ['prompts/get', 'prompts'],
  ['resources/read', 'resources'],
  ['completion/complete', 'completions'],
]);

/**
 * Whether a server says that it does not know the method itself, which has an HTTP status of its own in the 2026 era
 * (SEP-2575). Of what a tool or another target may have passed on, only a server without such targets says it.
 */
export function isUnknownMethod(
  message: JsonRpcResponse,
  method: string,
  capabilities?: JsonObject,
): boolean {
  if (!('error' in message) || message.error.code !== RPC.methodNotFound) return false;
  const relayed = RELAYING.get(method);
  return relayed === undefined || (capabilities !== undefined && capabilities[relayed] === undefined);
}
