import { ConfigurationError } from '../core/errors.ts';
import { isAnonymous, type Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import { checkTenantOptions, type TenantResolverOptions } from './tenant-options.ts';
import type { TenantResolver, TenantResult } from './tenant-resolver.ts';

/** Answers at once. */
export interface LocalTenantResolver extends TenantResolver {
  resolveTenant(principal: Principal, context: RequestContext): TenantResult;
}

/** What a request says: one tenant, none (undefined), or something that cannot be one (null). */
type Asked = string | undefined | null;

const NONE: TenantResult = Object.freeze({ kind: 'none' });
const MISSING = refused('No tenant was named');
const MALFORMED = refused('The tenant is not named properly');
// One text for tenants of others and for tenants that do not exist: which of them exist is nobody's business.
const WRONG = refused('You may not act for this tenant');

/**
 * Never lets a caller act for a tenant unless the verified token says so: a host, path or header is the
 * client's word, and counts only when the principal's own tenant or its membership claim names the same.
 * (`dangerouslyTrustClient` gives that up.)
 *
 * A tenant is named `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`; anything else is refused, not cleaned, and so is
 * one that is named twice. Where no tenant is asked for and none is required, the caller's own counts.
 * The anonymous principal belongs to none.
 *
 * @throws ConfigurationError `CONFIGURATION_ERROR` with every wrong option
 */
export function createTenantResolver(options: TenantResolverOptions): LocalTenantResolver {
  const problems = checkTenantOptions(options);
  if (problems.length > 0) throw new ConfigurationError(problems);
  const required = options.required ?? true;
  const asks = readerOf(options);
  const isTrusted = options.from === 'claim' || options.dangerouslyTrustClient === true;
  const claim = options.from === 'claim' ? undefined : (options.membershipClaim ?? 'tenants');
  return {
    resolveTenant(principal, context) {
      if (isAnonymous(principal)) return NONE;
      const asked = asks(principal, context);
      if (asked === null) return MALFORMED;
      const tenantId = asked ?? (required ? undefined : principal.tenantId);
      if (tenantId === undefined) return required ? MISSING : NONE;
      if (!isTenantId(tenantId)) return MALFORMED;
      if (!isTrusted && !isMember(principal, tenantId, claim)) return WRONG;
      return { kind: 'tenant', tenantId };
    },
  };
}

function refused(message: string): TenantResult {
  return Object.freeze({ kind: 'refused', message });
}

function isTenantId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text);
}

function isMember(principal: Principal, tenantId: string, claim: string | undefined): boolean {
  if (principal.tenantId === tenantId) return true;
  const listed = claim === undefined ? undefined : ownClaim(principal, claim);
  return Array.isArray(listed) && listed.includes(tenantId);
}

function ownClaim(principal: Principal, name: string): unknown {
  return Object.hasOwn(principal.claims, name) ? principal.claims[name] : undefined;
}

type Reader = (principal: Principal, context: RequestContext) => Asked;

function readerOf(options: TenantResolverOptions): Reader {
  if (options.from === 'claim') return fromClaim(options.claim ?? 'tenant');
  if (options.from === 'host') return fromHost(options.pattern.toLowerCase());
  if (options.from === 'path') return fromPath(options.prefix);
  return fromHeader((options.header ?? 'x-tenant-id').toLowerCase());
}

function fromClaim(claim: string): Reader {
  return (principal) => {
    if (principal.tenantId !== undefined) return principal.tenantId;
    const value = ownClaim(principal, claim);
    if (value === undefined || value === null) return undefined;
    return typeof value === 'string' ? value : null;
  };
}

function fromHost(pattern: string): Reader {
  const [before = '', after = ''] = pattern.split('{tenant}');
  return (_principal, context) => {
    const host = context.host?.toLowerCase();
    if (host === undefined || host.length <= before.length + after.length) return undefined;
    if (!host.startsWith(before) || !host.endsWith(after)) return undefined;
    const label = host.slice(before.length, host.length - after.length);
    return label.includes('.') ? undefined : label;
  };
}

function fromPath(prefix: string): Reader {
  return (_principal, context) => {
    if (context.path === undefined || !context.path.startsWith(prefix)) return undefined;
    const end = context.path.indexOf('/', prefix.length);
    return context.path.slice(prefix.length, end === -1 ? undefined : end);
  };
}

function fromHeader(name: string): Reader {
  return (_principal, context) => {
    const value = context.headers?.[name];
    if (!Array.isArray(value)) return value;
    return value.length > 1 ? null : value[0];
  };
}
