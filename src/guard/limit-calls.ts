import { refuse } from '../core/refusal.ts';
import type { CallLimits } from '../limits/call-limits.ts';
import type { LimitResult } from '../limits/rate-limiter.ts';
import type { Passage, Step, StepResult } from './passage.ts';

/** Step 3: how often. */
export function limitCalls(limits: CallLimits): Step<Passage> {
  return ({ caller, facts }) => {
    const result = limits.consume({ principal: caller.principal, tool: toolOf(facts) });
    return result instanceof Promise ? result.then(apply) : apply(result);
  };
}

function toolOf(facts: Passage['facts']): string | undefined {
  const access = facts.accesses[0];
  return access?.action === 'tools/call' ? `${access.target.server}/${access.target.name}` : undefined;
}

function apply(result: LimitResult): StepResult {
  if (result.allowed) return undefined;
  return refuse('RATE_LIMIT_EXCEEDED', 'Too many calls; try again later', {
    retryAfterSeconds: result.retryAfterSeconds,
  });
}
