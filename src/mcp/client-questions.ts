import type { InnerLink } from './inner-link.ts';
import { RPC, RpcError } from './rpc-error.ts';
import { isObject, type JsonObject, type JsonRpcRequest } from './server-product.ts';

/** The `request` or `ctx.mcpReq.send` of a v2 server, which sends a request to its client. */
export type SendToClient = (
  request: { method: string; params?: Record<string, unknown> },
  schema: typeof ANY_RESULT,
  options: {
    signal: AbortSignal;
    timeout: number;
    resetTimeoutOnProgress?: boolean;
    onprogress?: (progress: object) => void;
  },
) => Promise<unknown>;

// What the client answers is for the server behind to judge.
const ANY_RESULT = {
  '~standard': { version: 1 as const, vendor: 'mcp-gatehouse', validate: (value: unknown) => ({ value }) },
};

export interface Asking {
  readonly send: SendToClient;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Where the server hears of progress that the client reports. */
  readonly link: Pick<InnerLink, 'notify'>;
}

/**
 * Puts what a server asks of its client (elicitation, sampling, roots) to the client that is really there, over a
 * connection that lasts as long as the answer takes.
 *
 * @throws RpcError with what the client said in place of an answer
 */
export async function askClient(
  request: JsonRpcRequest,
  { send, signal, timeoutMs, link }: Asking,
): Promise<JsonObject> {
  const { progressToken, params } = withoutToken(request.params);
  const onprogress = (progress: object): void =>
    link.notify('notifications/progress', { ...progress, progressToken });
  try {
    const result = await send({ method: request.method, ...(params && { params }) }, ANY_RESULT, {
      signal,
      timeout: timeoutMs,
      ...(progressToken !== undefined && { onprogress, resetTimeoutOnProgress: true }),
    });
    return isObject(result) ? result : {};
  } catch (error) {
    throw toRpcError(error);
  }
}

/** Whether a client that declared these capabilities can be asked this; the servers' own words decide nothing. */
export function canAnswer(declared: object | undefined, request: JsonRpcRequest): boolean {
  if (!isObject(declared)) return false;
  const { elicitation, sampling, roots } = declared;
  switch (request.method) {
    case 'elicitation/create':
      if (!isObject(elicitation)) return false;
      if (request.params?.['mode'] === 'url') return elicitation['url'] !== undefined;
      // A bare `{}` means forms: it is older than the modes.
      return elicitation['form'] !== undefined || elicitation['url'] === undefined;
    case 'sampling/createMessage':
      return isObject(sampling);
    case 'roots/list':
      return isObject(roots);
    default:
      return false;
  }
}

function withoutToken(params: JsonObject | undefined): {
  readonly progressToken?: unknown;
  readonly params?: Record<string, unknown>;
} {
  if (params === undefined) return {};
  if (!isObject(params['_meta'])) return { params: { ...params } };
  const { progressToken, ...meta } = params['_meta'];
  return { progressToken, params: { ...params, _meta: meta } };
}

// The SDK's own errors have names for codes; what a client answered has a number.
function toRpcError(error: unknown): RpcError {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (!(error instanceof Error) || typeof code !== 'number') {
    return new RpcError(RPC.internalError, 'The client did not answer');
  }
  return new RpcError(code, error.message, 'data' in error ? error.data : undefined);
}

/** The answer to a server whose client cannot be asked this. */
export function unsupported({ method }: JsonRpcRequest): RpcError {
  return new RpcError(RPC.methodNotFound, `The client does not support ${method}`);
}
