/** Every code that can reach a user; one row each in {@link ERRORS}. */
export type ErrorCode =
  | 'AUTHENTICATION_FAILED'
  | 'AUTHENTICATION_UNAVAILABLE'
  | 'MISSING_CREDENTIALS'
  | 'INVALID_TOKEN'
  | 'AMBIGUOUS_CREDENTIALS'
  | 'ACCESS_DENIED'
  | 'INSUFFICIENT_SCOPE'
  | 'TOKEN_RESOLUTION_FAILED'
  | 'CREDENTIALS_UNAVAILABLE'
  | 'CONFIGURATION_ERROR'
  | 'RATE_LIMIT_EXCEEDED'
  | 'SERVER_POOL_ERROR'
  | 'SERVER_UNAVAILABLE'
  | 'TRANSPORT_ERROR'
  | 'VALIDATION_ERROR'
  | 'HOST_NOT_ALLOWED'
  | 'ORIGIN_NOT_ALLOWED'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'NOT_ACCEPTABLE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'PAYLOAD_TOO_LARGE'
  | 'REQUEST_TIMEOUT'
  | 'SHUTTING_DOWN'
  | 'INTERNAL_ERROR';

/** Code → HTTP status and JSON-RPC error code: the one table behind every answer. */
export const ERRORS: Readonly<Record<ErrorCode, { readonly status: number; readonly rpcCode: number }>> = {
  AUTHENTICATION_FAILED: { status: 401, rpcCode: -32051 },
  AUTHENTICATION_UNAVAILABLE: { status: 503, rpcCode: -32053 },
  MISSING_CREDENTIALS: { status: 401, rpcCode: -32051 },
  INVALID_TOKEN: { status: 401, rpcCode: -32051 },
  AMBIGUOUS_CREDENTIALS: { status: 400, rpcCode: -32600 },
  ACCESS_DENIED: { status: 403, rpcCode: -32052 },
  INSUFFICIENT_SCOPE: { status: 403, rpcCode: -32052 },
  TOKEN_RESOLUTION_FAILED: { status: 403, rpcCode: -32052 },
  CREDENTIALS_UNAVAILABLE: { status: 503, rpcCode: -32053 },
  CONFIGURATION_ERROR: { status: 500, rpcCode: -32603 },
  RATE_LIMIT_EXCEEDED: { status: 429, rpcCode: -32029 },
  SERVER_POOL_ERROR: { status: 503, rpcCode: -32053 },
  SERVER_UNAVAILABLE: { status: 503, rpcCode: -32053 },
  TRANSPORT_ERROR: { status: 500, rpcCode: -32603 },
  VALIDATION_ERROR: { status: 400, rpcCode: -32600 },
  HOST_NOT_ALLOWED: { status: 403, rpcCode: -32000 },
  ORIGIN_NOT_ALLOWED: { status: 403, rpcCode: -32000 },
  NOT_FOUND: { status: 404, rpcCode: -32000 },
  METHOD_NOT_ALLOWED: { status: 405, rpcCode: -32000 },
  NOT_ACCEPTABLE: { status: 406, rpcCode: -32000 },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, rpcCode: -32000 },
  PAYLOAD_TOO_LARGE: { status: 413, rpcCode: -32000 },
  REQUEST_TIMEOUT: { status: 408, rpcCode: -32001 },
  SHUTTING_DOWN: { status: 503, rpcCode: -32053 },
  INTERNAL_ERROR: { status: 500, rpcCode: -32603 },
};

export interface ErrorOptions {
  /** For logs only; never sent to a client. Must not hold a secret either. */
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

/** The base of every error thrown here. `message` may be shown to a user; `detail` is for logs. */
export class MCPAuthError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.detail = options.detail;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** Who is asking could not be established. */
export class AuthenticationError extends MCPAuthError {
  constructor(message = 'Authentication failed', options?: ErrorOptions) {
    super('AUTHENTICATION_FAILED', message, options);
  }
}

export class MissingCredentialsError extends MCPAuthError {
  constructor(message = 'No credentials were sent', options?: ErrorOptions) {
    super('MISSING_CREDENTIALS', message, options);
  }
}

export class InvalidTokenError extends MCPAuthError {
  constructor(message = 'The token is not valid', options?: ErrorOptions) {
    super('INVALID_TOKEN', message, options);
  }
}

/** No upstream token: the account is not linked (403), or its source is out of reach (503, `outage`). */
export class TokenResolutionError extends MCPAuthError {
  constructor(message: string, options: ErrorOptions & { readonly outage?: boolean } = {}) {
    super(options.outage === true ? 'CREDENTIALS_UNAVAILABLE' : 'TOKEN_RESOLUTION_FAILED', message, options);
  }
}

/** Wrong options. Lists every problem at once and is thrown at creation, never at the first request. */
export class ConfigurationError extends MCPAuthError {
  readonly problems: readonly string[];

  constructor(problems: string | readonly string[], options?: ErrorOptions) {
    const list = typeof problems === 'string' ? [problems] : problems;
    super('CONFIGURATION_ERROR', list.join('\n'), options);
    this.problems = list;
  }
}

export class RateLimitError extends MCPAuthError {
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number, options?: ErrorOptions) {
    super('RATE_LIMIT_EXCEEDED', message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Seconds, by the name that users of the seed know. */
  get retryAfter(): number {
    return this.retryAfterSeconds;
  }
}

export class ServerPoolError extends MCPAuthError {
  constructor(message: string, options?: ErrorOptions) {
    super('SERVER_POOL_ERROR', message, options);
  }
}

/** The server behind the gate is a process or another host, and does not start or cannot be reached. */
export class ServerUnavailableError extends MCPAuthError {
  readonly retryAfterSeconds: number;

  constructor(message: string, options: ErrorOptions & { readonly retryAfterSeconds?: number } = {}) {
    super('SERVER_UNAVAILABLE', message, options);
    this.retryAfterSeconds = options.retryAfterSeconds ?? RETRY_AFTER_SECONDS;
  }
}

const RETRY_AFTER_SECONDS = 5;

/** What an outage (503) tells its callers as `Retry-After`; undefined for what waiting does not mend. */
export function retryAfterOf(error: MCPAuthError): number | undefined {
  if (error instanceof ServerUnavailableError) return error.retryAfterSeconds;
  return error.status === 503 ? RETRY_AFTER_SECONDS : undefined;
}

export class TransportError extends MCPAuthError {
  constructor(message: string, options?: ErrorOptions) {
    super('TRANSPORT_ERROR', message, options);
  }
}

/** The caller's input is malformed. */
export class ValidationError extends MCPAuthError {
  constructor(message: string, options?: ErrorOptions) {
    super('VALIDATION_ERROR', message, options);
  }
}
