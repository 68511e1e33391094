import type { AuditSink } from '../audit/audit-sink.ts';
import type { AuthProvider } from '../authn/auth-provider.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { AuthorizationConfig } from '../config/authorization-options.ts';
import type { Principal } from '../core/principal.ts';
import type { MCPServerFactory } from '../mcp/server-factory.ts';
import type { ResourceTokenResolver } from '../tenancy/token-resolver.ts';

/** Options fed from the environment may be `undefined`; what is then missing is a ConfigurationError. */
export interface WrapServerConfig {
  readonly serverFactory: MCPServerFactory;
  readonly authProvider: AuthProvider;
  /** Left out: static mode, factories get an empty access token. */
  readonly tokenResolver?: ResourceTokenResolver | undefined;
  /** `[a-z0-9_-]+` after trimming and lower-casing. */
  readonly resourceType: string;
  readonly transport: TransportConfig;
  /** Default `mcp-auth-wrapped-server`. */
  readonly name?: string | undefined;
  /** Default `1.0.0`. */
  readonly version?: string | undefined;
  /** Default `ephemeral`: a server for each request. */
  readonly instanceMode?: 'ephemeral' | 'pooled' | undefined;
  /** Milliseconds. Required with `pooled`. */
  readonly instancePool?:
    | { readonly maxSize: number; readonly idleTimeout: number; readonly maxLifetime: number }
    | undefined;
  /** Default `stateless`. */
  readonly sessionMode?: 'stateless' | 'stateful' | undefined;
  /** Milliseconds; defaults 300000, 3600000 and 1000 sessions. */
  readonly session?:
    | {
        readonly idleTimeout?: number | undefined;
        readonly maxLifetime?: number | undefined;
        readonly maxSessions?: number | undefined;
      }
    | undefined;
  readonly middleware?: WrapMiddleware | undefined;
  readonly authorization?: AuthorizationConfig | Authorizer | undefined;
  readonly audit?: AuditSink | undefined;
  /** Header names that the factory may see in its extras, never those of credentials; query parameters it always sees. */
  readonly extraHeaders?: readonly string[] | undefined;
  /** The user id that resolvers and factories get; default the principal's subject. */
  readonly toUserId?: ((principal: Principal) => string) | undefined;
  /**
   * Told of failures that callers only see as an internal error, those of the factory above all. Default: one line
   * each on standard error, redacted.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface TransportConfig {
  /** `sse` and `http` are both Streamable HTTP; `websocket` is that and WebSocket, at `<basePath>/ws`. */
  readonly type: 'stdio' | 'sse' | 'http' | 'websocket';
  /** Default 3000. */
  readonly port?: number | undefined;
  /** Default `0.0.0.0`. */
  readonly host?: string | undefined;
  /** Default `/mcp`. */
  readonly basePath?: string | undefined;
  readonly cors?: boolean | undefined;
  /** Exact origins; required with `cors`. */
  readonly corsOrigin?: string | readonly string[] | undefined;
  readonly corsAllowedHeaders?: readonly string[] | undefined;
  /** What clients call the server; default `http://localhost:<port>`. Tokens name it, with the path, as their audience. */
  readonly publicUrl?: string | undefined;
  /** Host names served besides loopback and the one of `publicUrl`. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly trustedProxies?: readonly string[] | undefined;
  /** Signs everyone on this machine in as the environment's user. Loopback hosts only. */
  readonly dangerouslyAllowEnvOverHttp?: boolean | undefined;
}

export interface WrapMiddleware {
  /** Writes one line per call to stderr. */
  readonly logging?: boolean | undefined;
  /** Calls of one user. */
  readonly rateLimit?: { readonly maxRequests: number; readonly windowMs: number } | undefined;
  /** Longest a request may take. */
  readonly requestTimeoutMs?: number | undefined;
  /** Spans through `@opentelemetry/api`. Default false. */
  readonly enableTracing?: boolean | undefined;
}
