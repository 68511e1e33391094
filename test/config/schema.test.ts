import { describe, expect, test } from 'vitest';
import type * as z from 'zod';
import type { gateConfigSchema } from '../../src/config/gate-schema.ts';
import type { GateConfig, GateOptions } from '../../src/config/options.ts';
import { createPrincipal } from '../../src/core/principal.ts';
import { Secret } from '../../src/core/secret.ts';
import {
  MINIMAL,
  parseCode,
  parseFile,
  problemsOf,
  SECRET,
  withAuth,
  withParts,
} from './fixtures/options.ts';

/** What may be absent may be undefined, and nothing may be changed: how the interfaces are written. */
type Loose<T> = T extends string | number | boolean | undefined
  ? T
  : { readonly [Key in keyof T]: object extends Pick<T, Key> ? Loose<T[Key]> | undefined : Loose<T[Key]> };

/** `true` only when each of two types takes the other. */
type Mutual<A, B> = [A, B] extends [B, A] ? true : false;
type FileInput = Loose<z.input<typeof gateConfigSchema>>;

describe('[config/schema]', () => {
  test('fills every default', () => {
    expect(parseFile(MINIMAL)).toEqual({
      version: 1,
      publicUrl: 'http://127.0.0.1:3000',
      listen: {
        declared: false,
        host: '127.0.0.1',
        port: 3000,
        path: '/mcp',
        trustedProxies: [],
        webSocket: false,
        allowedHosts: [],
        allowedOrigins: [],
      },
      servers: [
        {
          name: 'notes',
          source: { type: 'module', module: './notes.js' },
          path: '/mcp',
          resource: 'http://127.0.0.1:3000/mcp',
          resourceType: 'notes',
          instances: { mode: 'fresh', max: 100, idleMs: 300_000, lifetimeMs: 3_600_000 },
          sessions: {
            mode: 'stateless',
            idleMs: 300_000,
            lifetimeMs: 3_600_000,
            max: 1000,
            maxPerPrincipal: 100,
          },
          timeoutMs: undefined,
          extras: { query: [], headers: [] },
        },
      ],
      auth: [
        {
          type: 'jwt',
          secret: new Secret(SECRET),
          clockToleranceSeconds: 10,
          profile: 'any',
          extractTokens: false,
          tokensClaim: 'tokens',
        },
      ],
      tenancy: { credentials: new Map(), toUserId: expect.any(Function) },
      authorization: { type: 'rules', rules: {} },
      limits: {
        calls: [],
        failures: { max: 20, windowSeconds: 60 },
        bodyBytes: 4_194_304,
        bodyDepth: 64,
        bodyTimeoutMs: 10_000,
        timeoutMs: undefined,
        concurrency: undefined,
      },
      audit: [],
    });
  });

  test('wraps secrets, so that printing the options shows none', () => {
    const options = parseFile(
      withParts({
        tenancy: {
          credentials: {
            notes: {
              type: 'api',
              tenantManagerUrl: 'https://tenants.example',
              serviceToken: 'service-token',
            },
          },
        },
      }),
    );
    const [entry] = options.auth;
    expect(entry?.type === 'jwt' && entry.secret?.reveal()).toBe(SECRET);
    const credentials = options.tenancy.credentials.get('notes');
    expect(credentials?.type === 'api' && credentials.serviceToken.reveal()).toBe('service-token');
    expect(JSON.stringify([...options.auth, credentials])).not.toMatch(/shared secret|service-token/);
  });

  test('[config/servers-resource] gives several servers a path and a resource each', () => {
    const servers = { notes: { module: './a.js' }, files: { module: './b.js', resourceType: 'drive' } };
    const at = (publicUrl: string, path: string) =>
      parseFile(withParts({ publicUrl, servers, listen: { path } })).servers.map((server) => [
        server.path,
        server.resource,
        server.resourceType,
      ]);
    expect(at('https://mcp.example.com/', '/mcp')).toEqual([
      ['/mcp/notes', 'https://mcp.example.com/mcp/notes', 'notes'],
      ['/mcp/files', 'https://mcp.example.com/mcp/files', 'drive'],
    ]);
    expect(at('https://mcp.example.com/base', '/')).toEqual([
      ['/notes', 'https://mcp.example.com/base/notes', 'notes'],
      ['/files', 'https://mcp.example.com/base/files', 'drive'],
    ]);
  });

  test('spells the resource of a server at the root as URLs are spelled', () => {
    const options = parseFile(withParts({ publicUrl: 'https://mcp.example.com', listen: { path: '/' } }));
    expect(options.servers[0]).toMatchObject({ path: '/', resource: 'https://mcp.example.com/' });
  });

  test('reads rates, with a burst of one period', () => {
    const calls = [
      { per: 'principal', rate: '100/min' },
      { per: 'tool', rate: '2/s', burst: 5, tool: 'notes/*' },
    ];
    expect(parseFile(withParts({ limits: { calls } })).limits.calls).toEqual([
      { per: 'principal', rate: { limit: 100, windowSeconds: 60 }, burst: 100 },
      { per: 'tool', rate: { limit: 2, windowSeconds: 1 }, burst: 5, tool: 'notes/*' },
    ]);
  });

  test.each([
    [{ from: 'claim' }, { from: 'claim', claim: 'tenant' }],
    [{ from: 'header' }, { from: 'header', header: 'x-tenant-id', membershipClaim: 'tenants' }],
    [{ from: 'header', header: 'X-Org' }, { header: 'x-org' }],
    [
      { from: 'host', pattern: '{tenant}.example.com' },
      { membershipClaim: 'tenants', required: true },
    ],
    [{ from: 'path', prefix: '/t/', dangerouslyTrustClient: true }, { dangerouslyTrustClient: true }],
  ])('completes tenancy %j', (tenancy, expected) => {
    const options = parseFile(withParts({ tenancy: { ...tenancy, toUserId: 'key' } }));
    expect(options.tenancy.tenants).toMatchObject(expected);
  });

  test('passes instances and functions on, in code', () => {
    const factory = () => ({ connect: async () => undefined, close: async () => undefined });
    const provider = { authenticate: async () => ({ authenticated: false }) };
    const resolver = { resolveToken: async () => null };
    const tenants = { resolveTenant: () => ({ kind: 'none' as const }) };
    const authorizer = { decide: () => ({ effect: 'allow' as const }) };
    const sink = { write: () => undefined, flush: async () => undefined, close: async () => undefined };
    const callback = () => undefined;
    const toUserId = () => 'id';
    const given: GateOptions = {
      servers: { notes: { factory } },
      auth: [provider, { type: 'jwt', secret: SECRET }],
      tenancy: { from: tenants, credentials: { notes: resolver }, toUserId },
      authorization: authorizer,
      audit: [sink, callback, { type: 'console' }],
    };
    const options = parseCode(given);
    expect(options.servers[0]?.source).toEqual({ type: 'factory', factory });
    expect(options.auth[0]).toEqual({ type: 'custom', provider });
    expect(options.auth[0]?.type === 'custom' && options.auth[0].provider).toBe(provider);
    expect(options.tenancy.tenants).toEqual({ from: 'custom', resolver: tenants });
    expect(options.tenancy.credentials.get('notes')).toEqual({ type: 'custom', resolver });
    expect(options.tenancy.toUserId).toBe(toUserId);
    expect(options.authorization).toEqual({ type: 'custom', authorizer });
    expect(options.audit).toEqual([
      { type: 'custom', sink },
      { type: 'callback', write: callback },
      { type: 'console' },
    ]);
  });

  test('takes no instance from a file', () => {
    const problems = problemsOf({
      version: 1,
      servers: { notes: { factory: () => ({}) } },
      auth: [{ authenticate: () => undefined }],
      authorization: { decide: () => undefined },
      audit: [() => undefined],
    });
    expect(problems).toEqual([
      'servers.notes: `factory` can be given in code only; a file names a `module`',
      'servers.notes: needs exactly one of `module`, `command`, `url`',
      'auth[0].type: is required (one of: jwt, environment)',
      expect.stringContaining('authorization: Unknown key `decide`'),
      'audit[0]: must be an object, not a function',
    ]);
  });

  test('a server comes from one place, in code from a factory too', () => {
    const factory = () => ({});
    const problems = (server: object) => problemsOf({ ...MINIMAL, servers: { notes: server } }, parseCode);
    const needs = 'servers.notes: needs exactly one of `module`, `command`, `url`, `factory`';
    expect(problems({ factory, module: './x.js' })).toEqual([`${needs}, not \`module\` and \`factory\``]);
    expect(problems({})).toEqual([needs]);
    expect(problems({ factory })).toEqual([]);
  });

  test('names of roles and scopes never find what every object inherits', () => {
    const options = parseFile(withParts({ authorization: { roles: { admin: { scopes: ['a'] } } } }));
    const rules = options.authorization.type === 'rules' ? options.authorization.rules : undefined;
    expect(rules?.roles?.['constructor']).toBeUndefined();
    expect(rules?.roles?.['admin']).toEqual({ scopes: ['a'] });
  });

  test.each([
    ['subject', 'alice'],
    ['key', createPrincipal({ issuer: 'https://issuer.example', subject: 'alice' }).key],
  ])('toUserId %s', (toUserId, expected) => {
    const principal = createPrincipal({ issuer: 'https://issuer.example', subject: 'alice' });
    expect(parseFile(withParts({ tenancy: { toUserId } })).tenancy.toUserId(principal)).toBe(expected);
  });

  test.each([
    ['tenants', { tenancy: { from: 'claim' } }],
    [
      'issuers',
      {
        auth: [
          { type: 'jwt', issuer: 'https://a.example' },
          { type: 'jwt', issuer: 'https://b.example' },
        ],
      },
    ],
  ])('several %s need an explicit toUserId', (reason, parts) => {
    expect(problemsOf(withParts(parts))).toEqual([
      expect.stringContaining(`tenancy.toUserId: is required with several ${reason}`),
    ]);
    const tenancy = { ...('tenancy' in parts ? parts.tenancy : {}), toUserId: 'key' };
    expect(problemsOf(withParts({ ...parts, tenancy }))).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['no servers', { servers: {} }, 'servers: needs at least one server'],
    ['no way in', { auth: [] }, 'auth: needs at least 1 entry'],
    ['a version of tomorrow', { version: 2 }, 'version: must be 1, the version of this format'],
    ['a port out of range', { listen: { port: 65_536 } }, 'listen.port: must be at most 65535'],
    ['half a port', { listen: { port: 1.5 } }, 'listen.port: must be a whole number, not a number'],
    [
      'a wait that no timer can wait',
      { servers: { notes: { module: './x.js', timeoutMs: 2_147_483_648 } } },
      'servers.notes.timeoutMs: must be at most 2147483647',
    ],
    [
      'any origin',
      { listen: { allowedOrigins: ['*'] } },
      'listen.allowedOrigins[0]: must not be `*`: list the origins whose pages may call',
    ],
    [
      'everybody as a proxy',
      { listen: { trustedProxies: ['0.0.0.0/0'] } },
      'listen.trustedProxies[0]: must not cover every address: anybody could then claim to be a proxy',
    ],
    [
      'credentials passed to a server',
      { servers: { notes: { module: './x.js', extras: { headers: ['Authorization'] } } } },
      'servers.notes.extras.headers[0]: must not be a header that carries credentials',
    ],
    [
      'a rule for no server',
      { authorization: { tools: { 'nots/*': { scopes: ['a'] } } } },
      'authorization.tools["nots/*"]: names no server of this configuration (did you mean `notes`?)',
    ],
    [
      'a limit for no server',
      { limits: { calls: [{ per: 'tool', rate: '1/s', tool: 'files/*' }] } },
      'limits.calls[0].tool: names no server of this configuration (there are: notes)',
    ],
    [
      'credentials for no server',
      { tenancy: { credentials: { note: { type: 'env' } } } },
      'tenancy.credentials.note: is used by no server (did you mean `notes`?)',
    ],
    [
      'tokens out of tokens that hold none',
      { tenancy: { credentials: { notes: { type: 'jwt' } } } },
      'tenancy.credentials.notes: takes tokens out of the caller’s JWT: an `auth` entry of type jwt must say `extractTokens: true`',
    ],
    [
      'a path of credentials without a user',
      {
        tenancy: {
          credentials: {
            notes: {
              type: 'api',
              tenantManagerUrl: 'https://t.example',
              serviceToken: 't',
              endpointPath: '/all',
            },
          },
        },
      },
      'tenancy.credentials.notes.endpointPath: must contain `:userId` as a segment: without it every user would get the same token',
    ],
    [
      'an option of another source of tenants',
      { tenancy: { from: 'claim', pattern: '{tenant}.example.com', toUserId: 'key' } },
      'tenancy.pattern: has no effect without `from: host`',
    ],
    [
      'a host pattern that any host fits',
      { tenancy: { from: 'host', pattern: '{tenant}', toUserId: 'key' } },
      'tenancy.pattern: must hold {tenant} once in a host name without port, for example {tenant}.example.com',
    ],
    [
      'a role of nobody',
      { authorization: { roles: { admin: { inherits: ['editor'] } } } },
      'authorization.roles.admin.inherits: names roles that are not defined: editor',
    ],
    [
      'a public rule with demands',
      { authorization: { tools: { 'notes/*': { access: 'public', scopes: ['a'] } } } },
      'authorization.tools["notes/*"].access: must not be `public` beside scopes, roles or permissions, which nobody has before signing in',
    ],
    [
      'a demand for a wildcard',
      { authorization: { tools: { 'notes/*': { scopes: ['a:*'] } } } },
      'authorization.tools["notes/*"].scopes[0]: must not hold a wildcard: wildcards may be granted, not demanded',
    ],
    [
      'an audit file that promises and drops',
      { audit: [{ type: 'file', path: 'a', durability: 'before-answer', onFull: 'drop' }] },
      'audit[0].onFull: must not be `drop` with `before-answer`, which promises that nothing is lost',
    ],
  ])('refuses %s', (_name, parts, problem) => {
    expect(problemsOf(withParts(parts))).toEqual([problem]);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['store', { store: { type: 'memory' } }, /^`store` is not supported in this version \(supported: /],
    ['oauth', { oauth: true }, /^`oauth` is not supported in this version/],
    [
      'a server that is an Express app',
      { servers: { notes: { module: './x.js', express: './app.js' } } },
      /^servers\.notes: `express` is not supported in this version/,
    ],
    [
      'auth by api-key',
      { auth: [{ type: 'api-key' }] },
      /^auth\[0\]\.type: `api-key` is not supported in this version \(supported: jwt, environment\)$/,
    ],
    [
      'tenants by key',
      { tenancy: { from: 'key' } },
      /^tenancy\.from: `key` is not supported in this version \(supported: claim, host, path, header\)$/,
    ],
    [
      'vault credentials',
      { tenancy: { credentials: { notes: { type: 'vault' } } } },
      /^tenancy\.credentials\.notes\.type: `vault` is not supported in this version \(supported: env, jwt, api\)$/,
    ],
    [
      'policies',
      { authorization: { policies: [] } },
      /^authorization: `policies` is not supported in this version/,
    ],
    [
      'approval',
      { authorization: { tools: { 'notes/*': { approval: true } } } },
      /^authorization\.tools\["notes\/\*"\]: `approval` is not supported in this version/,
    ],
    [
      'a limit per key',
      { limits: { calls: [{ per: 'key', rate: '1/s' }] } },
      /^limits\.calls\[0\]\.per: `key` is not supported in this version/,
    ],
    [
      'audit in a store',
      { audit: [{ type: 'store' }] },
      /^audit\[0\]\.type: `store` is not supported in this version/,
    ],
  ])('says of %s that this version does not support it', (_name, parts, problem) => {
    expect(problemsOf(withParts(parts))).toEqual([expect.stringMatching(problem)]);
  });

  test('repeats no secret in a problem', () => {
    const secrets = ['hunter2-short', 'hunter2 with blanks', 'hunter2-key', 'hunter2:hunter2'];
    const problems = problemsOf(
      withParts({
        publicUrl: `https://${secrets[3]}@mcp.example.com`,
        auth: [
          { type: 'jwt', secret: secrets[0] },
          { type: 'jwt', issuer: 'x', publicKey: secrets[2] },
        ],
        tenancy: {
          credentials: {
            notes: { type: 'api', tenantManagerUrl: 'https://t.example', serviceToken: secrets[1] },
          },
        },
      }),
    );
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  test('refuses a reference as a secret in code, where nothing resolves it', () => {
    const problems = problemsOf(
      withAuth({ type: 'jwt', secret: '${env:A_VARIABLE_WITH_A_LONG_NAME}' }),
      parseCode,
    );
    expect(problems).toEqual([expect.stringContaining('auth[0].secret: holds a reference')]);
  });

  test('the interfaces and the schema say the same', () => {
    const sameKeys: Mutual<keyof GateConfig, keyof FileInput> = true;
    const sameValues: Mutual<GateConfig, FileInput> = true;
    expect([sameKeys, sameValues]).toEqual([true, true]);
    const options: GateOptions = { ...MINIMAL } satisfies GateConfig;
    expect(problemsOf(options, parseCode)).toEqual([]);
  });
});
