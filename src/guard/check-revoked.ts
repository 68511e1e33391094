import { refuse } from '../core/refusal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { Arrival, Step } from './passage.ts';

/** What the operator took back, whether or not the provider can be told. */
export function checkRevoked(isRevoked: (context: RequestContext) => boolean): Step<Arrival> {
  return ({ context }) =>
    isRevoked(context)
      ? refuse('INVALID_TOKEN', 'The credential is not valid', { detail: 'revoked' })
      : undefined;
}
