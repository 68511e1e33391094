import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as gatehouse from '../../../src/index.ts';
import { rpc } from '../../support/wire.ts';
import { connect } from './support/clients.ts';
import { factoryOf } from './support/factories.ts';
import { BLOCKS, type BlockName } from './support/readme-blocks.ts';
import { runBlock } from './support/run-block.ts';
import { startTenantManager } from './support/tenant-manager.ts';
import { JWT_SECRET, signToken } from './support/tokens.ts';
import { typeCheck } from './support/type-check.ts';
import { startWrapped } from './support/wrapped.ts';

const context: gatehouse.RequestContext = { transport: 'http', timestamp: new Date() };

/** The package as a block imports it, on a free port of loopback in place of the one it names. */
function packageOn(started: gatehouse.WrappedServer[]) {
  const wrapServer: typeof gatehouse.wrapServer = (config) => {
    const transport = { ...config.transport, host: '127.0.0.1', port: 0 };
    const server = gatehouse.wrapServer({ ...config, transport });
    started.push(server);
    onTestFinished(() => server.stop());
    return server;
  };
  return { ...gatehouse, wrapServer };
}

const run = <Name extends string>(
  name: BlockName,
  env: Record<string, string | undefined>,
  results: readonly Name[] = [],
) => runBlock(BLOCKS[name], { modules: { 'mcp-gatehouse': gatehouse }, env }, results);

describe('[mcp-auth/readme.blocks] the documented blocks', () => {
  it('type-check under strict with only the package name changed', { timeout: 120_000 }, () => {
    const broken = `${BLOCKS['JWTAuthProvider + JWTTokenResolver']}\nconst wrong: number = tokenResolver;`;
    const errors = typeCheck({ ...BLOCKS, broken });
    const { broken: found, ...rest } = errors;
    expect(rest).toEqual(Object.fromEntries(Object.keys(BLOCKS).map((name) => [name, []])));
    // What is checked is checked against the real types.
    expect(found).toEqual(["Type 'JWTTokenResolver' is not assignable to type 'number'."]);
  });

  it('server wrapping: starts, and serves each user with the token of the tenant manager', async () => {
    const manager = await startTenantManager({ alice: 'token-of-alice' });
    const started: gatehouse.WrappedServer[] = [];
    const modules = {
      'mcp-gatehouse': packageOn(started),
      '@myorg/my-mcp-server': { createServer: factoryOf('v1 Server') },
    };
    const env = { JWT_SECRET, TENANT_MANAGER_URL: manager.url, SERVICE_TOKEN: 'service-token' };
    await runBlock(BLOCKS['server wrapping'], { modules, env });
    const url = started[0]?.url ?? '';
    const client = await connect('v1', url, await signToken('alice'));
    expect(JSON.parse((await client.call('whoami')).text)).toEqual({
      userId: 'alice',
      token: 'token-of-alice',
    });
    expect(manager.requests[0]).toMatchObject({
      path: '/api/credentials/alice/myapi',
      authorization: 'Bearer service-token',
    });
    const stranger = await connect('v1', url, await signToken('bob'));
    expect((await stranger.call('whoami')).isError).toBe(true);
  });

  it.each<[BlockName, Record<string, string>, readonly string[]]>([
    [
      'server wrapping',
      { TENANT_MANAGER_URL: 'https://t.example', SERVICE_TOKEN: 's' },
      ['jwtSecret has no value'],
    ],
    ['server wrapping', { JWT_SECRET, SERVICE_TOKEN: 's' }, ['tenantManagerUrl is missing']],
    ['server wrapping', { JWT_SECRET, TENANT_MANAGER_URL: 'https://t.example' }, ['serviceToken is missing']],
    ['server wrapping', { JWT_SECRET }, ['tenantManagerUrl is missing', 'serviceToken is missing']],
    ['JWTAuthProvider + APITokenResolver', { SERVICE_TOKEN: 's' }, ['jwtSecret has no value']],
    ['JWTAuthProvider + APITokenResolver', { JWT_SECRET }, ['serviceToken is missing']],
    ['JWTAuthProvider + JWTTokenResolver', {}, ['jwtSecret has no value']],
    ['JWTAuthProvider + JWTTokenResolver', { JWT_SECRET: 'short' }, ['32']],
    ['APITokenResolver', { SERVICE_TOKEN: 's' }, ['jwtSecret has no value']],
    ['APITokenResolver', { JWT_SECRET }, ['serviceToken is missing']],
    ['static servers', {}, ['jwtSecret has no value']],
    ['static servers', { JWT_SECRET }, ['transport.corsOrigin']],
  ])('%s: refuses to be made from an environment of %j', async (name, env, expected) => {
    const modules = {
      'mcp-gatehouse': packageOn([]),
      '@myorg/my-mcp-server': { createServer: factoryOf('v1 Server') },
    };
    const error: unknown = await runBlock(BLOCKS[name], { modules, env }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(gatehouse.ConfigurationError);
    for (const text of expected) expect((error as Error).message).toContain(text);
  });

  it('tool-level authentication: starts over stdio, as the user of the environment', {
    timeout: 60_000,
  }, async () => {
    const program = fileURLToPath(new URL('./support/readme-stdio-program.ts', import.meta.url));
    const args = ['--import', 'jiti/register', program];
    const env = { ...process.env, API_TOKEN: 'local-token' } as Record<string, string>;
    const client = new Client({ name: 'test-client', version: '1.0.0' });
    onTestFinished(() => client.close());
    await client.connect(new StdioClientTransport({ command: process.execPath, args, env }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['get_data']);
    const { structuredContent } = await client.callTool({ name: 'get_data', arguments: { id: 7 } });
    expect(structuredContent).toEqual({ args: { id: 7 }, from: 'account of local-token' });
  });

  it('EnvAuthProvider: signs in the local user', async () => {
    const { authProvider } = await run('EnvAuthProvider', {}, ['authProvider', 'tokenResolver']);
    const result = await (authProvider as gatehouse.EnvAuthProvider).authenticate({
      ...context,
      transport: 'stdio',
    });
    expect(result).toMatchObject({ authenticated: true, userId: process.env['MCP_USER_ID'] ?? 'local-user' });
  });

  it.each(['JWTAuthProvider + APITokenResolver', 'APITokenResolver'] as const)(
    '%s: takes tokens of its secret',
    async (name) => {
      const { authProvider, tokenResolver } = await run(name, { JWT_SECRET, SERVICE_TOKEN: 's' }, [
        'authProvider',
        'tokenResolver',
      ]);
      expect(tokenResolver).toBeInstanceOf(gatehouse.APITokenResolver);
      const headers = { authorization: `Bearer ${await signToken('alice')}` };
      expect(
        await (authProvider as gatehouse.JWTAuthProvider).authenticate({ ...context, headers }),
      ).toMatchObject({ userId: 'alice' });
    },
  );

  it('JWTAuthProvider + JWTTokenResolver: finds the token inside the JWT', async () => {
    const made = await run('JWTAuthProvider + JWTTokenResolver', { JWT_SECRET }, [
      'authProvider',
      'tokenResolver',
    ]);
    const { url } = await startWrapped({
      authProvider: made.authProvider as gatehouse.AuthProvider,
      tokenResolver: made.tokenResolver as gatehouse.ResourceTokenResolver,
    });
    const client = await connect('v2 auto', url, await signToken('alice', { tokens: { notes: 'inside' } }));
    expect(JSON.parse((await client.call('whoami')).text)).toEqual({ userId: 'alice', token: 'inside' });
  });

  it('static servers: start with the user alone', async () => {
    const started: gatehouse.WrappedServer[] = [];
    const make = factoryOf('v2 Server');
    const names = {
      createMyStaticServer: (userId: string) => make('', userId, {} as gatehouse.FactoryExtras),
    };
    const env = { JWT_SECRET, CORS_ORIGIN: 'https://app.example.com' };
    await runBlock(BLOCKS['static servers'], {
      modules: { 'mcp-gatehouse': packageOn(started) },
      env,
      names,
    });
    await started[0]?.start();
    const call = { era: '2025-11-25', method: 'tools/call', params: { name: 'whoami' } } as const;
    const headers = [['origin', 'https://app.example.com']] as const;
    const answer = await rpc(started[0]?.url ?? '', { ...call, token: await signToken('alice'), headers });
    expect(answer.headers['access-control-allow-origin']).toBe('https://app.example.com');
    expect(answer.text).toContain('alice');
  });

  it('custom provider: signs in by its header', async () => {
    const { CustomAuthProvider } = await run('custom provider', {}, ['CustomAuthProvider']);
    const { url } = await startWrapped({
      authProvider: new (CustomAuthProvider as new () => gatehouse.AuthProvider)(),
    });
    const call = { era: '2026-07-28', method: 'tools/call', params: { name: 'whoami' } } as const;
    expect((await rpc(url, { ...call, headers: [['x-api-key', 'k']] })).text).toContain('user-123');
    expect((await rpc(url, call)).status).toBe(401);
  });

  it('middleware composition: adds a tool that runs behind all of it', async () => {
    const server = new gatehouse.AuthenticatedMCPServer({
      name: 'my-server',
      authProvider: new gatehouse.JWTAuthProvider({ jwtSecret: JWT_SECRET }),
      resourceType: 'myapi',
      transport: { type: 'http', host: '127.0.0.1', port: 0 },
    });
    onTestFinished(() => server.stop());
    await runBlock(BLOCKS['middleware composition'], {
      modules: { 'mcp-gatehouse': gatehouse },
      names: { server },
    });
    await server.start();
    const client = await connect('v1', server.url ?? '', await signToken('alice'));
    expect(await client.tools()).toEqual(['get_data']);
    expect((await client.call('get_data')).isError).toBe(false);
  });
});
