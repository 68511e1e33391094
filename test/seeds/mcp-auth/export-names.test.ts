import { describe, expect, it } from 'vitest';
import * as gatehouse from '../../../src/index.ts';
import { typeCheck } from './support/type-check.ts';

const FUNCTIONS = [
  'wrapServer',
  'withAuth',
  'compose',
  'withLogging',
  'withRateLimit',
  'withTimeout',
  'withRetry',
];
const CLASSES = [
  'AuthenticatedMCPServer',
  'AuthenticatedTool',
  'BaseAuthProvider',
  'EnvAuthProvider',
  'SimpleTokenResolver',
  'JWTAuthProvider',
  'JWTTokenResolver',
  'APITokenResolver',
];
const ERRORS = [
  'AuthenticationError',
  'TokenResolutionError',
  'InvalidTokenError',
  'MissingCredentialsError',
  'ConfigurationError',
  'RateLimitError',
  'ServerPoolError',
  'TransportError',
  'ValidationError',
];

const exported: Readonly<Record<string, unknown>> = gatehouse;

/** Uses of every type whose name is kept, with the members it always had. */
const TYPES = `
import {
  type AuthProvider,
  type AuthResult,
  type MCPServerFactory,
  type RequestContext,
  type ResourceTokenResolver,
  BaseAuthProvider,
  wrapServer,
} from 'mcp-gatehouse';
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer, Server } from '@modelcontextprotocol/server';

const info = { name: 'n', version: '1' };
export const factories: MCPServerFactory[] = [
  (accessToken: string, userId: string) => new ServerV1({ name: accessToken + userId, version: '1' }),
  () => new McpServerV1(info),
  () => new McpServer(info),
  async () => new Server(info),
  (accessToken: string, userId?: string, extras?: { readonly progressToken?: string | number | undefined }) =>
    new ServerV1({ name: String([accessToken, userId, extras?.progressToken]), version: '1' }),
];
const transports: RequestContext['transport'][] = ['stdio', 'sse', 'http'];
export const context: RequestContext = {
  transport: transports[0] ?? 'stdio',
  timestamp: new Date(),
  headers: { 'x-api-key': 'k', 'x-twice': ['a', 'b'] },
  query: { q: '1' },
  metadata: { any: 'thing' },
  requestId: 'r',
};
export const results: AuthResult[] = [
  { authenticated: true, userId: 'u', metadata: { any: 'thing' } },
  { authenticated: false, error: 'no' },
  { authenticated: false, reason: 'unavailable' },
];
export const provider: AuthProvider = {
  authenticate: async ({ headers }) => ({ authenticated: headers?.authorization !== undefined, userId: 'u' }),
  initialize: async () => {},
  cleanup: async () => {},
  validate: async (token: string) => token !== '',
};
export const resolver: ResourceTokenResolver = {
  resolveToken: async (userId: string, resourceType: string) => (resourceType === '' ? null : userId),
  refreshToken: async () => null,
  validateToken: async () => true,
  initialize: async () => {},
  cleanup: async () => {},
};
class Keys extends BaseAuthProvider {
  protected async doAuthenticate(request: RequestContext): Promise<AuthResult> {
    return { authenticated: true, userId: this.getCacheKey(request) ?? 'u' };
  }
}
export const wrapped = wrapServer({
  serverFactory: factories[0] ?? (() => new Server(info)),
  authProvider: new Keys({ cacheResults: true, cacheTtl: 1000, errorMessages: { invalid: 'no' } }),
  tokenResolver: resolver,
  resourceType: 'notes',
  transport: { type: 'sse', port: 3000, host: '0.0.0.0', basePath: '/mcp', cors: true, corsOrigin: ['https://a.example'], corsAllowedHeaders: ['X-A'] },
  name: 'n',
  version: '1',
  instanceMode: 'pooled',
  instancePool: { maxSize: 1, idleTimeout: 1, maxLifetime: 1 },
  sessionMode: 'stateful',
  session: { idleTimeout: 1, maxLifetime: 1, maxSessions: 1 },
  middleware: { logging: true, rateLimit: { maxRequests: 1, windowMs: 1 }, requestTimeoutMs: 1, enableTracing: true },
});
export const methods: [Promise<void>, Promise<void>, boolean, unknown] = [
  wrapped.start(),
  wrapped.stop(),
  wrapped.isServerRunning(),
  wrapped.getPoolStats(),
];
`;

describe('[mcp-auth/export.names] the package', () => {
  it.each([...FUNCTIONS, ...CLASSES, 'MCPAuthError', ...ERRORS])('exports %s', (name) => {
    expect(exported[name]).toBeTypeOf('function');
  });

  it.each(ERRORS)('has %s as a kind of MCPAuthError', (name) => {
    const kind = exported[name] as { readonly prototype: unknown };
    expect(kind.prototype).toBeInstanceOf(gatehouse.MCPAuthError);
    expect(gatehouse.MCPAuthError.prototype).toBeInstanceOf(Error);
  });

  it('exports every type, with the members it had', { timeout: 120_000 }, () => {
    const wrong = "import type { NoSuchType } from 'mcp-gatehouse';";
    expect(typeCheck({ types: TYPES, wrong })).toEqual({
      types: [],
      wrong: [expect.stringContaining("has no exported member 'NoSuchType'")],
    });
  });
});
