/** The smallest thing that would turn a denial into an approval. */
export type Remedy =
  | { readonly kind: 'scopes'; readonly scopes: readonly string[] }
  | { readonly kind: 'link'; readonly resourceType: string; readonly url?: string | undefined }
  | {
      readonly kind: 'stepUp';
      readonly acr?: string | undefined;
      readonly maxAgeSeconds?: number | undefined;
    }
  | { readonly kind: 'approval'; readonly approvalId: string };

export type DenyReason =
  | 'authentication_required'
  | 'insufficient_scope'
  | 'missing_role'
  | 'missing_permission'
  | 'wrong_tenant'
  | 'policy'
  | 'unlinked_account'
  | 'insufficient_authentication'
  | 'approval_required'
  | 'unknown_target';

/** A denial without a remedy is final: no consent, login or link could mend it. */
export type Decision =
  | { readonly effect: 'allow' }
  | { readonly effect: 'deny'; readonly reason: DenyReason; readonly remedy?: Remedy | undefined };

export const ALLOW: Decision = Object.freeze({ effect: 'allow' });

export function deny(reason: DenyReason, remedy?: Remedy): Decision {
  return remedy === undefined ? { effect: 'deny', reason } : { effect: 'deny', reason, remedy };
}

/** Listed exactly if allowed now or after a remedy. */
export function isReachable(decision: Decision): boolean {
  return decision.effect === 'allow' || decision.remedy !== undefined;
}
