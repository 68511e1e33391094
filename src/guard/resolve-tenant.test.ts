import { describe, expect, it } from 'vitest';
import { ALICE, CONTEXT } from '../../test/support/guard-parts.ts';
import { ANONYMOUS, type Principal } from '../core/principal.ts';
import type { TenantResolver, TenantResult } from '../tenancy/tenant-resolver.ts';
import type { Arrival } from './passage.ts';
import { resolveTenant } from './resolve-tenant.ts';

async function resolve(
  answer: TenantResult | Promise<TenantResult>,
  principal: Principal | undefined = ALICE,
) {
  const arrival: Arrival = {
    context: CONTEXT,
    authenticated: true,
    ...(principal !== undefined && { principal }),
  };
  const asked: unknown[] = [];
  const tenants: TenantResolver = {
    resolveTenant: (...args) => {
      asked.push(args);
      return answer;
    },
  };
  const refusal = await resolveTenant(tenants)(arrival);
  return { refusal, arrival, asked };
}

describe('resolveTenant', () => {
  it.each([
    ['at once', (result: TenantResult) => result],
    ['later', async (result: TenantResult) => result],
  ])('gives the principal its tenant, and with it another key, %s', async (_name, deliver) => {
    const { refusal, arrival, asked } = await resolve(deliver({ kind: 'tenant', tenantId: 'acme' }));
    expect(refusal).toBeUndefined();
    expect(arrival.principal).toMatchObject({ subject: 'alice', tenantId: 'acme' });
    expect(arrival.principal?.key).not.toBe(ALICE.key);
    expect(asked).toEqual([[ALICE, CONTEXT]]);
  });

  it('leaves a principal without a tenant as it is', async () => {
    expect((await resolve({ kind: 'none' })).arrival.principal).toBe(ALICE);
  });

  it('refuses in the resolver’s words', async () => {
    const { refusal } = await resolve({ kind: 'refused', message: 'You may not act for this tenant' });
    expect(refusal).toMatchObject({ code: 'ACCESS_DENIED', message: 'You may not act for this tenant' });
    expect(refusal?.remedy).toBeUndefined();
  });

  it('does not ask for nobody in particular', async () => {
    const { refusal, arrival, asked } = await resolve({ kind: 'tenant', tenantId: 'acme' }, ANONYMOUS);
    expect([refusal, arrival.principal, asked]).toEqual([undefined, ANONYMOUS, []]);
  });

  it('lets everybody pass where there are no tenants', () => {
    const arrival: Arrival = { context: CONTEXT, authenticated: true, principal: ALICE };
    expect(resolveTenant(undefined)(arrival)).toBeUndefined();
    expect(arrival.principal).toBe(ALICE);
  });
});
