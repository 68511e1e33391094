import { ERRORS, type MCPAuthError, retryAfterOf } from '../../core/errors.ts';
import { RPC, RpcError } from '../rpc-error.ts';
import {
  isObject,
  type JsonRpcErrorResponse,
  type JsonRpcId,
  type ServerProduct,
} from '../server-product.ts';

/** A server that does not live in this process. */
export interface UpstreamProduct extends ServerProduct {
  /** Why it can no longer be used, when it was not closed from here. */
  readonly failure: MCPAuthError | undefined;
}

/** By what such an answer holds: a server could write the same, and does not know the object. */
const FAILURES = new WeakMap<object, MCPAuthError>();

/** What an error stands for, where it is an answer that was given in a server's place. */
export function findFailure(error: unknown): MCPAuthError | undefined {
  return error instanceof RpcError && isObject(error.data) ? FAILURES.get(error.data) : undefined;
}

/** The answer, in the server's place, to a request that it will not answer any more. */
export function toFailureAnswer(id: JsonRpcId, failure: MCPAuthError): JsonRpcErrorResponse {
  const retryAfterSeconds = retryAfterOf(failure);
  const data: object = { code: failure.code, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  FAILURES.set(data, failure);
  return {
    jsonrpc: '2.0',
    id,
    error: { code: ERRORS[failure.code].rpcCode, message: failure.message, data },
  };
}

/** What there is to say to whoever asks a server that is closed: of one that lived elsewhere, why it is. */
export function closedErrorOf(product: ServerProduct): RpcError {
  const { failure } = product as Partial<UpstreamProduct>;
  if (failure === undefined) return new RpcError(RPC.connectionClosed, 'Connection closed');
  const { code, message, data } = toFailureAnswer(0, failure).error;
  return new RpcError(code, message, data);
}
