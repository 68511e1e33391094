import type { Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';

export type TenantResult =
  | { readonly kind: 'tenant'; readonly tenantId: string }
  /** This deployment has no tenants, or the caller belongs to none and none is demanded. */
  | { readonly kind: 'none' }
  /** The caller may not act for the tenant asked for; `message` may be shown. */
  | { readonly kind: 'refused'; readonly message: string };

/** Tells for which tenant a caller acts. */
export interface TenantResolver {
  resolveTenant(principal: Principal, context: RequestContext): TenantResult | Promise<TenantResult>;
}
