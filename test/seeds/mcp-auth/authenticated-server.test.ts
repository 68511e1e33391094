import { describe, expect, it, onTestFinished } from 'vitest';
import {
  AuthenticatedMCPServer,
  type AuthenticatedServerConfig,
  AuthenticatedTool,
  ConfigurationError,
  JWTAuthProvider,
  withAuth,
} from '../../../src/index.ts';
import { type Call, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { JWT_SECRET, signToken } from './support/tokens.ts';

function create(more: Partial<AuthenticatedServerConfig> = {}): AuthenticatedMCPServer {
  const server = new AuthenticatedMCPServer({
    name: 'my-server',
    authProvider: new JWTAuthProvider({ jwtSecret: JWT_SECRET }),
    tokenResolver: { resolveToken: async (userId) => `upstream-of-${userId}` },
    resourceType: 'myapi',
    transport: { type: 'http', host: '127.0.0.1', port: 0 },
    ...more,
  });
  onTestFinished(() => server.stop());
  return server;
}

const call = async (name: string, claims = {}): Promise<Call> => ({
  era: '2025-11-25',
  method: 'tools/call',
  params: { name },
  token: await signToken('alice', claims),
});

describe('AuthenticatedMCPServer', () => {
  it.each(CLIENTS)(
    '[mcp-auth/tool-level.register] serves its tools over HTTP to a %s client',
    async (version) => {
      const server = create();
      server.registerTool(
        'get_data',
        withAuth(async (args, accessToken, userId) => ({ args, accessToken, userId })),
      );
      server.registerToolClass(
        new AuthenticatedTool({ name: 'hello', execute: (_args, _token, userId) => `hello ${userId}` }),
      );
      await server.start();
      const client = await connect(version, server.url ?? '', await signToken('alice'));
      expect(await client.tools()).toEqual(['get_data', 'hello']);
      const { structuredContent } = await client.call('get_data', { id: 1 });
      expect(structuredContent).toEqual({
        args: { id: 1 },
        accessToken: 'upstream-of-alice',
        userId: 'alice',
      });
      expect((await client.call('hello')).text).toBe('hello alice');
    },
  );

  it('[mcp-auth/error.CONFIGURATION_ERROR] lists every problem at construction', () => {
    const wrong = {
      resourceType: 'no good',
      transport: { type: 'http', port: -1 },
      authProvider: {},
    } as never;
    let problems: readonly string[] = [];
    try {
      create({ ...(wrong as Partial<AuthenticatedServerConfig>), name: '' });
    } catch (error) {
      if (error instanceof ConfigurationError) ({ problems } = error);
    }
    expect(problems).toHaveLength(5);
  });

  it('enforces the rule of a tool before it is dispatched, and never serves a tool without it', async () => {
    const server = create();
    server.registerTool('open', async () => 'open');
    await server.start();
    // Registered while the server runs: served from the next start on, with its rule.
    server.registerTool('purge', async () => 'purged', { roles: ['admin'] });
    server.registerTool('write', async () => 'written', { scopes: ['notes:write'] });
    for (const name of ['purge', 'write'])
      expect((await rpc(server.url ?? '', await call(name))).text).toContain('Unknown tool');

    await server.stop();
    await server.start();
    const url = server.url ?? '';
    expect((await rpc(url, await call('purge'))).text).toContain('Unknown tool');
    expect((await rpc(url, await call('purge', { roles: ['admin'] }))).text).toContain('purged');
    const stepUp = await rpc(url, await call('write'));
    expect(stepUp.status).toBe(403);
    expect(stepUp.headers['www-authenticate']).toContain('scope="notes:write"');
    expect((await rpc(url, await call('write', { scope: 'notes:write' }))).text).toContain('written');
  });

  it('[mcp-auth/wrap.methods] starts once at a time, and again after a stop', async () => {
    const server = create();
    server.registerTool('open', async () => 'open');
    const starts = await Promise.allSettled([server.start(), server.start()]);
    expect(starts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(server.isServerRunning()).toBe(true);
    const stopping = server.stop();
    await server.start();
    await stopping;
    expect(server.isServerRunning()).toBe(true);
    expect((await rpc(server.url ?? '', await call('open'))).status).toBe(200);
    const starting = server.stop().then(() => server.start());
    await starting;
    const late = server.start().catch((error: unknown) => error);
    expect(await late).toBeInstanceOf(ConfigurationError);
    await server.stop();
    expect(server.isServerRunning()).toBe(false);
    expect(server.url).toBeUndefined();
  });

  it('does not listen when it is stopped while it starts', async () => {
    const server = create();
    const starting = server.start();
    await server.stop();
    await starting;
    expect(server.isServerRunning()).toBe(false);
  });

  it('can be started after a start that failed', async () => {
    let isReady = false;
    const authProvider = {
      initialize: () => (isReady ? Promise.resolve() : Promise.reject(new Error('not yet'))),
      authenticate: async () => ({ authenticated: true, userId: 'alice' }),
    };
    const server = create({ authProvider });
    await expect(server.start()).rejects.toThrow('not yet');
    isReady = true;
    await server.start();
    expect(server.isServerRunning()).toBe(true);
  });
});
