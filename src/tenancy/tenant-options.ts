interface CommonTenantOptions {
  /** Whether a request without a tenant is refused. Default true. */
  readonly required?: boolean | undefined;
}

interface ClientTenantOptions extends CommonTenantOptions {
  /** The claim that lists the tenants a caller belongs to. Default `tenants`. */
  readonly membershipClaim?: string | undefined;
  /** Takes the tenant a client names without asking whether the caller belongs to it. Default false. */
  readonly dangerouslyTrustClient?: boolean | undefined;
}

/** The tenant the token names: the principal's `tenantId`, or else this claim (default `tenant`). */
export interface ClaimTenantOptions extends CommonTenantOptions {
  readonly from: 'claim';
  readonly claim?: string | undefined;
}

/** The tenant in the host name; lower case, and within one label: `{tenant}.example.com`. */
export interface HostTenantOptions extends ClientTenantOptions {
  readonly from: 'host';
  readonly pattern: string;
}

/** The tenant in the path: the segment after `prefix`, such as `/t/`. */
export interface PathTenantOptions extends ClientTenantOptions {
  readonly from: 'path';
  readonly prefix: string;
}

/** The tenant in a header. Default `x-tenant-id`. */
export interface HeaderTenantOptions extends ClientTenantOptions {
  readonly from: 'header';
  readonly header?: string | undefined;
}

export type TenantResolverOptions =
  | ClaimTenantOptions
  | HostTenantOptions
  | PathTenantOptions
  | HeaderTenantOptions;

/** Every problem of these options; whatever is wrong in a program without types is found too. */
export function checkTenantOptions(options: TenantResolverOptions): readonly string[] {
  switch (options.from) {
    case 'claim':
      return nameProblems('claim', options.claim);
    case 'host':
      return [...hostProblems(options.pattern), ...nameProblems('membershipClaim', options.membershipClaim)];
    case 'path':
      return [...pathProblems(options.prefix), ...nameProblems('membershipClaim', options.membershipClaim)];
    case 'header':
      return [...headerProblems(options.header), ...nameProblems('membershipClaim', options.membershipClaim)];
    default:
      return ['tenancy.from must be claim, host, path or header'];
  }
}

function nameProblems(option: string, name: unknown): readonly string[] {
  const isName = name === undefined || (typeof name === 'string' && name !== '');
  return isName ? [] : [`tenancy.${option} must name a claim`];
}

function hostProblems(pattern: unknown): readonly string[] {
  const parts = typeof pattern === 'string' ? pattern.split('{tenant}') : [];
  const isHost = parts.length === 2 && parts.every((part) => /^[A-Za-z0-9.-]*$/.test(part));
  // Without a fixed parent domain any host would name a tenant.
  if (isHost && parts[1]?.includes('.') === true) return [];
  return [
    'tenancy.pattern must hold {tenant} once in a host name without port, such as "{tenant}.example.com"',
  ];
}

function pathProblems(prefix: unknown): readonly string[] {
  const isPrefix = typeof prefix === 'string' && /^\/(?:[A-Za-z0-9._~-]+\/)*$/.test(prefix);
  return isPrefix ? [] : ['tenancy.prefix must begin and end with a slash, such as "/t/"'];
}

function headerProblems(header: unknown): readonly string[] {
  // RFC 9110 §5.6.2: a field name is a token.
  const isName =
    header === undefined || (typeof header === 'string' && /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(header));
  return isName ? [] : ['tenancy.header must be a header name, such as "x-tenant-id"'];
}
