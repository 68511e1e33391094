import { findNearest } from '../config/problem.ts';
import type { TransportConfig, WrapMiddleware, WrapServerConfig } from './wrap-config.ts';

/** `true` for every key, so that the compiler notices when one is missing here. */
type Keys<Config> = Readonly<Record<keyof Config, true>>;

const CONFIG: Keys<WrapServerConfig> & { readonly instructions: true } = {
  serverFactory: true,
  authProvider: true,
  tokenResolver: true,
  resourceType: true,
  transport: true,
  name: true,
  version: true,
  instanceMode: true,
  instancePool: true,
  sessionMode: true,
  session: true,
  middleware: true,
  authorization: true,
  audit: true,
  extraHeaders: true,
  toUserId: true,
  onError: true,
  // Of servers whose tools are registered; it changes nothing here.
  instructions: true,
};

const TRANSPORT: Keys<TransportConfig> = {
  type: true,
  port: true,
  host: true,
  basePath: true,
  cors: true,
  corsOrigin: true,
  corsAllowedHeaders: true,
  publicUrl: true,
  allowedHosts: true,
  trustedProxies: true,
  dangerouslyAllowEnvOverHttp: true,
};

const MIDDLEWARE: Keys<WrapMiddleware> = {
  logging: true,
  rateLimit: true,
  requestTimeoutMs: true,
  enableTracing: true,
};

const SWITCHES = ['logging', 'enableTracing'] as const;

/** Keys that mean nothing, and switches that are neither on nor off: each would leave something unprotected in silence. */
export function findKeyProblems(config: Partial<WrapServerConfig>): readonly string[] {
  const { transport, middleware } = config;
  const switches = SWITCHES.filter((name) => !['boolean', 'undefined'].includes(typeof middleware?.[name]));
  return [
    ...unknownKeys(config, CONFIG, ''),
    ...unknownKeys(transport ?? {}, TRANSPORT, 'transport.'),
    ...unknownKeys(middleware ?? {}, MIDDLEWARE, 'middleware.'),
    ...switches.map((name) => `middleware.${name}: must be true or false`),
  ];
}

function unknownKeys(
  given: object,
  known: Readonly<Record<string, true>>,
  prefix: string,
): readonly string[] {
  return Object.keys(given)
    .filter((key) => !Object.hasOwn(known, key))
    .map((key) => {
      const nearest = findNearest(key, Object.keys(known));
      return `${prefix}${key}: unknown key${nearest === undefined ? '' : ` (did you mean \`${nearest}\`?)`}`;
    });
}
