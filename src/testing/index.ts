export {
  createHostileIssuer,
  type HostileBehaviour,
  type HostileIssuer,
} from './hostile-issuer.ts';
export {
  createLocalIssuer,
  type LocalIssuer,
  type LocalIssuerOptions,
  type SignOptions,
  type TokenInit,
} from './local-issuer.ts';
export { checkResourceServer } from './resource-server-check/check-resource-server.ts';
export type { CheckOptions, CheckTokens, ToolCall } from './resource-server-check/options.ts';
export type {
  CheckReport,
  CheckResult,
  Era,
  ItemReport,
  Level,
  Verdict,
} from './resource-server-check/report.ts';
export { toText } from './resource-server-check/text-report.ts';
