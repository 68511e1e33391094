import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuthProvider } from './authn/auth-provider.ts';
import { ConfigurationError } from './core/errors.ts';
import { createPrincipal } from './core/principal.ts';
import { allowsAnyOrigin, resolveWrapConfig, type WrapServerConfig } from './wrap-options.ts';

const PROVIDER: AuthProvider = { authenticate: async () => ({ authenticated: false }) };
const SOUND: WrapServerConfig = {
  serverFactory: () => Promise.reject(new Error('not built here')),
  authProvider: PROVIDER,
  resourceType: 'notes',
  transport: { type: 'http' },
};

/** Changes may be of any kind: JavaScript callers, and the environment, know no types. */
type Change = Readonly<Record<string, unknown>>;

const withChange = (change: Change, transport: Change = {}): WrapServerConfig => ({
  ...SOUND,
  ...change,
  transport: { ...SOUND.transport, ...transport },
});

function problemsOf(change: unknown): readonly string[] {
  try {
    resolveWrapConfig(change as WrapServerConfig);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('options of wrapServer', () => {
  it('[mcp-auth/wrap.required] name everything that is missing at once', () => {
    const missing = [
      'serverFactory: a function is required',
      'authProvider: a provider is required',
      'resourceType: is required',
      'transport.type: one of stdio, sse, http, websocket is required',
    ];
    expect(problemsOf({})).toEqual(missing);
    expect(problemsOf(undefined)).toEqual(missing);
    expect(problemsOf({ resourceType: '  ', transport: {}, authProvider: {}, serverFactory: {} })).toEqual(
      missing,
    );
  });

  it('[mcp-auth/error.CONFIGURATION_ERROR] list all mistakes of all kinds at once', () => {
    const problems = problemsOf({
      ...withChange(
        {
          serverFactory: undefined,
          resourceType: 'my api',
          instanceMode: 'shared',
          sessionMode: 'sticky',
          name: '',
        },
        { type: 'websockets', port: 70_000, host: 'http://x', basePath: 'mcp/', cors: true },
      ),
      tokenResolver: {},
      session: { maxSessions: 0 },
      middleware: { rateLimit: { maxRequests: 10 }, requestTimeoutMs: -1 },
      extraHeaders: ['Authorization'],
    });
    expect(problems.map((problem) => problem.slice(0, problem.indexOf(':')))).toEqual([
      'serverFactory',
      'tokenResolver',
      'resourceType',
      'transport.type',
      'instanceMode',
      'sessionMode',
      'name',
      'middleware.rateLimit.windowMs',
      'session.maxSessions',
      'middleware.requestTimeoutMs',
      'transport.port',
      'transport.host',
      'transport.basePath',
      'transport.corsOrigin',
      'extraHeaders',
    ]);
  });

  it('[mcp-auth/wrap.address] [mcp-auth/wrap.session-mode] [mcp-auth/wrap.instance-mode] have the old defaults', () => {
    const resolved = resolveWrapConfig(SOUND);
    expect(resolved.publicUrl).toBe('http://localhost:3000');
    expect(resolved.listen).toMatchObject({ host: '0.0.0.0', port: 3000, path: '/mcp', allowedOrigins: [] });
    expect(resolved.servers[0]).toMatchObject({
      name: 'mcp-auth-wrapped-server',
      resource: 'http://localhost:3000/mcp',
      instances: { mode: 'fresh' },
      sessions: { mode: 'stateless', idleMs: 300_000, lifetimeMs: 3_600_000, max: 1000 },
    });
    expect(resolved.limits.calls).toEqual([]);
    expect(resolved.audit).toEqual([]);
  });

  it.each([
    ['  NOTES  ', 'notes'],
    ['my_api-2', 'my_api-2'],
    ['GitHub', 'github'],
  ])('[mcp-auth/wrap.resource-type] read resource type %j as %j', (given, expected) => {
    expect(resolveWrapConfig(withChange({ resourceType: given })).servers[0]?.resourceType).toBe(expected);
  });

  it.each(['my api', 'a/b', '../x', 'naïve', 'a.b', 'a:b'])(
    '[mcp-auth/wrap.resource-type] [mcp-auth/defect.ids-cleaned] refuse resource type %j rather than clean it',
    (resourceType) => {
      expect(problemsOf(withChange({ resourceType }))).toEqual([
        'resourceType: use letters, digits, `_` and `-`',
      ]);
    },
  );

  it.each<[string, Change]>([
    ['port', { port: -1 }],
    ['port', { port: 65_536 }],
    ['port', { port: 3000.5 }],
    ['port', { port: Number.NaN }],
    ['port', { port: '3000' }],
    ['host', { host: '' }],
    ['host', { host: 'localhost:3000' }],
    ['host', { host: 'a b' }],
    ['basePath', { basePath: '' }],
    ['basePath', { basePath: 'mcp' }],
    ['basePath', { basePath: '/mcp/' }],
    ['basePath', { basePath: '/a/../b' }],
    ['basePath', { basePath: '/mcp?x=1' }],
    ['publicUrl', { publicUrl: 'mcp.example.com' }],
    ['publicUrl', { publicUrl: 'http://mcp.example.com' }],
    ['publicUrl', { publicUrl: 'https://mcp.example.com?x=1' }],
    ['publicUrl', { publicUrl: 'https://user:pass@mcp.example.com' }],
    ['allowedHosts', { allowedHosts: ['https://mcp.example.com'] }],
    ['allowedHosts', { allowedHosts: 'mcp.example.com' }],
    ['trustedProxies', { trustedProxies: ['proxy.example.com'] }],
    ['corsAllowedHeaders', { corsAllowedHeaders: ['X-One, X-Two'] }],
    ['corsAllowedHeaders', { corsAllowedHeaders: [undefined] }],
  ])('[mcp-auth/wrap.address] refuse a bad %s: %j', (name, transport) => {
    const problems = problemsOf(withChange({}, transport));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`transport.${name}: `);
  });

  it('[mcp-auth/wrap.address] join public URL and path to the resource that tokens name', () => {
    const resourceOf = (transport: Change) =>
      resolveWrapConfig(withChange({}, transport)).servers[0]?.resource;
    expect(resourceOf({ publicUrl: 'https://mcp.example.com/' })).toBe('https://mcp.example.com/mcp');
    expect(resourceOf({ publicUrl: 'https://example.com/notes', basePath: '/v1' })).toBe(
      'https://example.com/notes/v1',
    );
    expect(resourceOf({ publicUrl: 'https://mcp.example.com', basePath: '/' })).toBe(
      'https://mcp.example.com/',
    );
  });

  it('[mcp-auth/wrap.cors] take origins as a text or a list', () => {
    const origins = (transport: Change) => resolveWrapConfig(withChange({}, transport)).listen.allowedOrigins;
    const [one, two] = ['https://app1.example.com', 'https://app2.example.com'];
    expect(origins({ cors: true, corsOrigin: one })).toEqual([one]);
    expect(origins({ cors: true, corsOrigin: [one, two] })).toEqual([one, two]);
    expect(origins({ cors: false, corsOrigin: one })).toEqual([]);
    expect(origins({ corsOrigin: one })).toEqual([]);
  });

  it.each([
    [undefined],
    [''],
    [[]],
    ['https://app.example.com/'],
    ['app.example.com'],
    ['null'],
    [[undefined]],
  ])('[mcp-auth/wrap.cors] refuse %j as origin', (corsOrigin) => {
    expect(problemsOf(withChange({}, { cors: true, corsOrigin }))).toEqual([
      expect.stringContaining('transport.corsOrigin: '),
    ]);
  });

  it.each([
    ['development', []],
    ['test', []],
    ['production', [expect.stringContaining('NODE_ENV development or test')]],
    ['staging', [expect.stringContaining('NODE_ENV development or test')]],
    ['', [expect.stringContaining('NODE_ENV development or test')]],
  ])('[mcp-auth/wrap.cors] with NODE_ENV %j find %j wrong with a wildcard', (environment, expected) => {
    vi.stubEnv('NODE_ENV', environment);
    const config = withChange({}, { cors: true, corsOrigin: '*' });
    expect(problemsOf(config)).toEqual(expected);
    expect(allowsAnyOrigin(config.transport)).toBe(expected.length === 0);
  });

  it('[mcp-auth/wrap.instance-mode] need all bounds of a pool', () => {
    const pool = { maxSize: 10, idleTimeout: 1000, maxLifetime: 10_000 };
    expect(
      resolveWrapConfig(withChange({ instanceMode: 'pooled', instancePool: pool })).servers[0]?.instances,
    ).toEqual({
      mode: 'pooled',
      max: 10,
      idleMs: 1000,
      lifetimeMs: 10_000,
    });
    expect(problemsOf(withChange({ instanceMode: 'pooled' }))).toEqual([
      expect.stringContaining('instancePool: '),
    ]);
    expect(problemsOf(withChange({ instanceMode: 'pooled', instancePool: {} }))).toHaveLength(3);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5000', null])(
    '[mcp-auth/wrap.middleware] refuse %j as a time or a count, which would be without effect or at once over',
    (value) => {
      const change = {
        middleware: { requestTimeoutMs: value, rateLimit: { maxRequests: value, windowMs: value } },
      };
      expect(problemsOf(withChange(change))).toHaveLength(3);
    },
  );

  it('[mcp-auth/wrap.transport-type] refuse an environment provider over HTTP, beyond loopback in any case', () => {
    const ambient = { authProvider: { ...PROVIDER, ambient: true } };
    const unsafe = { dangerouslyAllowEnvOverHttp: true };
    expect(problemsOf(withChange(ambient, { type: 'stdio' }))).toEqual([]);
    expect(problemsOf(withChange(ambient, { ...unsafe, host: '127.0.0.1' }))).toEqual([]);
    const refused = [expect.stringContaining('authProvider: an environment provider over HTTP')];
    expect(problemsOf(withChange(ambient, { host: '127.0.0.1' }))).toEqual(refused);
    expect(problemsOf(withChange(ambient, unsafe))).toEqual(refused);
    const proxied = { ...unsafe, host: '127.0.0.1', publicUrl: 'https://mcp.example.com' };
    expect(problemsOf(withChange(ambient, proxied))).toEqual(refused);
  });

  it('refuse rules that are wrong, or that protect nothing', () => {
    const rules = (authorization: unknown) => problemsOf(withChange({ authorization, name: 'notes' }));
    expect(
      rules({ tools: { '*/write': { scopes: ['notes:write'] }, 'notes/purge': { roles: ['admin'] } } }),
    ).toEqual([]);
    expect(rules({ tool: {} })).toHaveLength(1);
    expect(rules({ tools: { 'nots/purge': { roles: ['admin'] } } })).toEqual([
      'authorization.tools: "nots/purge" is for another server than "notes"',
    ]);
    expect(rules('deny')).toHaveLength(1);
    expect(rules({ decide: () => ({ effect: 'allow' }) })).toEqual([]);
  });

  it.each(['authorization', 'Cookie', 'X-API-Key', 'x-session-id', 'DPoP', 'no header'])(
    '[mcp-auth/shape.extras] refuse to show the header %s to factories',
    (name) => {
      expect(problemsOf(withChange({ extraHeaders: [name] }))).toHaveLength(1);
    },
  );

  it('take the user id from the subject unless told otherwise', () => {
    const principal = createPrincipal({
      issuer: 'https://issuer.example',
      subject: 'alice',
      claims: { email: 'a@b.c' },
    });
    expect(resolveWrapConfig(SOUND).tenancy.toUserId(principal)).toBe('alice');
    const toUserId = () => 'other';
    expect(resolveWrapConfig(withChange({ toUserId })).tenancy.toUserId(principal)).toBe('other');
    expect(problemsOf(withChange({ toUserId: 'sub', onError: 'console', audit: {} }))).toHaveLength(3);
  });
});
