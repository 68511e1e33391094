import type { ServerContext } from '@modelcontextprotocol/server';
import { AuthenticationError, MCPAuthError } from '../core/errors.ts';
import { isAnonymous, type Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { ToolDefinition } from './tool-definition.ts';
import type { ToolArguments, ToolContext, ToolProgress } from './tool-handler.ts';
import { logSafely, type ToolLogger } from './tool-logger.ts';
import { type ResultRules, type ToolResult, toErrorResult, toToolResult } from './tool-result.ts';
import { messageOf, toLogText } from './tool-text.ts';

/** For whom a server was made. */
export interface ToolServerOwner {
  readonly accessToken: string;
  readonly userId: string;
  readonly principal: Principal | undefined;
  readonly requestContext: RequestContext | undefined;
}

/** All that calls of one tool on one server have in common. */
export interface ToolCallParts {
  readonly tool: ToolDefinition;
  readonly owner: ToolServerOwner;
  readonly rules: Omit<ResultRules, 'hasOutputSchema'>;
  readonly logger: ToolLogger;
  /** Whether the gate has checked the tool's rule, with its knowledge of scope hierarchies. */
  readonly isRuleEnforced: boolean;
}

const MAX_LOG_TEXT = 1000;
const MAX_FRAMES = 10;
const URL_ELICITATION_REQUIRED = -32042;

/** Runs one call of a tool. Every failure becomes a result, except the one that has an answer of its own. */
export async function runToolCall(
  parts: ToolCallParts,
  args: ToolArguments,
  sdkContext: ServerContext,
): Promise<ToolResult> {
  const { tool, owner, rules } = parts;
  try {
    const context = createContext(parts, sdkContext);
    const value = await tool.handler(args, owner.accessToken, owner.userId, context);
    return toToolResult(value, { ...rules, hasOutputSchema: tool.hasOutputSchema });
  } catch (error) {
    if (hasCode(error, URL_ELICITATION_REQUIRED)) throw error;
    logFailure(parts, error, sdkContext);
    return toErrorResult(error, owner.accessToken);
  }
}

function createContext(parts: ToolCallParts, { mcpReq, http }: ServerContext): ToolContext {
  const { tool, owner, logger } = parts;
  const principal = currentPrincipal(owner.principal, http?.authInfo?.extra?.['principal']);
  const progressToken = mcpReq['_meta']?.progressToken;
  return {
    toolName: tool.name,
    requestId: String(mcpReq.id),
    authenticated: owner.userId !== '' && (principal === undefined || !isAnonymous(principal)),
    principal,
    signal: mcpReq.signal,
    progressToken,
    progress: (update) => sendProgress(mcpReq.notify, progressToken, update),
    requestContext: owner.requestContext,
    idempotent: tool.idempotent,
    granted: parts.isRuleEnforced
      ? { scopes: tool.rule.scopes ?? [], roles: tool.rule.roles ?? [] }
      : undefined,
    inputResponses: mcpReq.inputResponses,
    logger,
  };
}

/**
 * The principal of this very request where the transport carries one: a long-lived server may have been made
 * when the user held other scopes.
 *
 * @throws AuthenticationError when the request belongs to somebody else than the server.
 */
function currentPrincipal(owner: Principal | undefined, sender: unknown): Principal | undefined {
  if (owner === undefined || !isPrincipal(sender)) return owner;
  if (sender.key !== owner.key) {
    throw new AuthenticationError(undefined, {
      detail: 'a request of another principal reached this server',
    });
  }
  return sender;
}

/** Whether a value from outside the types has the shape of a principal. */
export function isPrincipal(value: unknown): value is Principal {
  return (
    typeof value === 'object' &&
    value !== null &&
    'key' in value &&
    typeof value.key === 'string' &&
    'scopes' in value &&
    Array.isArray(value.scopes) &&
    'roles' in value &&
    Array.isArray(value.roles)
  );
}

async function sendProgress(
  notify: ServerContext['mcpReq']['notify'],
  progressToken: string | number | undefined,
  update: ToolProgress,
): Promise<void> {
  if (progressToken === undefined) return;
  const { progress, total, message } = update;
  const params = {
    progressToken,
    progress,
    ...(total !== undefined && { total }),
    ...(message !== undefined && { message }),
  };
  try {
    await notify({ method: 'notifications/progress', params });
  } catch {
    // The client may be gone. Progress is advice: the tool's work does not depend on it.
  }
}

function logFailure({ tool, owner, logger }: ToolCallParts, error: unknown, { mcpReq }: ServerContext): void {
  if (mcpReq.signal.aborted) return;
  const safe = (text: string) => toLogText(text, owner.accessToken, MAX_LOG_TEXT);
  const call = {
    tool: tool.name,
    requestId: String(mcpReq.id),
    userId: owner.userId,
    error: safe(messageOf(error)),
  };
  if (error instanceof MCPAuthError) {
    const fields = { ...call, code: error.code, detail: error.detail };
    logSafely(logger, 'warn', { message: 'tool call refused', fields });
    return;
  }
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  // Frames only: the message is there already, and may span lines of its own.
  const stack = lines
    .filter((line) => line.startsWith('    at '))
    .slice(0, MAX_FRAMES)
    .map(safe);
  logSafely(logger, 'error', { message: 'tool call failed', fields: { ...call, stack } });
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
