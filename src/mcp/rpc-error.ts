/** JSON-RPC error codes that are used here, from JSON-RPC 2.0 §5.1 and the MCP schema. */
export const RPC = {
  connectionClosed: -32000,
  requestTimeout: -32001,
  urlElicitationRequired: -32042,
  methodNotFound: -32601,
  internalError: -32603,
} as const;

/** The error half of a JSON-RPC answer, with `code`, `message` and `data` as the peer sent them. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.data = data;
  }
}

/** What a failure becomes on the wire; anything that is no JSON-RPC error keeps its reason to itself. */
export function toRpcErrorBody(error: unknown): { code: number; message: string; data?: unknown } {
  if (!(error instanceof RpcError)) return { code: RPC.internalError, message: 'Internal error' };
  const { code, message, data } = error;
  return { code, message, ...(data !== undefined && { data }) };
}

/** The answer to a server whose client cannot be asked at the moment. */
export function busy(reason: string): RpcError {
  return new RpcError(RPC.connectionClosed, `The client cannot be asked now: ${reason}`);
}
