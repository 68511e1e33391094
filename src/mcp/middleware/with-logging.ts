import { type Clock, systemClock } from '../../core/clock.ts';
import { MCPAuthError } from '../../core/errors.ts';
import type { ToolContext } from '../tool-handler.ts';
import { logSafely, stderrLogger, type ToolLogFields, type ToolLogger } from '../tool-logger.ts';
import { messageOf, toLogText } from '../tool-text.ts';
import { toLogValue } from './log-value.ts';
import { defineToolMiddleware, type ToolMiddleware } from './tool-middleware.ts';

/** What is logged, and where. */
export interface ToolLoggingOptions {
  /** Whether the arguments are logged, without what looks like a secret; false. */
  readonly logArgs?: boolean | undefined;
  /** Whether the result is logged, without what looks like a secret; false. */
  readonly logResult?: boolean | undefined;
  /** Where entries go: by default the server's logger, else JSON lines on stderr. Never stdout. */
  readonly logger?: ToolLogger | undefined;
  readonly now?: Clock | undefined;
}

const MAX_ERROR_TEXT = 1000;

/**
 * Writes one entry when a call starts and one when it ends, with its duration in milliseconds. The upstream
 * token is in neither. A logger that fails does not fail the call.
 *
 * Arguments may hold personal data: only secrets are recognised and left out.
 */
export function withLogging(options: ToolLoggingOptions = {}): ToolMiddleware {
  const now = options.now ?? systemClock;

  return defineToolMiddleware((next) => async (...call) => {
    const [args, accessToken, userId, context] = call;
    const logger = options.logger ?? context?.logger ?? stderrLogger;
    const fields = describeCall(userId, context);
    const startedAt = now();
    const logged = options.logArgs === true ? { args: toLogValue(args, accessToken) } : {};
    logSafely(logger, 'info', { message: 'tool call started', fields: { ...fields, ...logged } });
    try {
      const result = await next(...call);
      const shown = options.logResult === true ? { result: toLogValue(result, accessToken) } : {};
      const durationMs = now() - startedAt;
      logSafely(logger, 'info', {
        message: 'tool call completed',
        fields: { ...fields, durationMs, ...shown },
      });
      return result;
    } catch (error) {
      const failed = { ...fields, durationMs: now() - startedAt, ...describeError(error, accessToken) };
      logSafely(logger, 'error', { message: 'tool call failed', fields: failed });
      throw error;
    }
  });
}

function describeCall(userId: string, context: ToolContext | undefined): ToolLogFields {
  const { toolName, requestId, principal } = context ?? {};
  return { tool: toolName, requestId, userId, tenantId: principal?.tenantId };
}

function describeError(error: unknown, accessToken: string): ToolLogFields {
  const text = toLogText(messageOf(error), accessToken, MAX_ERROR_TEXT);
  return error instanceof MCPAuthError
    ? { error: text, code: error.code, detail: error.detail }
    : { error: text };
}
