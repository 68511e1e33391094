import { ConfigurationError, type ErrorCode, MCPAuthError } from '../../core/errors.ts';
import { createStandaloneContext } from '../tool-handler.ts';
import { defineToolMiddleware, type ToolMiddleware } from './tool-middleware.ts';

/** How often, how patiently and for which tools and errors. */
export interface ToolRetryOptions {
  /** Repetitions after the first attempt; 3. */
  readonly maxRetries?: number | undefined;
  /** The same counted with the first attempt; give one of the two. */
  readonly maxAttempts?: number | undefined;
  /** Pause before the first repetition, in milliseconds; 1000. */
  readonly delayMs?: number | undefined;
  /** Whether the pause doubles each time (the default) or stays. */
  readonly backoff?: 'exponential' | 'fixed' | undefined;
  /** The longest pause, in milliseconds; 30000. */
  readonly maxDelayMs?: number | undefined;
  /** Declares the tool safe to repeat, if its annotations do not. */
  readonly idempotent?: boolean | undefined;
  /** May refuse a repetition that would otherwise be made; cannot demand one. */
  readonly shouldRetry?: ((error: Error) => boolean) | undefined;
}

/** Our own failures that may pass by themselves; every other code is an answer, not an accident. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'TRANSPORT_ERROR',
  'SERVER_POOL_ERROR',
  'REQUEST_TIMEOUT',
  'CREDENTIALS_UNAVAILABLE',
]);

/**
 * Repeats a call that failed, if the tool is idempotent (`idempotent: true`, or `idempotentHint` or
 * `readOnlyHint` among its annotations); any other tool runs once. Never repeats what authentication,
 * authorization, a rate limit or validation refused, nor a call that was cancelled; a pause ends when the
 * call is cancelled. Inside a `withTimeout` all attempts share the time, around one each has its own.
 *
 * @throws ConfigurationError at creation.
 */
export function withRetry(options: ToolRetryOptions = {}): ToolMiddleware {
  const plan = toPlan(options);

  return defineToolMiddleware((next) => async (...call) => {
    const [, , userId, context] = call;
    const { signal, idempotent } = context ?? createStandaloneContext(userId);
    const retries = (options.idempotent ?? idempotent) === true ? plan.maxRetries : 0;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await next(...call);
      } catch (error) {
        if (attempt >= retries || signal.aborted || !isPassing(error, options.shouldRetry)) throw error;
        await pause(plan.delayMs(attempt), signal);
      }
    }
  });
}

interface RetryPlan {
  readonly maxRetries: number;
  readonly delayMs: (attempt: number) => number;
}

function toPlan(options: ToolRetryOptions): RetryPlan {
  const { delayMs = 1000, maxDelayMs = 30_000, backoff = 'exponential' } = options;
  const maxRetries = options.maxRetries ?? (options.maxAttempts ?? 4) - 1;
  const problems: string[] = [];
  if (options.maxRetries !== undefined && options.maxAttempts !== undefined) {
    problems.push('withRetry: give maxRetries or maxAttempts, not both');
  }
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0) {
    problems.push('withRetry: maxRetries must be a whole number of at least 0, maxAttempts of at least 1');
  }
  if (!(delayMs >= 0 && delayMs <= maxDelayMs && maxDelayMs < 2 ** 31)) {
    problems.push('withRetry: delayMs must be milliseconds between 0 and maxDelayMs, maxDelayMs below 2^31');
  }
  if (backoff !== 'exponential' && backoff !== 'fixed') {
    problems.push("withRetry: backoff must be 'exponential' or 'fixed'");
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  const factor = backoff === 'exponential' ? 2 : 1;
  return { maxRetries, delayMs: (attempt) => Math.min(delayMs * factor ** attempt, maxDelayMs) };
}

function isPassing(error: unknown, shouldRetry: ToolRetryOptions['shouldRetry']): boolean {
  if (!(error instanceof Error) || isProtocolAnswer(error)) return false;
  if (error instanceof MCPAuthError && !PASSING.has(error.code)) return false;
  return shouldRetry === undefined || shouldRetry(error);
}

// JSON-RPC 2.0 §5.1: codes from -32768 to -32000 are the protocol's own.
function isProtocolAnswer(error: Error & { readonly code?: unknown }): boolean {
  return typeof error.code === 'number' && error.code >= -32768 && error.code <= -32000;
}

/** Waits, and keeps the process for it; rejects with the signal's reason as soon as it aborts. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener('abort', end);
  });
  signal.throwIfAborted();
}
