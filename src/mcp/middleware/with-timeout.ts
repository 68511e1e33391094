import { ConfigurationError, MCPAuthError } from '../../core/errors.ts';
import { createStandaloneContext } from '../tool-handler.ts';
import { defineToolMiddleware, type ToolMiddleware } from './tool-middleware.ts';

/** The longest delay a timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Ends a call that takes longer than `timeoutMs`: the caller gets the error at once and the handler's signal
 * aborts. A handler that ignores its signal runs on unheard. No timer outlives the call.
 *
 * The call fails with MCPAuthError `REQUEST_TIMEOUT`.
 *
 * @throws ConfigurationError at creation.
 */
export function withTimeout(timeoutMs: number): ToolMiddleware {
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS)) {
    throw new ConfigurationError(`withTimeout: needs milliseconds between 1 and ${MAX_TIMER_MS}`);
  }

  return defineToolMiddleware((next) => async (...call) => {
    const [args, accessToken, userId, context] = call;
    const outer = context ?? createStandaloneContext(userId);
    const deadline = startDeadline(timeoutMs);
    const inner = { ...outer, signal: AbortSignal.any([outer.signal, deadline.signal]) };
    try {
      return await Promise.race([next(args, accessToken, userId, inner), deadline.expired]);
    } finally {
      deadline.cancel();
    }
  });
}

interface Deadline {
  readonly signal: AbortSignal;
  /** Rejects when the time is up; otherwise stays pending. */
  readonly expired: Promise<never>;
  cancel(): void;
}

function startDeadline(timeoutMs: number): Deadline {
  const controller = new AbortController();
  // Not unref'd: a call in progress is a reason for the process to stay.
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new MCPAuthError('REQUEST_TIMEOUT', `The tool timed out after ${timeoutMs} ms`);
      // First the caller's error, so that the handler's reaction to the abort cannot take its place.
      reject(error);
      controller.abort(error);
    }, timeoutMs);
  });
  return { signal: controller.signal, expired, cancel: () => clearTimeout(timer) };
}
