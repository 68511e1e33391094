import type { Principal } from '../core/principal.ts';
import type { TenantResolver } from '../tenancy/tenant-resolver.ts';
import type { ResourceTokenResolver } from '../tenancy/token-resolver.ts';

export interface TenancyConfig {
  /** Where the tenant is read from; without it there are no tenants. */
  readonly from?: TenantSource | undefined;
  /** With `claim`: the claim that names the tenant. Default `tenant`. */
  readonly claim?: string | undefined;
  /** With `host`: for example `{tenant}.example.com`. */
  readonly pattern?: string | undefined;
  /** With `path`: what stands before the tenant's segment, for example `/t/`. */
  readonly prefix?: string | undefined;
  /** With `header`: its name. Default `x-tenant-id`. */
  readonly header?: string | undefined;
  /** Whether a caller without a tenant is refused. Default true. */
  readonly required?: boolean | undefined;
  /**
   * With `host`, `path` and `header`: the claim that lists the tenants a caller belongs to; the one that
   * the request names must be among them. Default `tenants`.
   */
  readonly membershipClaim?: string | undefined;
  /** Takes the tenant a client names without asking whether the caller belongs to it. */
  readonly dangerouslyTrustClient?: boolean | undefined;
  /** Where upstream tokens come from, by resource type. */
  readonly credentials?: Readonly<Record<string, CredentialsConfig>> | undefined;
  /**
   * What token resolvers and factories get as the user's id where several issuers or tenants exist: `subject`
   * when subjects are unique over all of them, else `key`, which names issuer, tenant and subject.
   */
  readonly toUserId?: 'subject' | 'key' | undefined;
}

export type TenantSource = 'claim' | 'host' | 'path' | 'header';

/** {@link TenancyConfig} with instances. */
export interface TenancyOptions extends Omit<TenancyConfig, 'from' | 'credentials' | 'toUserId'> {
  readonly from?: TenantSource | TenantResolver | undefined;
  readonly credentials?: Readonly<Record<string, CredentialsConfig | ResourceTokenResolver>> | undefined;
  readonly toUserId?: 'subject' | 'key' | ((principal: Principal) => string) | undefined;
}

export type CredentialsConfig = EnvCredentialsConfig | JwtCredentialsConfig | ApiCredentialsConfig;

/** One token for everybody, from the environment; default variable `<RESOURCETYPE>_ACCESS_TOKEN`. */
export interface EnvCredentialsConfig {
  readonly type: 'env';
  readonly tokenEnvVar?: string | undefined;
}

/** The token inside this request's JWT; needs an `auth` entry with `extractTokens`. */
export interface JwtCredentialsConfig {
  readonly type: 'jwt';
}

/** A token fetched from a tenant manager. */
export interface ApiCredentialsConfig {
  readonly type: 'api';
  /** `https:`, or `http:` on loopback. */
  readonly tenantManagerUrl: string;
  readonly serviceToken: string;
  /** Default `/api/credentials/:userId/:resourceType`. */
  readonly endpointPath?: string | undefined;
  /** Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** Default 300000; 0 keeps nothing. */
  readonly cacheTtlMs?: number | undefined;
  readonly customHeaders?: Readonly<Record<string, string>> | undefined;
}
