import type { AuditSink } from '../audit/audit-sink.ts';
import type { AuthProvider } from '../authn/auth-provider.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Principal } from '../core/principal.ts';
import type { Secret } from '../core/secret.ts';
import type { TenantResolver } from '../tenancy/tenant-resolver.ts';
import type { ResourceTokenResolver } from '../tenancy/token-resolver.ts';
import type { EnvironmentConfig, JwtConfig, JwtProfile } from './auth-options.ts';
import type { AuthorizationConfig } from './authorization-options.ts';
import type { AuditCallback, FileAuditConfig, McpServerFactory } from './options.ts';
import type { EnvCredentialsConfig, JwtCredentialsConfig, TenantSource } from './tenancy-options.ts';

/**
 * Options of a gate with every default filled and every problem excluded. Instances are told apart by
 * the kind `custom`; secrets are wrapped. Records hold own keys only.
 */
export interface ResolvedGateOptions {
  readonly version: 1;
  /** Canonical, without a slash at the end. */
  readonly publicUrl: string;
  readonly listen: ResolvedListen;
  /** In the order given; at least one. */
  readonly servers: readonly ResolvedServer[];
  /** In the order given; at least one. */
  readonly auth: readonly ResolvedAuth[];
  readonly tenancy: ResolvedTenancy;
  readonly authorization: ResolvedAuthorization;
  readonly limits: ResolvedLimits;
  /** Empty when nothing is recorded. */
  readonly audit: readonly ResolvedAudit[];
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface ResolvedListen {
  /** Whether `listen` was given: without it, serving over HTTP has not been asked for. */
  readonly declared: boolean;
  readonly host: string;
  readonly port: number;
  /** Starts with a slash and, unless it is `/`, does not end with one. */
  readonly path: string;
  readonly trustedProxies: readonly string[];
  /** Lower case. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly webSocket: boolean;
  /** Absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: Secret } | undefined;
}

export interface ResolvedServer {
  readonly name: string;
  readonly source: ResolvedSource;
  /** Where this listener serves it: `listen.path`, and `/<name>` when there are several servers. */
  readonly path: string;
  /** Its canonical URI: `publicUrl` and `path` (RFC 8707 §2). */
  readonly resource: string;
  readonly resourceType: string;
  readonly instances: {
    readonly mode: 'fresh' | 'pooled';
    readonly max: number;
    /** Given for a command and a URL. */
    readonly maxPerPrincipal?: number | undefined;
    readonly idleMs: number;
    readonly lifetimeMs: number;
  };
  readonly sessions: {
    readonly mode: 'stateless' | 'stateful';
    readonly idleMs: number;
    readonly lifetimeMs: number;
    readonly max: number;
    readonly maxPerPrincipal: number;
  };
  readonly timeoutMs: number | undefined;
  /** Header names in lower case. */
  readonly extras: { readonly query: readonly string[]; readonly headers: readonly string[] };
}

export type ResolvedSource =
  | { readonly type: 'module'; readonly module: string }
  | { readonly type: 'factory'; readonly factory: McpServerFactory }
  | ResolvedCommand
  | ResolvedRemote;

export interface ResolvedCommand {
  readonly type: 'command';
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly startTimeoutMs: number;
}

export interface ResolvedRemote {
  readonly type: 'url';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly startTimeoutMs: number;
}

export type ResolvedAuth =
  | ResolvedJwt
  | ResolvedEnvironment
  | { readonly type: 'custom'; readonly provider: AuthProvider };

/** With neither `jwksUri`, `publicKey` nor `secret`, the keys are found through the issuer's metadata. */
export interface ResolvedJwt extends Omit<JwtConfig, 'secret' | 'audience'> {
  readonly secret?: Secret | undefined;
  /** Absent: the resource of the server asked for. */
  readonly audience?: readonly string[] | undefined;
  readonly clockToleranceSeconds: number;
  readonly profile: JwtProfile;
  readonly extractTokens: boolean;
  readonly tokensClaim: string;
}

export type ResolvedEnvironment = EnvironmentConfig & {
  readonly userIdEnvVar: string;
  readonly dangerouslyAllowEnvOverHttp: boolean;
};

export interface ResolvedTenancy {
  /** Absent: this deployment has no tenants. */
  readonly tenants?: ResolvedTenants | undefined;
  /** By resource type. */
  readonly credentials: ReadonlyMap<string, ResolvedCredentials>;
  /** The user's id for token resolvers and factories. */
  readonly toUserId: (principal: Principal) => string;
}

export type ResolvedTenants =
  | { readonly from: 'custom'; readonly resolver: TenantResolver }
  | {
      readonly from: TenantSource;
      readonly claim?: string | undefined;
      readonly pattern?: string | undefined;
      readonly prefix?: string | undefined;
      /** Lower case. */
      readonly header?: string | undefined;
      readonly required: boolean;
      readonly membershipClaim?: string | undefined;
      readonly dangerouslyTrustClient: boolean;
    };

export type ResolvedCredentials =
  | EnvCredentialsConfig
  | JwtCredentialsConfig
  | {
      readonly type: 'api';
      readonly tenantManagerUrl: string;
      readonly serviceToken: Secret;
      readonly endpointPath: string;
      readonly timeoutMs: number;
      readonly cacheTtlMs: number;
      readonly customHeaders: Readonly<Record<string, string>>;
    }
  | { readonly type: 'custom'; readonly resolver: ResourceTokenResolver };

export type ResolvedAuthorization =
  | { readonly type: 'rules'; readonly rules: AuthorizationConfig }
  | { readonly type: 'custom'; readonly authorizer: Authorizer };

export interface ResolvedLimits {
  readonly calls: readonly ResolvedCallLimit[];
  readonly failures: { readonly max: number; readonly windowSeconds: number };
  readonly bodyBytes: number;
  readonly bodyDepth: number;
  readonly bodyTimeoutMs: number;
  readonly timeoutMs: number | undefined;
  readonly concurrency: number | undefined;
}

export interface ResolvedCallLimit {
  readonly per: 'principal' | 'tenant' | 'tool';
  readonly rate: { readonly limit: number; readonly windowSeconds: number };
  readonly burst: number;
  /** `<server>/<pattern>`. */
  readonly tool?: string | undefined;
}

export type ResolvedAudit =
  | { readonly type: 'console' }
  | (FileAuditConfig & Required<Pick<FileAuditConfig, 'durability' | 'onFull'>>)
  | { readonly type: 'callback'; readonly write: AuditCallback }
  | { readonly type: 'custom'; readonly sink: AuditSink };
