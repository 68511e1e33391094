import { isAnonymous, withTenant } from '../core/principal.ts';
import { refuse } from '../core/refusal.ts';
import type { TenantResolver } from '../tenancy/tenant-resolver.ts';
import type { Arrival, Step, StepResult } from './passage.ts';

/** Step 2: for which tenant. The anonymous principal belongs to none. */
export function resolveTenant(tenants: TenantResolver | undefined): Step<Arrival> {
  if (tenants === undefined) return () => undefined;
  return (arrival) => {
    const { principal, context } = arrival;
    if (principal === undefined || isAnonymous(principal)) return undefined;
    const result = tenants.resolveTenant(principal, context);
    return result instanceof Promise
      ? result.then((tenant) => apply(arrival, tenant))
      : apply(arrival, result);
  };
}

function apply(arrival: Arrival, result: Awaited<ReturnType<TenantResolver['resolveTenant']>>): StepResult {
  if (result.kind === 'refused') return refuse('ACCESS_DENIED', result.message, { detail: 'tenant' });
  if (result.kind === 'tenant' && arrival.principal !== undefined) {
    arrival.principal = withTenant(arrival.principal, result.tenantId);
  }
  return undefined;
}
