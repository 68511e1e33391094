export type { AuditEvent, AuditSink } from './audit/audit-sink.ts';
export { AuthenticatedMCPServer, type AuthenticatedServerConfig } from './authenticated-server.ts';
export type { AuthProvider, AuthResult } from './authn/auth-provider.ts';
export { BaseAuthProvider } from './authn/base-auth-provider.ts';
export { createChain } from './authn/chain.ts';
export { EnvAuthProvider } from './authn/env.ts';
export { JWTAuthProvider } from './authn/jwt.ts';
export type { Authorizer } from './authz/authorizer.ts';
export type { AccessRequest, Action, Target } from './core/access.ts';
export type { Decision, Remedy } from './core/decision.ts';
export {
  AuthenticationError,
  ConfigurationError,
  type ErrorCode,
  InvalidTokenError,
  MCPAuthError,
  MissingCredentialsError,
  RateLimitError,
  ServerPoolError,
  ServerUnavailableError,
  TokenResolutionError,
  TransportError,
  ValidationError,
} from './core/errors.ts';
export { createPrincipal, type Principal } from './core/principal.ts';
export type { RequestContext } from './core/request-context.ts';
export { Secret } from './core/secret.ts';
export { createGate, type Gate, type GateCatalog, type GateChange, type ListeningGate } from './gate.ts';
export {
  AuthenticatedTool,
  type AuthenticatedToolOptions,
  type ClassTool,
} from './mcp/authenticated-tool.ts';
export { compose } from './mcp/middleware/compose.ts';
export { withAuth } from './mcp/middleware/with-auth.ts';
export { withLogging } from './mcp/middleware/with-logging.ts';
export { withRateLimit } from './mcp/middleware/with-rate-limit.ts';
export { withRetry } from './mcp/middleware/with-retry.ts';
export { withTimeout } from './mcp/middleware/with-timeout.ts';
export type { FactoryExtras, MCPServerFactory } from './mcp/server-factory.ts';
export type { ToolContext, ToolHandler } from './mcp/tool-handler.ts';
export { APITokenResolver } from './tenancy/api-token.ts';
export { SimpleTokenResolver } from './tenancy/env-token.ts';
export { JWTTokenResolver } from './tenancy/jwt-token.ts';
export type { TenantResolver, TenantResult } from './tenancy/tenant-resolver.ts';
export type { ResourceTokenResolver, TokenContext } from './tenancy/token-resolver.ts';
export type { TransportConfig, WrapMiddleware, WrapServerConfig } from './wrap-options.ts';
export { type WrappedServer, wrapServer } from './wrap-server.ts';
