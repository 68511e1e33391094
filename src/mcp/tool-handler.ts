import type { Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { ToolLogger } from './tool-logger.ts';

/** Arguments of a tool call whose schema the compiler does not know. */
export type ToolArguments = Readonly<Record<string, unknown>>;

/** Marks middleware, so that it is told from a handler by the compiler and at run time. */
export const TOOL_MIDDLEWARE: unique symbol = Symbol.for('mcp-gatehouse.tool-middleware');

/**
 * A tool as a function. `accessToken` is the user's upstream token (`''` when there is none) and `userId`
 * the authenticated user (`''` when nobody signed in). A returned value that is no `CallToolResult`
 * becomes one; a thrown error becomes a result with `isError`.
 */
export interface ToolHandler<Args = ToolArguments> {
  (...call: ToolCall<Args>): unknown;
  readonly [TOOL_MIDDLEWARE]?: never;
}

/** What a handler is called with. */
export type ToolCall<Args = ToolArguments> = [
  args: Args,
  accessToken: string,
  userId: string,
  context?: ToolContext | undefined,
];

/** What a tool must be allowed for; everything listed must be held. */
export interface ToolRequirement {
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
}

/** One report of how far a call is. */
export interface ToolProgress {
  /** Grows with every report. */
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

/** One call of a tool, beside its arguments. */
export interface ToolContext {
  readonly toolName: string;
  /** The JSON-RPC id, as text. */
  readonly requestId: string;
  /** Whether a user is known; false for the anonymous principal of a public tool. */
  readonly authenticated: boolean;
  readonly principal?: Principal | undefined;
  /** Aborts when the client cancels, the connection ends or a `withTimeout` around the tool expires. */
  readonly signal: AbortSignal;
  /** As sent by the client; unique among its own running requests only. 0 is a token. */
  readonly progressToken?: string | number | undefined;
  /** Tells the client how far the call is. Never rejects; does nothing when the client asked for no progress. */
  progress(update: ToolProgress): Promise<void>;
  readonly requestContext?: RequestContext | undefined;
  /** Whether the tool declared that calling it twice does no more than calling it once. */
  readonly idempotent?: boolean | undefined;
  /** What was checked before dispatch, scope hierarchies included; `withAuth` does not check it again. */
  readonly granted?: ToolRequirement | undefined;
  /** The client's answers to an earlier `inputRequired` result of this call. Not validated. */
  readonly inputResponses?: Readonly<Record<string, unknown>> | undefined;
  readonly logger?: ToolLogger | undefined;
}

/** The context of a handler that is called directly, outside a server: nobody cancels and nobody listens. */
export function createStandaloneContext(userId: string): ToolContext {
  return {
    toolName: '',
    requestId: '',
    authenticated: userId !== '',
    signal: new AbortController().signal,
    progress: async () => {},
  };
}
