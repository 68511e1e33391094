export type {
  AuthConfig,
  EnvironmentConfig,
  JwtAlgorithm,
  JwtClaimNames,
  JwtConfig,
  JwtProfile,
} from './auth-options.ts';
export type {
  AuthorizationConfig,
  RequirementConfig,
  RoleConfig,
  RuleConfig,
} from './authorization-options.ts';
export { CONFIG_FILES, type LoadOptions, loadConfig } from './from-file.ts';
export { CONFIG_SCHEMA_ID, configJsonSchema } from './json-schema.ts';
export type {
  AuditCallback,
  AuditConfig,
  CallLimitConfig,
  ExtrasConfig,
  FactoryServerOptions,
  FileAuditConfig,
  GateConfig,
  GateOptions,
  InstancesConfig,
  LimitsConfig,
  ListenConfig,
  McpServerExtras,
  McpServerFactory,
  McpServerLike,
  ModuleServerConfig,
  ServerConfig,
  SessionsConfig,
} from './options.ts';
export { toPrintableConfig } from './printable.ts';
export type {
  ApiCredentialsConfig,
  CredentialsConfig,
  EnvCredentialsConfig,
  JwtCredentialsConfig,
  TenancyConfig,
  TenancyOptions,
  TenantSource,
} from './tenancy-options.ts';
