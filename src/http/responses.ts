import { ERRORS, type ErrorCode } from '../core/errors.ts';

export function toJsonResponse(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  });
}

export interface RpcErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly rpcCode?: number;
  /** Of the request that is answered, where it could be read. */
  readonly id?: string | number | undefined;
}

/** A JSON-RPC error at HTTP level, with our code in `data`. */
export function rpcError(code: ErrorCode, message: string, options: RpcErrorOptions = {}): Response {
  const error = { code: options.rpcCode ?? ERRORS[code].rpcCode, message, data: { code } };
  return new Response(JSON.stringify({ jsonrpc: '2.0', id: options.id ?? null, error }), {
    status: ERRORS[code].status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...options.headers },
  });
}
