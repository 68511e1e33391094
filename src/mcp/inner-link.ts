import { TransportError } from '../core/errors.ts';
import { withDeadline } from './deadline.ts';
import { createInnerWire, type InnerWire } from './inner-wire.ts';
import type { InnerLinkOptions, LinkPeer, LinkRequestOptions } from './link-contract.ts';
import { isObject, type JsonObject, type ServerProduct } from './server-product.ts';

/** A connected and initialized server of any SDK, spoken to in raw JSON-RPC. Each method may run many times at once. */
export interface InnerLink {
  readonly protocolVersion: string;
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject & { readonly name: string; readonly version: string };
  readonly instructions: string | undefined;
  /** True once it can no longer be used, whoever closed it. */
  readonly closed: boolean;
  /**
   * Sends a request under an id of its own. A progress token in `params._meta` is replaced: tokens are
   * the caller's numbers and collide between callers.
   *
   * @throws RpcError with the server's code, message and data; -32000 when the link closes, -32001 after `timeoutMs`.
   */
  request(method: string, params?: JsonObject, options?: LinkRequestOptions): Promise<JsonObject>;
  notify(method: string, params?: JsonObject): void;
  attach(peer: LinkPeer): () => void;
  /** Closes the server and rejects what is pending. Safe to call twice. */
  close(): Promise<void>;
}

const LATEST_VERSION = '2025-11-25';
const KNOWN_VERSIONS: readonly unknown[] = [
  LATEST_VERSION,
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
];
const CLIENT_INFO = { name: 'mcp-gatehouse', version: '0' };
const INITIALIZE_TIMEOUT_MS = 10_000;

// Servers that hold a connection. Old SDKs swap transports silently, which would cross two users.
const linked = new WeakSet<ServerProduct>();

/**
 * Connects a server in this process and performs the initialize handshake of protocol 2025-11-25. The
 * server belongs to the link from then on, also when this fails.
 *
 * @throws TransportError (TRANSPORT_ERROR) when the server is in use already, does not initialize in
 *   time or answers what is no MCP.
 */
export async function connectInner(
  product: ServerProduct,
  options: InnerLinkOptions = {},
): Promise<InnerLink> {
  if (linked.has(product) || isConnected(product)) {
    throw new TransportError('The server is already in use', {
      detail: 'the server factory returned a connected server; it must build a new one for each call',
    });
  }
  linked.add(product);
  const wire = createInnerWire(product, options);
  const timeoutMs = options.initializeTimeoutMs ?? INITIALIZE_TIMEOUT_MS;
  try {
    const initialized = await withDeadline(
      initialize(wire, options),
      timeoutMs,
      'The server did not start in time',
    );
    return toLink(wire, product, initialized);
  } catch (cause) {
    void release(wire, product).catch((error: unknown) => options.onError?.(error));
    throw toStartFailure(cause);
  }
}

type Initialized = Pick<InnerLink, 'protocolVersion' | 'capabilities' | 'serverInfo' | 'instructions'>;

async function initialize(wire: InnerWire, options: InnerLinkOptions): Promise<Initialized> {
  await wire.connect();
  const result = await wire.request('initialize', {
    protocolVersion: options.protocolVersion ?? LATEST_VERSION,
    capabilities: options.capabilities ?? {},
    clientInfo: options.clientInfo ?? CLIENT_INFO,
  });
  const initialized = parseInitialized(result);
  wire.notify('notifications/initialized');
  return initialized;
}

function parseInitialized(result: JsonObject): Initialized {
  const { protocolVersion, capabilities, serverInfo, instructions } = result;
  if (typeof protocolVersion !== 'string' || !KNOWN_VERSIONS.includes(protocolVersion)) {
    throw new TransportError('The server speaks an unknown protocol version');
  }
  if (!isObject(capabilities) || !isImplementation(serverInfo)) {
    throw new TransportError('The server did not initialize correctly');
  }
  return {
    protocolVersion,
    capabilities,
    serverInfo,
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}

function isImplementation(value: unknown): value is InnerLink['serverInfo'] {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}

function toLink(wire: InnerWire, product: ServerProduct, initialized: Initialized): InnerLink {
  return {
    ...initialized,
    get closed() {
      return wire.closed;
    },
    request: (method, params, options) => wire.request(method, params, options),
    notify: (method, params) => wire.notify(method, params),
    attach: (peer) => wire.attach(peer),
    close: () => release(wire, product),
  };
}

async function release(wire: InnerWire, product: ServerProduct): Promise<void> {
  try {
    await wire.close();
  } finally {
    linked.delete(product);
  }
}

function toStartFailure(cause: unknown): TransportError {
  if (cause instanceof TransportError) return cause;
  return new TransportError('The server could not be started', { cause });
}

// Both generations expose the transport they are connected to; the high-level classes on `server`.
function isConnected(product: ServerProduct): boolean {
  const holders = [product, 'server' in product ? product.server : undefined];
  return holders.some((holder) => {
    if (typeof holder !== 'object' || holder === null) return false;
    return 'transport' in holder && holder.transport !== undefined && holder.transport !== null;
  });
}
