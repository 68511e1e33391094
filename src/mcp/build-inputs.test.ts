import { describe, expect, it } from 'vitest';
import { createPrincipal, type PrincipalInit } from '../core/principal.ts';
import { fingerprintInputs } from './build-inputs.ts';

const ALICE: PrincipalInit = {
  issuer: 'https://issuer.example',
  subject: 'alice',
  scopes: ['read'],
  claims: { plan: 'free', exp: 1, iat: 1, jti: 'a' },
  expiresAt: 1,
};

const fingerprint = (init: Partial<PrincipalInit> = {}, query = {}, headers = {}) =>
  fingerprintInputs({ principal: createPrincipal({ ...ALICE, ...init }), query, headers });

describe('fingerprint of what a factory is told', () => {
  it('stays when the token is renewed', () => {
    const renewed = { claims: { plan: 'free', exp: 2, iat: 2, jti: 'b', nbf: 2 }, expiresAt: 2 };
    expect(fingerprint(renewed)).toBe(fingerprint());
    expect(fingerprint({}, { a: '1', b: '2' })).toBe(fingerprint({}, { b: '2', a: '1' }));
  });

  it.each<[string, Partial<PrincipalInit>]>([
    ['user', { subject: 'bob' }],
    ['tenant', { tenantId: 'acme' }],
    ['client', { clientId: 'app' }],
    ['scopes', { scopes: ['read', 'write'] }],
    ['roles', { roles: ['admin'] }],
    ['groups', { groups: ['staff'] }],
    ['permissions', { permissions: ['files:write'] }],
    ['claims', { claims: { plan: 'pro', exp: 1 } }],
    ['authentication class', { acr: 'mfa' }],
    ['actor', { actor: { sub: 'agent' } }],
  ])('changes with the %s', (_what, init) => {
    expect(fingerprint(init)).not.toBe(fingerprint());
  });

  it('changes with query and headers, and tells them apart', () => {
    const all = [
      fingerprint(),
      fingerprint({}, { a: '1' }),
      fingerprint({}, { a: '2' }),
      fingerprint({}, {}, { a: '1' }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('holds nothing of what it was made from', () => {
    expect(fingerprint({ claims: { plan: 'free' } })).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});
