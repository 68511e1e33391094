import type { ToolArguments, ToolHandler, ToolRequirement } from '../tool-handler.ts';
import { protect } from './requirement.ts';
import { checkHandler, defineToolMiddleware, type ToolMiddleware } from './tool-middleware.ts';

/** What `withAuth` demands beside an authenticated user. */
export interface ToolAuthOptions {
  /** Scopes the caller must all hold, compared exactly; hierarchies are known only to the gate. */
  readonly scopes?: readonly string[] | undefined;
  /** Roles the caller must all have. */
  readonly roles?: readonly string[] | undefined;
}

/**
 * Runs a tool for authenticated callers only. Around a handler it gives a handler; without one it gives
 * middleware for `compose`, where it is checked before everything else, in whatever place it stands.
 * A registered tool's scopes and roles also become rules of the gate, so that a client is asked for them.
 *
 * The call fails with MissingCredentialsError, or with MCPAuthError `INSUFFICIENT_SCOPE` or `ACCESS_DENIED`.
 */
export function withAuth<Args = ToolArguments>(
  handler: ToolHandler<Args>,
  options?: ToolAuthOptions,
): ToolHandler<Args>;
export function withAuth(options?: ToolAuthOptions): ToolMiddleware;
export function withAuth(
  first: ToolHandler | ToolAuthOptions = {},
  options: ToolAuthOptions = {},
): ToolHandler | ToolMiddleware {
  if (typeof first === 'function') {
    checkHandler(first, 'withAuth takes a tool handler or options');
    return protect(first, toRequirement(options));
  }
  const requirement = toRequirement(first);
  return defineToolMiddleware((next) => protect(next, requirement));
}

function toRequirement(options: ToolAuthOptions): ToolRequirement {
  return { scopes: [...(options.scopes ?? [])], roles: [...(options.roles ?? [])] };
}
