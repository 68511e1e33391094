import { isDeeperThan } from '../http/body.ts';
import type { MessageLink } from '../http/message-link.ts';
import {
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
} from './server-product.ts';

/** RFC 6455 §7.1.5 and §7.1.6. */
export interface ClosingReason {
  readonly code: number;
  readonly reason: string;
}

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

/** One JSON-RPC message of a text, or the answer to what is none. Batches ended with revision 2025-06-18 of MCP. */
export function parseMessage(
  text: string,
  maxDepth: number,
): { readonly message: JsonRpcMessage } | { readonly error: JsonRpcResponse } {
  if (isDeeperThan(text, maxDepth))
    return { error: errorOf(null, `The message nests deeper than ${maxDepth} levels`) };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { error: errorOf(null, 'The message is not valid JSON', PARSE_ERROR) };
  }
  if (isRequest(value) || isNotification(value) || isResponse(value)) return { message: value };
  return { error: errorOf(null, 'This is not one JSON-RPC 2.0 message') };
}

export function errorOf(id: JsonRpcId | null, message: string, code = INVALID_REQUEST): JsonRpcResponse {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

/** Requests of a connection that have no answer yet. */
export interface InFlight {
  begin(request: JsonRpcRequest): void;
  /** By an answer, or because it was taken back. */
  end(id: JsonRpcId | null | undefined): void;
  has(id: JsonRpcId): boolean;
  readonly size: number;
  /** Resolves when nothing is left but subscriptions, which are meant to last. */
  whenIdle(): Promise<void>;
  clear(): void;
}

export function createInFlight(): InFlight {
  const methods = new Map<unknown, string>();
  const waiting = new Set<() => void>();
  const isIdle = (): boolean => [...methods.values()].every((method) => method === 'subscriptions/listen');
  const look = (): void => {
    if (waiting.size === 0 || !isIdle()) return;
    for (const resolve of waiting) resolve();
    waiting.clear();
  };

  return {
    begin: ({ id, method }) => void methods.set(id, method),
    end(id) {
      methods.delete(id);
      look();
    },
    has: (id) => methods.has(id),
    get size() {
      return methods.size;
    },
    whenIdle: () =>
      new Promise((resolve) => {
        waiting.add(resolve);
        look();
      }),
    clear() {
      methods.clear();
      look();
    },
  };
}

/** Messages on which the guard has not spoken yet. Beyond some nothing more is read, and the client's sending stalls. */
export interface Flow {
  enter(): void;
  leave(): void;
}

const MAX_WAITING = 64;
const MIN_WAITING = 16;

export function createFlow(link: Pick<MessageLink, 'pause' | 'resume'>): Flow {
  let waiting = 0;
  return {
    enter() {
      waiting += 1;
      if (waiting === MAX_WAITING) link.pause();
    },
    leave() {
      waiting -= 1;
      if (waiting === MIN_WAITING) link.resume();
    },
  };
}
