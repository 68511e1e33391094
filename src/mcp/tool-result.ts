import type { CallToolResult, InputRequiredResult } from '@modelcontextprotocol/server';
import { MCPAuthError, RateLimitError } from '../core/errors.ts';
import { messageOf, toAnswerText } from './tool-text.ts';

/** What the SDK takes for an answer to a tool call. */
export type ToolResult = CallToolResult | InputRequiredResult;

/** How a returned value is judged. */
export interface ResultRules {
  /** The SDK's own judgement. */
  readonly isCallToolResult: (value: unknown) => value is CallToolResult;
  readonly isInputRequiredResult: (value: unknown) => value is InputRequiredResult;
  /** With an output schema every JSON value is structured content, not only objects. */
  readonly hasOutputSchema: boolean;
}

const MAX_ERROR_TEXT = 2000;

/**
 * What a handler returned, as a result. A `CallToolResult` or an `inputRequired` passes as it is; a string
 * becomes text; nothing becomes an empty result; every other value becomes JSON text, and an object
 * structured content as well.
 *
 * @throws TypeError for values that JSON cannot hold (cycles, bigint).
 */
export function toToolResult(value: unknown, rules: ResultRules): ToolResult {
  if (rules.isInputRequiredResult(value) || rules.isCallToolResult(value)) return value;
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) return { content: [] };
  // Read back, so that text and structured content cannot say different things (dates, toJSON, undefined).
  const plain: unknown = typeof value === 'object' ? JSON.parse(json) : value;
  const content: CallToolResult['content'] = [
    { type: 'text', text: typeof plain === 'string' ? plain : json },
  ];
  const isStructured = rules.hasOutputSchema || isPlainObject(plain);
  return isStructured ? { content, structuredContent: plain } : { content };
}

/**
 * What a handler threw, as a result that the model may read: our own errors as `{error, code}` with the code
 * and the seconds to wait also in `_meta`, others by their message, without secrets. Never a stack.
 */
export function toErrorResult(error: unknown, accessToken: string): CallToolResult {
  const text = toAnswerText(messageOf(error), accessToken, MAX_ERROR_TEXT);
  if (!(error instanceof MCPAuthError)) return { content: [{ type: 'text', text }], isError: true };
  const seconds = error instanceof RateLimitError ? error.retryAfterSeconds : undefined;
  return {
    content: [{ type: 'text', text: JSON.stringify({ error: text, code: error.code }) }],
    isError: true,
    _meta: {
      'gatehouse/code': error.code,
      ...(seconds !== undefined && { 'gatehouse/retryAfterSeconds': seconds }),
    },
  };
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
