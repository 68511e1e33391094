import type { Caller } from '../core/admission.ts';
import { MCPAuthError } from '../core/errors.ts';
import { isAnonymous, type Principal } from '../core/principal.ts';
import { refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import type { ResourceTokenResolver } from '../tenancy/token-resolver.ts';
import type { Passage, Step, StepResult } from './passage.ts';

export interface CredentialOptions {
  readonly resolver: ResourceTokenResolver;
  readonly resourceType: string;
  readonly toUserId: (principal: Principal) => string;
  /** Where a user links the account, shown with the refusal. */
  readonly linkUrl?: string | undefined;
}

export const NO_TOKEN = new Secret('');

/**
 * Step 5: the upstream token of this user. Lists run without one; calls are refused with the remedy
 * "link the account", which is never a 401: a new login would not help.
 */
export function resolveCredential(options: CredentialOptions | undefined): Step<Passage> {
  if (options === undefined) return () => undefined;
  return async (passage) => {
    const { caller, facts } = passage;
    if (facts.credential === 'none') return undefined;
    let token: string | null = null;
    let message = `No ${options.resourceType} account is linked for this user`;
    try {
      token = await findUpstreamToken(options, caller);
    } catch (error) {
      if (!isUnlinked(error)) return unavailable(error);
      message = error.message;
    }
    if (token !== null) {
      passage.upstreamToken = new Secret(token);
      return undefined;
    }
    if (facts.credential === 'optional' || isAnonymous(caller.principal)) return undefined;
    return refuse('TOKEN_RESOLUTION_FAILED', message, {
      remedy: { kind: 'link', resourceType: options.resourceType, url: options.linkUrl },
      detail: 'unlinked_account',
    });
  };
}

/** The token of this caller, or null when none is linked. @throws TokenResolutionError during an outage. */
export async function findUpstreamToken(options: CredentialOptions, caller: Caller): Promise<string | null> {
  if (isAnonymous(caller.principal)) return null;
  const { signal } = caller.context;
  const context = { ...(signal && { signal }), ...caller.context, principal: caller.principal };
  const token = await options.resolver.resolveToken(
    options.toUserId(caller.principal),
    options.resourceType,
    context,
  );
  // From plain JavaScript `undefined` comes too, and an empty token is none.
  return typeof token === 'string' && token !== '' ? token : null;
}

/** A resolver may say by an error that there is no token for this user, as it may by `null`. */
function isUnlinked(error: unknown): error is MCPAuthError {
  return error instanceof MCPAuthError && error.code === 'TOKEN_RESOLUTION_FAILED';
}

function unavailable(error: unknown): StepResult {
  const known = error instanceof MCPAuthError ? error : undefined;
  const message =
    known?.code === 'CREDENTIALS_UNAVAILABLE' ? known.message : 'Upstream credentials are not available';
  const detail = known?.detail ?? (error instanceof Error ? error.name : 'resolver threw');
  return refuse('CREDENTIALS_UNAVAILABLE', message, { detail, retryAfterSeconds: 5 });
}
