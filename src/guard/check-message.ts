import type { Clock } from '../core/clock.ts';
import { refuse } from '../core/refusal.ts';
import type { Passage, Step } from './passage.ts';

/** A message that is malformed where it matters goes no further, on any transport. */
export const checkMessage: Step<Passage> = ({ facts }) =>
  facts.problem === undefined ? undefined : refuse('VALIDATION_ERROR', facts.problem);

/** On a connection that outlives its token every message is checked again: nothing new starts after it. */
export function checkExpiry(now: Clock): Step<Passage> {
  return ({ caller }) => {
    const { expiresAt } = caller.principal;
    if (expiresAt === undefined || expiresAt * 1000 > now()) return undefined;
    return refuse('INVALID_TOKEN', 'The credential has expired', { detail: 'expired on a live connection' });
  };
}
