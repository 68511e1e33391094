import {
  MCPAuthError,
  ServerUnavailableError,
  TokenResolutionError,
  TransportError,
} from '../../core/errors.ts';

const MAX_RETRY_AFTER_SECONDS = 3600;

/**
 * What a caller is told of an HTTP answer that is no success: nothing of its body or headers, which are between the
 * gate and the server.
 */
export function toHttpFailure({ status, headers }: Response): MCPAuthError {
  const detail = `status ${status}`;
  if (status >= 300 && status < 400) {
    return new TransportError('The server redirects, and redirects are not followed', { detail });
  }
  if (status === 401) {
    return new TokenResolutionError('The server does not accept the credential of this account', { detail });
  }
  if (status === 403) {
    return new MCPAuthError('ACCESS_DENIED', 'The server refuses this account', { detail });
  }
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterSeconds = findRetryAfter(headers.get('retry-after'));
    return new ServerUnavailableError('The server takes no requests at the moment', {
      detail,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    });
  }
  return new TransportError('The server did not accept the request', { detail });
}

/** What a caller is told when there is no answer at all. */
export function toNetworkFailure(cause: unknown): MCPAuthError {
  if (cause instanceof MCPAuthError) return cause;
  return new ServerUnavailableError('The server cannot be reached', { detail: reasonOf(cause), cause });
}

/** RFC 9110 §10.2.3; dates are not read. */
function findRetryAfter(value: string | null): number | undefined {
  if (value === null || !/^\d{1,9}$/.test(value)) return undefined;
  return Math.min(Math.max(1, Number(value)), MAX_RETRY_AFTER_SECONDS);
}

/** The platform hides the system's code one level below. */
function reasonOf(cause: unknown): string {
  for (const error of [cause instanceof Error ? cause.cause : undefined, cause]) {
    if (!(error instanceof Error)) continue;
    if ('code' in error && typeof error.code === 'string') return error.code;
  }
  return cause instanceof Error ? cause.name : 'unknown';
}
