/** A JSON object as a message carries it. */
export type JsonObject = Readonly<Record<string, unknown>>;

export type JsonRpcId = string | number;

export interface JsonRpcRequest {
  readonly jsonrpc: '2.0';
  readonly id: JsonRpcId;
  readonly method: string;
  readonly params?: JsonObject | undefined;
}

export interface JsonRpcNotification {
  readonly jsonrpc: '2.0';
  readonly method: string;
  readonly params?: JsonObject | undefined;
}

export interface JsonRpcResultResponse {
  readonly jsonrpc: '2.0';
  readonly id: JsonRpcId;
  readonly result: unknown;
}

export interface JsonRpcErrorResponse {
  readonly jsonrpc: '2.0';
  /** Absent or null when the request could not be read. */
  readonly id?: JsonRpcId | null | undefined;
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export type JsonRpcResponse = JsonRpcResultResponse | JsonRpcErrorResponse;

export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse;

/**
 * A transport of any copy and generation of the MCP SDK. Optional members are looked up by the SDK
 * itself: a wrapper must forward those that exist and leave out those that do not.
 */
export interface TransportLike {
  start(): Promise<void>;
  /** `options.relatedRequestId` names the request of the peer that a message belongs to. */
  send(message: JsonRpcMessage, options?: unknown): Promise<void>;
  close(): Promise<void>;
  onmessage?: MessageListener['listen'] | undefined;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  readonly sessionId?: string | undefined;
  readonly hasPerRequestStream?: boolean | undefined;
  setProtocolVersion?: ((version: string) => void) | undefined;
  setSupportedProtocolVersions?: ((versions: string[]) => void) | undefined;
  closeSSEStream?: ((requestId: JsonRpcId) => void) | undefined;
  setScopeChallengeResolver?: ((resolver: unknown) => void) | undefined;
}

// A method signature, because the SDKs give `extra` types of their own, which only methods compare loosely.
interface MessageListener {
  listen(message: JsonRpcMessage, extra?: unknown): void;
}

/**
 * An MCP server of SDK v1 or v2, `Server` or `McpServer`, from whichever copy of the SDK. Each serves
 * one connection at a time.
 */
export interface ServerProduct {
  connect(transport: TransportLike): Promise<void>;
  close(): Promise<void>;
}

/** Whether a value can be served. Clients have the same two methods and are told apart. */
export function isServerProduct(value: unknown): value is ServerProduct {
  if (typeof value !== 'object' || value === null) return false;
  const isClient = 'getServerCapabilities' in value;
  return hasMethod(value, 'connect') && hasMethod(value, 'close') && !isClient;
}

function hasMethod(value: object, name: string): boolean {
  return typeof (value as Record<string, unknown>)[name] === 'function';
}

/** A request exactly as the SDKs accept one: a whole number or string as id, an object as params, nothing else. */
export function isRequest(message: unknown): message is JsonRpcRequest {
  return (
    isEnvelope(message) &&
    hasOnly(message, ['id', 'method', 'params']) &&
    isId(message['id']) &&
    typeof message['method'] === 'string' &&
    isParams(message['params'])
  );
}

/** A notification has no id, not even an unreadable one, so that no request passes for one. */
export function isNotification(message: unknown): message is JsonRpcNotification {
  return (
    isEnvelope(message) &&
    hasOnly(message, ['method', 'params']) &&
    typeof message['method'] === 'string' &&
    isParams(message['params'])
  );
}

export function isResponse(message: unknown): message is JsonRpcResponse {
  if (!isEnvelope(message) || 'method' in message) return false;
  if ('result' in message) {
    return hasOnly(message, ['id', 'result']) && isId(message['id']) && isObject(message['result']);
  }
  const { id, error } = message;
  const hasReadableId = id === undefined || id === null || isId(id);
  return hasOnly(message, ['id', 'error']) && hasReadableId && isRpcErrorBody(error);
}

function isRpcErrorBody(value: unknown): boolean {
  return isObject(value) && Number.isSafeInteger(value['code']) && typeof value['message'] === 'string';
}

function isEnvelope(value: unknown): value is JsonObject {
  return isObject(value) && value['jsonrpc'] === '2.0';
}

function hasOnly(message: JsonObject, keys: readonly string[]): boolean {
  for (const key of Object.keys(message)) if (key !== 'jsonrpc' && !keys.includes(key)) return false;
  return true;
}

function isId(value: unknown): value is JsonRpcId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

function isParams(value: unknown): boolean {
  return value === undefined || isObject(value);
}

/** A plain JSON object: neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
