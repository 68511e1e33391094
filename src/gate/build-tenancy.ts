import type { JWTAuthProvider } from '../authn/jwt.ts';
import type { ResolvedCredentials, ResolvedTenancy, ResolvedTenants } from '../config/resolved-options.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { CredentialOptions } from '../guard/resolve-credential.ts';
import { APITokenResolver } from '../tenancy/api-token.ts';
import { SimpleTokenResolver } from '../tenancy/env-token.ts';
import { JWTTokenResolver } from '../tenancy/jwt-token.ts';
import type { TenantResolver } from '../tenancy/tenant-resolver.ts';
import { createTenantResolver } from '../tenancy/tenants.ts';
import type { ResourceTokenResolver } from '../tenancy/token-resolver.ts';

export interface BuiltTenancy {
  readonly tenants: TenantResolver | undefined;
  /** Path prefix before the tenant's segment, when tenants are told by path. */
  readonly tenantPrefix: string | undefined;
  credentialsFor(resourceType: string): CredentialOptions | undefined;
  readonly resolvers: readonly ResourceTokenResolver[];
}

export interface TenancySources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly tokenSource: JWTAuthProvider | undefined;
}

export function buildTenancy(tenancy: ResolvedTenancy, sources: TenancySources): BuiltTenancy {
  const resolvers = new Map(
    [...tenancy.credentials].map(([type, entry]) => [type, buildResolver(entry, sources)] as const),
  );
  return {
    tenants: buildTenants(tenancy.tenants),
    tenantPrefix: tenancy.tenants?.from === 'path' ? tenancy.tenants.prefix : undefined,
    resolvers: [...resolvers.values()],
    credentialsFor(resourceType) {
      const resolver = resolvers.get(resourceType);
      return resolver === undefined ? undefined : { resolver, resourceType, toUserId: tenancy.toUserId };
    },
  };
}

function buildTenants(tenants: ResolvedTenants | undefined): TenantResolver | undefined {
  if (tenants === undefined) return undefined;
  // The schema has checked that each source comes with its own option.
  return tenants.from === 'custom'
    ? tenants.resolver
    : createTenantResolver(tenants as Parameters<typeof createTenantResolver>[0]);
}

function buildResolver(
  entry: ResolvedCredentials,
  { env, tokenSource }: TenancySources,
): ResourceTokenResolver {
  switch (entry.type) {
    case 'env':
      return new SimpleTokenResolver({ tokenEnvVar: entry.tokenEnvVar, env });
    case 'jwt':
      if (tokenSource === undefined) {
        throw new ConfigurationError(
          'Credentials of type `jwt` need an `auth` entry of type `jwt` with `extractTokens: true`',
        );
      }
      return new JWTTokenResolver({ authProvider: tokenSource });
    case 'api': {
      const { serviceToken, cacheTtlMs, type: _, ...same } = entry;
      return new APITokenResolver({
        ...same,
        serviceToken: serviceToken.reveal(),
        cacheTokens: cacheTtlMs > 0,
        cacheTtl: cacheTtlMs,
      });
    }
    case 'custom':
      return entry.resolver;
  }
}
