import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { ANONYMOUS, createPrincipal, type PrincipalInit } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { TenantResolverOptions } from './tenant-options.ts';
import { createTenantResolver } from './tenants.ts';

const principal = (init: Partial<PrincipalInit> = {}) =>
  createPrincipal({ issuer: 'https://issuer.example.com', subject: 'ann', ...init });
const ofAcme = principal({ tenantId: 'acme' });
const ofMany = principal({ claims: { tenants: ['acme', 'globex'] } });
const ofNone = principal();

const request = (more: Partial<RequestContext> = {}): RequestContext => ({
  transport: 'http',
  timestamp: new Date(0),
  ...more,
});

const acts = (tenantId: string) => ({ kind: 'tenant', tenantId });
const NONE = { kind: 'none' };
const WRONG = { kind: 'refused', message: 'You may not act for this tenant' };
const MISSING = { kind: 'refused', message: 'No tenant was named' };
const MALFORMED = { kind: 'refused', message: 'The tenant is not named properly' };

const HOST: TenantResolverOptions = { from: 'host', pattern: '{tenant}.example.com' };
const PATH: TenantResolverOptions = { from: 'path', prefix: '/t/' };
const HEADER: TenantResolverOptions = { from: 'header' };

/** The same question asked in each of the client's ways. */
const clientWays = [
  ['host', HOST, (name: string) => request({ host: `${name}.example.com` })],
  ['path', PATH, (name: string) => request({ path: `/t/${name}/mcp` })],
  ['header', HEADER, (name: string) => request({ headers: { 'x-tenant-id': name } })],
] as const;

describe('createTenantResolver from a claim', () => {
  it('[config/tenancy] takes the tenant the provider found, or else the claim', () => {
    const tenants = createTenantResolver({ from: 'claim' });
    expect(tenants.resolveTenant(ofAcme, request())).toEqual(acts('acme'));
    expect(tenants.resolveTenant(principal({ claims: { tenant: 'globex' } }), request())).toEqual(
      acts('globex'),
    );
    const named = createTenantResolver({ from: 'claim', claim: 'org' });
    expect(named.resolveTenant(principal({ claims: { org: 'x', tenant: 'y' } }), request())).toEqual(
      acts('x'),
    );
  });

  it('[config/tenancy] refuses a caller without tenant unless told otherwise', () => {
    expect(createTenantResolver({ from: 'claim' }).resolveTenant(ofNone, request())).toEqual(MISSING);
    const lenient = createTenantResolver({ from: 'claim', required: false });
    expect(lenient.resolveTenant(ofNone, request())).toEqual(NONE);
  });

  it('does not hear the client', () => {
    const tenants = createTenantResolver({ from: 'claim' });
    const elsewhere = request({
      host: 'globex.example.com',
      path: '/t/globex/mcp',
      headers: { 'x-tenant-id': 'globex' },
    });
    expect(tenants.resolveTenant(ofAcme, elsewhere)).toEqual(acts('acme'));
  });

  it.each<{ tenant: unknown }>([
    { tenant: ['acme'] },
    { tenant: 5 },
    ...['', '../acme', 'acme/..', 'a b', '.acme', '-acme', 'acme\n', 'é', 'a'.repeat(64)].map((tenant) => ({
      tenant,
    })),
  ])('refuses the claim %j', ({ tenant }) => {
    const tenants = createTenantResolver({ from: 'claim', required: false });
    expect(tenants.resolveTenant(principal({ claims: { tenant } }), request())).toEqual(MALFORMED);
  });
});

describe.each(clientWays)('createTenantResolver from the %s', (_way, options, asking) => {
  it('[config/tenancy] lets a caller act for its own tenant and for those it is a member of', () => {
    const tenants = createTenantResolver(options);
    expect(tenants.resolveTenant(ofAcme, asking('acme'))).toEqual(acts('acme'));
    expect(tenants.resolveTenant(ofMany, asking('acme'))).toEqual(acts('acme'));
    expect(tenants.resolveTenant(ofMany, asking('globex'))).toEqual(acts('globex'));
  });

  it('[config/tenancy] refuses every other tenant in the same words', () => {
    const tenants = createTenantResolver(options);
    expect(tenants.resolveTenant(ofAcme, asking('globex'))).toEqual(WRONG);
    expect(tenants.resolveTenant(ofMany, asking('never-heard-of'))).toEqual(WRONG);
    expect(tenants.resolveTenant(ofNone, asking('acme'))).toEqual(WRONG);
  });

  it('believes a list only, under the configured name only', () => {
    const text = principal({ claims: { tenants: 'acme' } });
    const object = principal({ claims: { tenants: { acme: true, includes: 'acme' } } });
    const listed = principal({ claims: { orgs: ['acme'] } });
    const tenants = createTenantResolver(options);
    for (const caller of [text, object, listed]) {
      expect(tenants.resolveTenant(caller, asking('acme'))).toEqual(WRONG);
    }
    const other = createTenantResolver({ ...options, membershipClaim: 'orgs' });
    expect(other.resolveTenant(listed, asking('acme'))).toEqual(acts('acme'));
    expect(other.resolveTenant(ofMany, asking('acme'))).toEqual(WRONG);
  });

  it('[config/tenancy] refuses when none is named; the own tenant counts where none is required', () => {
    const strict = createTenantResolver(options);
    for (const caller of [ofAcme, ofNone]) expect(strict.resolveTenant(caller, request())).toEqual(MISSING);
    const lenient = createTenantResolver({ ...options, required: false });
    expect(lenient.resolveTenant(ofAcme, request())).toEqual(acts('acme'));
    expect(lenient.resolveTenant(ofNone, request())).toEqual(NONE);
    expect(lenient.resolveTenant(ofNone, asking('acme'))).toEqual(WRONG);
  });

  it('takes the client at its word only when told to, and then well-formed words only', () => {
    const tenants = createTenantResolver({
      ...options,
      dangerouslyTrustClient: true,
    });
    expect(tenants.resolveTenant(ofNone, asking('globex'))).toEqual(acts('globex'));
    expect(tenants.resolveTenant(ofNone, asking('-globex'))).toEqual(MALFORMED);
  });

  it('never lets anyone act for a tenant that the token does not name', () => {
    const tenants = createTenantResolver(options);
    const name = fc.oneof(fc.constantFrom('acme', 'globex', 'initech', 'acme.globex'), fc.string());
    fc.assert(
      fc.property(
        name,
        fc.array(name, { maxLength: 3 }),
        fc.option(name, { nil: undefined }),
        (asked, list, own) => {
          const caller = principal({ tenantId: own, claims: { tenants: list } });
          const result = tenants.resolveTenant(caller, asking(asked));
          expect(result.kind !== 'tenant' || [...list, own].includes(result.tenantId)).toBe(true);
        },
      ),
    );
  });

  it('the anonymous principal belongs to none', () => {
    const tenants = createTenantResolver({
      ...options,
      dangerouslyTrustClient: true,
    });
    expect(tenants.resolveTenant(ANONYMOUS, asking('acme'))).toEqual(NONE);
  });
});

describe('createTenantResolver, each way', () => {
  it('[config/tenancy] host: within one label, in any case', () => {
    const tenants = createTenantResolver({ from: 'host', pattern: 'mcp-{tenant}.example.com' });
    expect(tenants.resolveTenant(ofAcme, request({ host: 'MCP-Acme.Example.com' }))).toEqual(acts('acme'));
    const elsewhere = ['mcp-.example.com', 'mcp-a.acme.example.com', 'mcp-acme.example.org', 'example.com'];
    for (const host of elsewhere) expect(tenants.resolveTenant(ofAcme, request({ host }))).toEqual(MISSING);
  });

  it('[config/tenancy] path: the segment after the prefix, taken literally', () => {
    const tenants = createTenantResolver(PATH);
    expect(tenants.resolveTenant(ofAcme, request({ path: '/t/acme' }))).toEqual(acts('acme'));
    for (const path of ['/t/', '/t//mcp', '/t/../acme', '/t/%61cme/mcp', '/t/acme%2f..']) {
      expect(tenants.resolveTenant(ofAcme, request({ path }))).toEqual(MALFORMED);
    }
    for (const path of ['/t', '/mcp', '/x/t/acme']) {
      expect(tenants.resolveTenant(ofAcme, request({ path }))).toEqual(MISSING);
    }
  });

  it('[config/tenancy] header: refused when sent twice, also when joined', () => {
    const tenants = createTenantResolver({ from: 'header', header: 'X-Org' });
    const withOrg = (value: string | string[]) => request({ headers: { 'x-org': value } });
    expect(tenants.resolveTenant(ofAcme, withOrg(['acme']))).toEqual(acts('acme'));
    for (const value of [['acme', 'acme'], 'acme, acme', 'acme,globex', '']) {
      expect(tenants.resolveTenant(ofAcme, withOrg(value))).toEqual(MALFORMED);
    }
  });

  it.each([
    { from: 'moon' },
    { from: 'claim', claim: '' },
    { from: 'host' },
    { from: 'host', pattern: 'example.com' },
    { from: 'host', pattern: '{tenant}' },
    { from: 'host', pattern: '{tenant}.{tenant}.com' },
    { from: 'host', pattern: '{tenant}.example.com:8080' },
    { from: 'path', prefix: 't/' },
    { from: 'path', prefix: '/t' },
    { from: 'path', prefix: '/t/{tenant}/' },
    { from: 'header', header: 'x tenant' },
    { from: 'header', membershipClaim: '' },
  ])('is not created from %j', (options) => {
    expect(() => createTenantResolver(options as TenantResolverOptions)).toThrow(ConfigurationError);
  });

  it('names every wrong option at once', () => {
    const make = () => createTenantResolver({ from: 'host', pattern: '', membershipClaim: '' });
    expect(make).toThrow(/tenancy\.pattern[^]*tenancy\.membershipClaim/);
  });
});
