import { describe, expect, it } from 'vitest';
import { createPrincipal } from '../core/principal.ts';
import { findUserIdProblem, keyAsUserId, subjectAsUserId } from './to-user-id.ts';

const A = 'https://a.example.com';
const B = 'https://b.example.com';

describe('findUserIdProblem', () => {
  it.each([
    [[A], false, undefined],
    [[A, A], false, undefined],
    [[], false, undefined],
    [[A, B], false, 'several issuers'],
    [[A], true, 'tenants'],
    [[A, B], true, 'several issuers and tenants'],
  ])('[config/tenancy] issuers %j, tenants %j', (issuers, hasTenants, expected) => {
    const problem = findUserIdProblem({ issuers, hasTenants });
    expect(problem?.replace(/^toUserId is needed, as there are (.*) and two users .*$/, '$1')).toBe(expected);
    expect(findUserIdProblem({ issuers, hasTenants, toUserId: subjectAsUserId })).toBeUndefined();
  });

  it('the two policies: short, or unambiguous', () => {
    const one = createPrincipal({ issuer: A, subject: 'ann', tenantId: 'x' });
    const two = createPrincipal({ issuer: B, subject: 'ann', tenantId: 'x' });
    expect(subjectAsUserId(one)).toBe('ann');
    expect(keyAsUserId(one)).toBe(one.key);
    expect(keyAsUserId(one)).not.toBe(keyAsUserId(two));
  });
});
