import { checkNotAborted } from './abort-reason.ts';
import type { ClientFacts } from './client-facts.ts';
import { withDeadline } from './deadline.ts';
import { ENVELOPE, MODERN_VERSION } from './envelope.ts';
import type { InnerLink } from './inner-link.ts';
import type { LinkRequestOptions } from './link-contract.ts';
import { RPC, RpcError } from './rpc-error.ts';
import {
  isObject,
  isResponse,
  type JsonObject,
  type JsonRpcId,
  type JsonRpcResponse,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';

/** As much of a link as the gate's own questions need. */
export type AskedLink = Pick<InnerLink, 'capabilities' | 'request'>;

export interface AskedServer {
  readonly capabilities: object;
  /** What each request of the 2026 era says of its client; undefined for a server that serves the 2025 era. */
  readonly client: ClientFacts | undefined;
}

const ASK_TIMEOUT_MS = 30_000;

/** What each request of the 2026 era says of its client. */
export function toEnvelope({ capabilities, info }: ClientFacts): JsonObject {
  return {
    [ENVELOPE.protocolVersion]: MODERN_VERSION,
    [ENVELOPE.clientCapabilities]: capabilities,
    ...(info !== undefined && { [ENVELOPE.clientInfo]: info }),
  };
}

/** Connects a server for the gate's own questions, which need no handshake, and lets it go afterwards. */
export async function askServer<T>(
  server: ServerProduct,
  { capabilities, client }: AskedServer,
  use: (link: AskedLink) => Promise<T>,
): Promise<T> {
  const transport = new AskingTransport(client && toEnvelope(client));
  await server.connect(transport);
  try {
    return await use({
      capabilities: { ...capabilities },
      request: (method, params, options) => transport.request(method, params, options),
    });
  } finally {
    await server.close();
  }
}

class AskingTransport implements TransportLike {
  onmessage?: TransportLike['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  readonly #envelope: JsonObject | undefined;
  readonly #pending = new Map<JsonRpcId, (response: JsonRpcResponse) => void>();
  #nextId = 1;
  #isClosed = false;

  constructor(envelope: JsonObject | undefined) {
    this.#envelope = envelope;
  }

  async start(): Promise<void> {}

  /** What is not an answer has nobody to go to. */
  async send(message: Parameters<TransportLike['send']>[0]): Promise<void> {
    if (!isResponse(message) || message.id === undefined || message.id === null) return;
    const settle = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    settle?.(message);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = { code: RPC.connectionClosed, message: 'Connection closed' };
    for (const [id, settle] of this.#pending) settle({ jsonrpc: '2.0', id, error });
    this.#pending.clear();
    this.onclose?.();
  }

  async request(
    method: string,
    params: JsonObject = {},
    options: LinkRequestOptions = {},
  ): Promise<JsonObject> {
    checkNotAborted(options.signal);
    const id = this.#nextId++;
    const meta = isObject(params['_meta']) ? params['_meta'] : {};
    const shown =
      this.#envelope === undefined ? params : { ...params, _meta: { ...meta, ...this.#envelope } };
    const answered = new Promise<JsonRpcResponse>((resolve) => this.#pending.set(id, resolve));
    this.onmessage?.({ jsonrpc: '2.0', id, method, params: shown }, options.extra);
    const response = await withDeadline(
      answered,
      options.timeoutMs ?? ASK_TIMEOUT_MS,
      'The server did not answer in time',
    );
    if ('error' in response)
      throw new RpcError(response.error.code, response.error.message, response.error.data);
    return isObject(response.result) ? response.result : {};
  }
}
