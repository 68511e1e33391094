import { ConfigurationError } from '../../core/errors.ts';
import { TOOL_MIDDLEWARE, type ToolArguments, type ToolHandler } from '../tool-handler.ts';
import { findRequirement, protect } from './requirement.ts';

/**
 * Wraps a tool handler in another. Whatever it does, it does after the caller is authenticated when the
 * handler inside demands it: see {@link defineToolMiddleware}.
 */
export interface ToolMiddleware {
  <Args = ToolArguments>(next: ToolHandler<Args>): ToolHandler<Args>;
  readonly [TOOL_MIDDLEWARE]: true;
}

/** A function that wraps a handler: what `compose` takes and {@link defineToolMiddleware} marks. */
export type HandlerWrapper = (next: ToolHandler) => ToolHandler;

/**
 * Makes middleware of a function that wraps a handler. If the handler demands authentication (`withAuth`),
 * the check moves outside the wrapper: limits, logs and timeouts never run for an unknown caller.
 *
 * @throws ConfigurationError when the middleware is applied to something that is no handler, or the
 * function returns none.
 */
export function defineToolMiddleware(wrap: HandlerWrapper): ToolMiddleware {
  const middleware = <Args = ToolArguments>(next: ToolHandler<Args>): ToolHandler<Args> => {
    checkHandler(next, 'middleware wraps a tool handler');
    // A wrapper passes the arguments on unseen, so that it fits handlers of any arguments.
    const wrapped = wrap(next as ToolHandler) as ToolHandler<Args>;
    checkHandler(wrapped, 'middleware returns a tool handler');
    const requirement = findRequirement(next);
    return requirement === undefined ? wrapped : protect(wrapped, requirement);
  };
  return Object.assign(middleware, { [TOOL_MIDDLEWARE]: true } as const);
}

/** Whether a value was made by `defineToolMiddleware`, as all middleware of this package is. */
export function isToolMiddleware(value: unknown): value is ToolMiddleware {
  return typeof value === 'function' && (value as Partial<ToolMiddleware>)[TOOL_MIDDLEWARE] === true;
}

/**
 * Refuses what is no function, and middleware where a handler is due.
 *
 * @throws ConfigurationError that says what was expected, by `rule`.
 */
export function checkHandler(value: unknown, rule: string): void {
  if (typeof value !== 'function') throw new ConfigurationError(`${rule}, not ${describe(value)}`);
  if (isToolMiddleware(value)) throw new ConfigurationError(`${rule}, not other middleware (use compose)`);
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
