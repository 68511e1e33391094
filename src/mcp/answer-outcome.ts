import type { Admission, Outcome } from '../core/admission.ts';
import { MCPAuthError } from '../core/errors.ts';
import { unknownTarget } from '../core/unknown-target.ts';
import { asRecord } from './message-facts.ts';
import { toRefusalMessage } from './refusal-message.ts';
import { RPC } from './rpc-error.ts';
import {
  isResponse,
  type JsonRpcErrorResponse,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
} from './server-product.ts';
import { toFailureAnswer } from './upstream/upstream-product.ts';

/**
 * What a server says of an unknown resource is replaced by what the gate says of a hidden one, so that the
 * answer does not tell them apart. MCP 2025-11-25 has a code of its own for it, 2026-07-28 has invalid params, which
 * also stand for a return to a call that does not wait: a made-up one must not tell either.
 */
export function toUniformError(
  message: JsonRpcErrorResponse,
  { request, admission }: { readonly request: JsonRpcRequest; readonly admission: Admission },
): JsonRpcResponse {
  const target = admission.facts.accesses[0]?.target;
  const { code } = message.error;
  const isUnknown = code === -32602 || code === -32002;
  if (!isUnknown || target?.kind !== 'resource') return message;
  return toRefusalMessage(unknownTarget(target, 'unknown_target'), request);
}

/** A demand for input is an answer like any other: the call it pauses is repeated, and recorded, as another. */
export function outcomeOf(message: JsonRpcResponse): Outcome {
  if ('error' in message) return { ok: false, error: message.error.code };
  return asRecord(message.result)['isError'] === true ? { ok: false, error: 'tool_error' } : { ok: true };
}

export function hasSucceeded(work: Promise<void>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

/** The answer to a request whose server has closed in the middle of it. */
export function toClosedError({ id }: JsonRpcRequest): JsonRpcErrorResponse {
  const message = 'The server closed before it answered';
  return { jsonrpc: '2.0', id, error: { code: RPC.connectionClosed, message } };
}

/** What a client may know of why there is no server for it. */
export function toBuildError(error: unknown): JsonRpcErrorResponse['error'] {
  if (error instanceof MCPAuthError) return toFailureAnswer(0, error).error;
  return { code: RPC.internalError, message: 'Internal error' };
}

/**
 * The answer that a server sends; undefined for what else it says. A result that is no object makes no message, and its
 * client would wait for ever: that is an error.
 */
export function findAnswer(message: JsonRpcMessage): JsonRpcResponse | undefined {
  if (isResponse(message)) return message;
  const { id, method } = message as Partial<JsonRpcRequest>;
  if (method !== undefined || (typeof id !== 'string' && typeof id !== 'number')) return undefined;
  return { jsonrpc: '2.0', id, error: { code: RPC.internalError, message: 'Internal error' } };
}
