import type { Target } from './access.ts';
import type { DenyReason } from './decision.ts';
import { type Refusal, refuse } from './refusal.ts';

/** One text for what is hidden and for what does not exist; `reason` is for the audit log alone. */
export function unknownTarget(target: Target, reason: DenyReason): Refusal {
  return refuse('NOT_FOUND', `Unknown ${target.kind}: ${target.name.slice(0, 200)}`, {
    hidden: true,
    detail: reason,
  });
}
