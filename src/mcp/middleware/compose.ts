import { ConfigurationError } from '../../core/errors.ts';
import type { ToolArguments, ToolHandler } from '../tool-handler.ts';
import {
  defineToolMiddleware,
  type HandlerWrapper,
  isToolMiddleware,
  type ToolMiddleware,
} from './tool-middleware.ts';

/**
 * Puts middleware around a handler, the leftmost outermost. Authentication is the exception: wherever
 * `withAuth` stands, it is checked first. Without a handler at the end the result is middleware itself.
 *
 * A function that is not marked as middleware counts as the handler in the last place and as middleware in
 * any other.
 *
 * @throws ConfigurationError when nothing is given, or something that is no function.
 */
export function compose<Args = ToolArguments>(
  ...stack: [...middlewares: HandlerWrapper[], handler: ToolHandler<Args>]
): ToolHandler<Args>;
export function compose(...middlewares: [...HandlerWrapper[], ToolMiddleware]): ToolMiddleware;
export function compose(...stack: readonly unknown[]): ToolHandler | ToolMiddleware {
  checkFunctions(stack);
  const last = stack.at(-1);
  if (isToolMiddleware(last)) return defineToolMiddleware((next) => applyAll(stack, next));
  return applyAll(stack.slice(0, -1), last as ToolHandler);
}

function applyAll(middlewares: readonly unknown[], handler: ToolHandler): ToolHandler {
  return middlewares.reduceRight<ToolHandler>((next, middleware) => {
    const marked = isToolMiddleware(middleware)
      ? middleware
      : defineToolMiddleware(middleware as HandlerWrapper);
    return marked(next);
  }, handler);
}

function checkFunctions(stack: readonly unknown[]): void {
  if (stack.length === 0) throw new ConfigurationError('compose needs at least one function');
  const problems = stack.flatMap((part, index) =>
    typeof part === 'function' ? [] : [`compose: argument ${index + 1} is no function`],
  );
  if (problems.length > 0) throw new ConfigurationError(problems);
}
