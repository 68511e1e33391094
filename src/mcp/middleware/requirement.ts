import { MCPAuthError, MissingCredentialsError } from '../../core/errors.ts';
import type { ToolContext, ToolHandler, ToolRequirement } from '../tool-handler.ts';

const requirements = new WeakMap<object, ToolRequirement>();

/** What a handler demands of its caller; absent when it may run for anybody. */
export function findRequirement(handler: object): ToolRequirement | undefined {
  return requirements.get(handler);
}

/**
 * A handler that runs nothing before its caller is known and holds everything demanded, by this
 * requirement and by those already on the handler. The requirement can be read back from the result.
 */
export function protect<Args>(handler: ToolHandler<Args>, requirement: ToolRequirement): ToolHandler<Args> {
  const demanded = merge(requirement, findRequirement(handler));
  const guarded: ToolHandler<Args> = async (...call) => {
    const [, , userId, context] = call;
    checkCaller(demanded, userId, context);
    return handler(...call);
  };
  requirements.set(guarded, demanded);
  return guarded;
}

/**
 * @throws MissingCredentialsError when nobody is signed in, MCPAuthError `INSUFFICIENT_SCOPE` naming the
 * scopes that are missing, MCPAuthError `ACCESS_DENIED` when a role is.
 */
function checkCaller(demanded: ToolRequirement, userId: string, context: ToolContext | undefined): void {
  if (userId === '' || context?.authenticated === false) {
    throw new MissingCredentialsError('This tool needs an authenticated user');
  }
  const scopes = missing(demanded.scopes, context?.principal?.scopes, context?.granted?.scopes);
  if (scopes.length > 0) {
    throw new MCPAuthError('INSUFFICIENT_SCOPE', `This tool needs more scope: ${scopes.join(' ')}`);
  }
  const roles = missing(demanded.roles, context?.principal?.roles, context?.granted?.roles);
  if (roles.length > 0) {
    throw new MCPAuthError('ACCESS_DENIED', 'Access denied', { detail: `missing role: ${roles.join(' ')}` });
  }
}

function missing(
  demanded: readonly string[],
  held: readonly string[] = [],
  granted: readonly string[] = [],
): readonly string[] {
  return demanded.filter((name) => !held.includes(name) && !granted.includes(name));
}

function merge(first: ToolRequirement, second: ToolRequirement | undefined): ToolRequirement {
  if (second === undefined) return first;
  return {
    scopes: [...new Set([...first.scopes, ...second.scopes])],
    roles: [...new Set([...first.roles, ...second.roles])],
  };
}
