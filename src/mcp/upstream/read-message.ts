import { isDeeperThan } from '../../http/body.ts';
import {
  isNotification,
  isObject,
  isRequest,
  type JsonRpcId,
  type JsonRpcMessage,
} from '../server-product.ts';

const MAX_DEPTH = 500;

/** Whether a text nests deeper than what passes it on could follow; nothing of it may be parsed. */
export function isTooDeep(text: string): boolean {
  // Without as many brackets there is no such depth.
  return text.length > 2 * MAX_DEPTH && isDeeperThan(text, MAX_DEPTH);
}

/**
 * The JSON-RPC message that a server far away wrote, without members that JSON-RPC does not know; undefined when it
 * is none. An answer with an id is always one, whatever it holds: whoever asked must hear of it.
 */
export function readMessage(value: unknown): JsonRpcMessage | undefined {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return undefined;
  const { id, method, params, result, error } = value;
  if (method !== undefined) {
    const message = {
      jsonrpc: '2.0',
      ...(id !== undefined && { id }),
      method,
      ...(params !== undefined && params !== null && { params }),
    };
    return isRequest(message) || isNotification(message) ? message : undefined;
  }
  if (!isId(id)) return undefined;
  if (isObject(error)) {
    const { code, message, data } = error;
    return {
      jsonrpc: '2.0',
      id,
      error: {
        code: typeof code === 'number' && Number.isSafeInteger(code) ? code : -32603,
        message: typeof message === 'string' ? message : 'The server answered with an unreadable error',
        ...(data !== undefined && { data }),
      },
    };
  }
  return { jsonrpc: '2.0', id, result };
}

function isId(value: unknown): value is JsonRpcId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}
