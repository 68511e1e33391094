import type { AuditEvent, AuditSink } from '../audit/audit-sink.ts';
import type { AuthProvider } from '../authn/auth-provider.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Principal } from '../core/principal.ts';
import type { AuthConfig } from './auth-options.ts';
import type { AuthorizationConfig } from './authorization-options.ts';
import type { TenancyConfig, TenancyOptions } from './tenancy-options.ts';

/**
 * Everything a configuration file may say: the serialisable spelling of {@link GateOptions}. Unknown keys are
 * errors. In a file, strings may hold `${env:NAME}` and `${file:PATH}`.
 */
export interface GateConfig {
  /** The JSON Schema of the file, for editors. */
  readonly $schema?: string | undefined;
  /** Version of this format. */
  readonly version: 1;
  /**
   * The canonical URL clients use, without the servers' paths; resources are built on it and never on a
   * request. `https:`, or `http:` on a loopback host. Default: the address listened on, if loopback.
   */
  readonly publicUrl?: string | undefined;
  readonly listen?: ListenConfig | undefined;
  /** By name, `[a-z0-9][a-z0-9_-]{0,62}`. Several servers are told apart by path: `<listen.path>/<name>`. */
  readonly servers: Readonly<Record<string, ModuleServerConfig | CommandServerConfig | RemoteServerConfig>>;
  /** Asked in order until one knows the credential. */
  readonly auth: readonly AuthConfig[];
  readonly tenancy?: TenancyConfig | undefined;
  readonly authorization?: AuthorizationConfig | undefined;
  readonly limits?: LimitsConfig | undefined;
  readonly audit?: readonly AuditConfig[] | undefined;
}

/**
 * Options of a gate in code: all of {@link GateConfig}, and instances where a file has to name a kind.
 * Values read from the environment may be passed on as they are: `undefined` for a URL, a key or a secret
 * is a ConfigurationError.
 */
export interface GateOptions
  extends Omit<GateConfig, 'version' | 'servers' | 'auth' | 'tenancy' | 'authorization' | 'audit'> {
  readonly version?: 1 | undefined;
  readonly servers: Readonly<
    Record<string, ModuleServerConfig | FactoryServerOptions | CommandServerConfig | RemoteServerConfig>
  >;
  readonly auth: readonly (AuthConfig | AuthProvider)[];
  readonly tenancy?: TenancyOptions | undefined;
  readonly authorization?: AuthorizationConfig | Authorizer | undefined;
  readonly audit?: readonly (AuditConfig | AuditSink | AuditCallback)[] | undefined;
  /** Told of what should not happen: a step that throws, a server that cannot be built. Default: a line on standard error. */
  readonly onError?: (error: unknown) => void;
}

/** The HTTP listener. Leave it out for a gate that is served over stdio only. */
export interface ListenConfig {
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 3000; 0 takes any free port and then needs a `publicUrl`. */
  readonly port?: number | undefined;
  /** Default `/mcp`. */
  readonly path?: string | undefined;
  /** Addresses and CIDR ranges of proxies whose forwarded headers count. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Host names served besides the one of `publicUrl` and loopback: without port, IPv6 in brackets. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Exact origins whose pages may call, besides the one of `publicUrl`; never `*`. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Whether WebSocket connections are taken too, at `<path>/ws` of each server. Default false. */
  readonly webSocket?: boolean | undefined;
  /** Serves HTTPS, by TLS 1.2 or later. Default: plain HTTP. Read at start: what is renewed needs a restart. */
  readonly tls?: TlsConfig | undefined;
}

/** PEM as text, not paths: in a configuration file, write `${file:PATH}`. */
export interface TlsConfig {
  /** The certificate, followed by those that lead to its authority. */
  readonly cert: string;
  /** The key of the first certificate, not encrypted. */
  readonly key: string;
}

/** What every kind of server has. */
export interface ServerConfig {
  readonly instances?: InstancesConfig | undefined;
  readonly sessions?: SessionsConfig | undefined;
  /** Longest a call may take; default `limits.timeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Whose credentials this server acts with, a key of `tenancy.credentials`; default its name. */
  readonly resourceType?: string | undefined;
  /** What of a request the factory may see. Nothing by default; credentials never. */
  readonly extras?: ExtrasConfig | undefined;
}

/** A server built by the export `createServer` of a module. */
export interface ModuleServerConfig extends ServerConfig {
  /** Path or package name. A path in a file is relative to that file. */
  readonly module: string;
}

/**
 * A server over stdio that is a command: a process for each user, with an environment of a few names that are safe to
 * pass on (`PATH`, `HOME`, `TMPDIR`, `LANG`, …) and of `env`, and nothing else of this process's.
 */
export interface CommandServerConfig extends ServerConfig {
  /** The program and its arguments. No shell takes them apart. */
  readonly command: readonly string[];
  /**
   * By name. `${credential}` in a value is the user's upstream token; without a token such a variable is left out.
   * Arguments cannot hold it: whoever is on the machine sees them.
   */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default: the directory of the file, in code that of the process. */
  readonly cwd?: string | undefined;
  /** Longest a process may take until it answers. Default 60000: `npx` may have to install it first. */
  readonly startTimeoutMs?: number | undefined;
}

/** A server elsewhere that speaks Streamable HTTP. It never sees a token that was sent to the gate. */
export interface RemoteServerConfig extends ServerConfig {
  /** `https:`, or `http:` on a loopback host. */
  readonly url: string;
  /**
   * By name. `${credential}` in a value is the user's upstream token; without a token such a header is left out.
   * Default, where the server's resource type has `tenancy.credentials`: `Authorization: Bearer ${credential}`.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sends users' tokens and data unencrypted to a host that is not this one. */
  readonly dangerouslyAllowHttp?: boolean | undefined;
  /** Longest that connecting may take. Default 60000. */
  readonly startTimeoutMs?: number | undefined;
}

/** A server built by a function. In code only. */
export interface FactoryServerOptions extends ServerConfig {
  readonly factory: McpServerFactory;
}

/**
 * Builds the server of one user. `accessToken` is the user's upstream token, `''` when there is none;
 * `userId` is what `tenancy.toUserId` says of the principal.
 */
export type McpServerFactory = (
  accessToken: string,
  userId: string,
  extras: McpServerExtras,
) => McpServerLike | Promise<McpServerLike>;

export interface McpServerExtras {
  readonly principal: Principal;
  readonly requestId?: string | undefined;
  readonly progressToken?: string | number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Query parameters that `extras.query` names: the client's word. */
  readonly query: Readonly<Record<string, string>>;
  /** Headers that `extras.headers` names, in lower case: the client's word. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Whether the server has to have a tool, prompt or resource, by its name or URI. One that is built for a single call
   * does with what is called, and a factory of many tools that asks builds it in a fraction of the time; for every other
   * server all is needed.
   */
  readonly needs: (kind: 'tool' | 'prompt' | 'resource', name: string) => boolean;
}

/** A `Server` or `McpServer` of either SDK. */
export interface McpServerLike {
  connect(transport: never): Promise<void>;
  close(): Promise<void>;
}

export interface ExtrasConfig {
  readonly query?: readonly string[] | undefined;
  readonly headers?: readonly string[] | undefined;
}

export interface InstancesConfig {
  /**
   * `fresh` (default): one per request. `pooled` (default of a command and a URL): kept for the same user, credential
   * and extras.
   */
  readonly mode?: 'fresh' | 'pooled' | undefined;
  /** Default 100. Of a command or a URL, those of sessions and connections count too. */
  readonly max?: number | undefined;
  /** Of a command or a URL: processes or connections of one principal. Default 10. */
  readonly maxPerPrincipal?: number | undefined;
  /** Default 300000. */
  readonly idleMs?: number | undefined;
  /** Default 3600000. */
  readonly lifetimeMs?: number | undefined;
}

export interface SessionsConfig {
  /** `stateless` (default), or `stateful` for the sessions of 2025-era clients. */
  readonly mode?: 'stateless' | 'stateful' | undefined;
  /** Default 300000. */
  readonly idleMs?: number | undefined;
  /** Default 3600000. */
  readonly lifetimeMs?: number | undefined;
  /** Default 1000. */
  readonly max?: number | undefined;
  /** Default 100. */
  readonly maxPerPrincipal?: number | undefined;
}

export interface LimitsConfig {
  readonly calls?: readonly CallLimitConfig[] | undefined;
  /** Failed authentications per address. */
  readonly failures?:
    | { readonly max?: number | undefined; readonly windowSeconds?: number | undefined }
    | undefined;
  /** Default 4194304. */
  readonly bodyBytes?: number | undefined;
  /** Default 64. */
  readonly bodyDepth?: number | undefined;
  /** Default 10000. */
  readonly bodyTimeoutMs?: number | undefined;
  /** Longest a call may take, for servers that say nothing themselves. */
  readonly timeoutMs?: number | undefined;
  /** Calls of one principal that may run at once, on each server. */
  readonly concurrency?: number | undefined;
}

export interface CallLimitConfig {
  readonly per: 'principal' | 'tenant' | 'tool';
  /** `<count>/<s|min|h|day>`, for example `100/min`. */
  readonly rate: string;
  /** Calls at once after a pause; default the count of `rate`. */
  readonly burst?: number | undefined;
  /** `<server>/<pattern>`: counts only calls of these tools. */
  readonly tool?: string | undefined;
}

export type AuditConfig = { readonly type: 'console' } | FileAuditConfig;

export interface FileAuditConfig {
  readonly type: 'file';
  /** In a configuration file: relative to that file. */
  readonly path: string;
  /** `batched` (default), or `before-answer`: on disk before the caller hears of it. */
  readonly durability?: 'batched' | 'before-answer' | undefined;
  /** What happens when events cannot be written fast enough: calls are refused (default), or events lost. */
  readonly onFull?: 'refuse' | 'drop' | undefined;
}

/** Gets every event; what it throws is ignored. */
export type AuditCallback = (event: AuditEvent) => void;
