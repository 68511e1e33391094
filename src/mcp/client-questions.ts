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

export interface Asking {
  readonly send: SendToClient;
  readonly signal: AbortSignal;
}

/** Puts what a server asks of its client (elicitation, sampling, roots) to the client that is really there. */
export interface ClientQuestions {
  /** @throws RpcError -32601 for a client that has not declared it or cannot be asked, else what the client said. */
  ask(request: JsonRpcRequest, asking: Asking): Promise<JsonObject>;
}

export interface ClientQuestionsOptions {
  readonly link: Pick<InnerLink, 'notify'>;
  /** The 2026 era has no requests from server to client. */
  readonly isModern: () => boolean;
  /** Undefined where no session tells what the client can do. */
  readonly capabilities: () => object | undefined;
  readonly timeoutMs: number;
}

// What the client answers is for the server behind to judge.
const ANY_RESULT = {
  '~standard': { version: 1 as const, vendor: 'mcp-gatehouse', validate: (value: unknown) => ({ value }) },
};

export function createClientQuestions(options: ClientQuestionsOptions): ClientQuestions {
  return {
    async ask(request, { send, signal }) {
      const declared = options.capabilities();
      if (options.isModern() || !isObject(declared) || !canAnswer(declared, request)) {
        throw new RpcError(RPC.methodNotFound, `The client does not support ${request.method}`);
      }
      const { progressToken, params } = withoutToken(request.params);
      const onprogress = (progress: object): void =>
        options.link.notify('notifications/progress', { ...progress, progressToken });
      try {
        const result = await send({ method: request.method, ...(params && { params }) }, ANY_RESULT, {
          signal,
          timeout: options.timeoutMs,
          ...(progressToken !== undefined && { onprogress, resetTimeoutOnProgress: true }),
        });
        return isObject(result) ? result : {};
      } catch (error) {
        throw toRpcError(error);
      }
    },
  };
}

function canAnswer(declared: JsonObject, request: JsonRpcRequest): boolean {
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
