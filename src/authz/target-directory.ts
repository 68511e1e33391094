import type { Target } from '../core/access.ts';
import type { Caller } from '../core/admission.ts';

/**
 * Knows which names exist for a caller, so that an unknown name and a hidden one get the same answer
 * from the same place.
 */
export interface TargetDirectory {
  has(caller: Caller, target: Target): boolean | Promise<boolean>;
}
