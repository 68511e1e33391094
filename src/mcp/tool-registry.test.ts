import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectClient, ERAS } from '../../test/seeds/tool-level-client.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { AuthenticatedTool } from './authenticated-tool.ts';
import { compose } from './middleware/compose.ts';
import { withAuth } from './middleware/with-auth.ts';
import { withLogging } from './middleware/with-logging.ts';
import type { ToolHandler } from './tool-handler.ts';
import { createToolRegistry, type ToolRegistry } from './tool-registry.ts';

const silent = { info: () => {}, warn: () => {}, error: () => {} };

function createRegistry(): ToolRegistry {
  return createToolRegistry({
    name: 'notes',
    version: '2.0.0',
    instructions: 'Use them well',
    logger: silent,
  });
}

const echo: ToolHandler = async (args, accessToken, userId) => ({ args, accessToken, userId });

describe.each(ERAS)('a registry served in the $era era', ({ mode }) => {
  it('[mcp-auth/tool-level.register] lists and runs tools with every kind of schema', async () => {
    const registry = createRegistry();
    registry.register('zod', async (args) => ({ id: args.id.toUpperCase() }), {
      title: 'Zod',
      description: 'Takes a Zod object',
      inputSchema: z.object({ id: z.string() }),
      outputSchema: z.object({ id: z.string() }),
      annotations: { readOnlyHint: true, title: undefined },
    });
    registry.register('shape', async (args) => args.count + 1, { inputSchema: { count: z.number() } });
    registry.register('json', async (args) => args['name'], {
      inputSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    });
    registry.register('plain', echo);
    const make = registry.factory();
    const client = await connectClient({ mode, factory: () => make('token-a', 'alice') });

    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['zod', 'shape', 'json', 'plain']);
    expect(tools[0]).toMatchObject({
      title: 'Zod',
      description: 'Takes a Zod object',
      inputSchema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
      outputSchema: { type: 'object', properties: { id: { type: 'string' } } },
      annotations: { readOnlyHint: true },
    });
    expect(tools[1]?.inputSchema).toMatchObject({ properties: { count: { type: 'number' } } });
    expect(tools[2]?.inputSchema).toMatchObject({ required: ['name'] });

    const call = (name: string, args: Record<string, unknown>) => client.callTool({ name, arguments: args });
    expect(await call('zod', { id: 'a' })).toMatchObject({ structuredContent: { id: 'A' } });
    expect(await call('shape', { count: 1 })).toMatchObject({ content: [{ type: 'text', text: '2' }] });
    expect(await call('json', { name: 'x' })).toMatchObject({ content: [{ type: 'text', text: 'x' }] });
    for (const name of ['zod', 'shape', 'json'])
      expect(await call(name, {})).toMatchObject({ isError: true });
    await client.close();
  });

  it('[mcp-auth/defect.no-input-schema] lists a tool without a schema and hands its arguments over', async () => {
    const registry = createRegistry();
    registry.register('get_data', withAuth(echo));
    const make = registry.factory();
    const client = await connectClient({ mode, factory: () => make('token-a', 'alice') });

    const { tools } = await client.listTools();
    expect(tools).toMatchObject([{ name: 'get_data', inputSchema: { type: 'object' } }]);
    const result = await client.callTool({ name: 'get_data', arguments: { id: 7, deep: { any: [1] } } });
    expect(result.structuredContent).toEqual({
      args: { id: 7, deep: { any: [1] } },
      accessToken: 'token-a',
      userId: 'alice',
    });
    expect((await client.callTool({ name: 'get_data' })).structuredContent).toMatchObject({ args: {} });
    await client.close();
  });

  it('gives every user a server of their own', async () => {
    const registry = createRegistry();
    registry.register('whoami', echo);
    const make = registry.factory();
    const alice = await connectClient({ mode, factory: () => make('token-a', 'alice') });
    const bob = await connectClient({ mode, factory: () => make('token-b', 'bob') });
    const answers = await Promise.all(
      [alice, bob, alice, bob].map((client) => client.callTool({ name: 'whoami' })),
    );
    expect(answers.map(({ structuredContent }) => structuredContent)).toMatchObject([
      { accessToken: 'token-a', userId: 'alice' },
      { accessToken: 'token-b', userId: 'bob' },
      { accessToken: 'token-a', userId: 'alice' },
      { accessToken: 'token-b', userId: 'bob' },
    ]);
    await Promise.all([alice.close(), bob.close()]);
  });

  it('runs a composed tool and a class-based one', async () => {
    const registry = createRegistry();
    registry.register('composed', compose(withLogging(), withAuth(), echo));
    registry.registerToolClass({ name: 'class_tool', inputSchema: { q: z.string() }, execute: echo });
    registry.registerToolClass(
      new AuthenticatedTool({ name: 'open_tool', execute: echo }, { requiresAuth: false }),
    );
    const make = registry.factory();
    const signedIn = await connectClient({ mode, factory: () => make('token-a', 'alice') });
    const anyone = await connectClient({ mode, factory: () => make('', '') });

    const mine = { accessToken: 'token-a', userId: 'alice' };
    expect((await signedIn.callTool({ name: 'composed' })).structuredContent).toMatchObject(mine);
    const named = { name: 'class_tool', arguments: { q: 'x' } };
    expect((await signedIn.callTool(named)).structuredContent).toEqual({ args: { q: 'x' }, ...mine });
    const denied = { isError: true, _meta: { 'gatehouse/code': 'MISSING_CREDENTIALS' } };
    expect(await anyone.callTool({ name: 'composed' })).toMatchObject(denied);
    expect(await anyone.callTool(named)).toMatchObject(denied);
    const open = { args: {}, accessToken: '', userId: '' };
    expect((await anyone.callTool({ name: 'open_tool' })).structuredContent).toEqual(open);
    expect((await signedIn.callTool({ name: 'open_tool' })).structuredContent).toEqual(open);
    await Promise.all([signedIn.close(), anyone.close()]);
  });

  it('answers an empty list when nothing is registered', async () => {
    const make = createRegistry().factory();
    const client = await connectClient({ mode, factory: () => make('', '') });
    expect((await client.listTools()).tools).toEqual([]);
    expect(client.getInstructions()).toBe('Use them well');
    await client.close();
  });
});

describe('registration', () => {
  it('[mcp-auth/tool-level.register] refuses a name twice', () => {
    const registry = createRegistry();
    registry.register('get_data', echo);
    expect(() => registry.register('get_data', echo)).toThrow(ConfigurationError);
    expect(() => registry.registerToolClass({ name: 'get_data', execute: echo })).toThrow(ConfigurationError);
    expect(registry.names).toEqual(['get_data']);
  });

  it('refuses names that MCP or the SDK has no room for', () => {
    const registry = createRegistry();
    const wrong = ['', 'a b', 'a/b', 'ü', 'a'.repeat(129), '__proto__', 'constructor', 'toString', 'a\n'];
    for (const name of wrong) expect(() => registry.register(name, echo)).toThrow(ConfigurationError);
    for (const name of ['a', 'Get.Data_2-x', 'a'.repeat(128)]) registry.register(name, echo);
    expect(registry.names).toHaveLength(3);
  });

  it('refuses handlers that are none', () => {
    const register = createRegistry().register as (name: string, handler: unknown) => void;
    expect(() => register('x', undefined)).toThrow(ConfigurationError);
    expect(() => register('x', withAuth())).toThrow(ConfigurationError);
    expect(() => register('x', { execute: echo })).toThrow(ConfigurationError);
  });

  it('refuses schemas that cannot be served, all at once', () => {
    const registry = createRegistry();
    const wrong: readonly object[] = [
      z.string(),
      z.object({ when: z.date() }),
      { type: 'array' },
      { id: z.string(), name: 'string' },
      { id: { _def: { typeName: 'ZodString' } } },
      { '~standard': { version: 1, vendor: 'other', validate: (value: unknown) => ({ value }) } },
    ];
    for (const inputSchema of wrong) {
      expect(() => registry.register('x', echo, { inputSchema })).toThrow(ConfigurationError);
    }
    const both = {
      inputSchema: z.string(),
      outputSchema: z.object({ when: z.date() }),
      access: 'public' as const,
    };
    expect(() => registry.register('x', echo, { ...both, scopes: ['a'] })).toThrow(
      /inputSchema.*\n.*outputSchema.*\n.*public tool/,
    );
    expect(registry.names).toEqual([]);
  });

  it('finds JSON Schemas that do not compile before the first request', async () => {
    const registry = createRegistry();
    registry.register('good', echo, { inputSchema: { type: 'object' } });
    await registry.prepare();
    registry.register('bad', echo, {
      inputSchema: { type: 'object', properties: { a: { type: 'nonsense' } } },
    });
    registry.register('worse', echo, { outputSchema: { $ref: '#/nowhere' } });
    const error = await registry.prepare().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).problems).toHaveLength(2);
  });

  it('converts each schema once, however many servers are made', async () => {
    let conversions = 0;
    const schema = z.object({ id: z.string() });
    const counting = {
      '~standard': {
        version: 1 as const,
        vendor: 'counting',
        validate: (value: unknown) => schema['~standard'].validate(value),
        jsonSchema: {
          input: () => {
            conversions += 1;
            return { type: 'object', properties: { id: { type: 'string' } } };
          },
          output: () => ({ type: 'object' }),
        },
      },
    };
    const registry = createRegistry();
    registry.register('counted', echo, { inputSchema: counting });
    const make = registry.factory();
    for (let round = 0; round < 3; round += 1) {
      const client = new Client({ name: 'test', version: '1.0.0' });
      const [near, far] = InMemoryTransport.createLinkedPair();
      const server = await make('token', 'alice');
      await Promise.all([server.connect(far), client.connect(near)]);
      await client.listTools();
      await client.callTool({ name: 'counted', arguments: { id: 'a' } });
      await client.close();
    }
    expect(conversions).toBe(1);
  });

  it('does not follow later changes of a JSON Schema', async () => {
    const inputSchema = { type: 'object', required: ['id'] };
    const registry = createRegistry();
    registry.register('fixed', echo, { inputSchema });
    inputSchema.required = [];
    const make = registry.factory();
    const client = await connectClient({ mode: 'legacy', factory: () => make('token', 'alice') });
    expect((await client.listTools()).tools[0]?.inputSchema).toMatchObject({ required: ['id'] });
    expect(await client.callTool({ name: 'fixed', arguments: {} })).toMatchObject({ isError: true });
    await client.close();
  });

  it('makes no server for what is no principal', async () => {
    const principal = 'alice' as unknown as Principal;
    const make = createRegistry().factory();
    await expect(make('token', 'alice', { principal })).rejects.toThrow(ConfigurationError);
  });

  it('refuses a registry without name or version', () => {
    expect(() => createToolRegistry({ name: '', version: '' })).toThrow(/name.*\n.*version/);
    const rulesEnforcedBy = 'nobody' as 'gate';
    expect(() => createToolRegistry({ name: 'n', version: '1', rulesEnforcedBy })).toThrow(
      ConfigurationError,
    );
  });
});

describe('rules', () => {
  it('tells what options and withAuth demand together', () => {
    const registry = createRegistry();
    registry.register('plain', echo);
    registry.register('scoped', withAuth(echo, { scopes: ['a', 'b'] }), { scopes: ['b', 'c'], roles: ['r'] });
    registry.register('composed', compose(withLogging(), withAuth({ roles: ['admin'] }), echo));
    registry.register('open', echo, { access: 'public' });
    registry.registerToolClass(new AuthenticatedTool({ name: 'class', execute: echo }, { scopes: ['x'] }));
    expect(registry.rules()).toEqual({
      plain: { access: 'required' },
      scoped: { access: 'required', scopes: ['b', 'c', 'a'], roles: ['r'] },
      composed: { access: 'required', roles: ['admin'] },
      open: { access: 'public' },
      class: { access: 'required', scopes: ['x'] },
    });
  });

  it('refuses a public tool that demands something', () => {
    const registry = createRegistry();
    const access = 'public' as const;
    expect(() => registry.register('a', withAuth(echo), { access })).toThrow(ConfigurationError);
    expect(() => registry.register('b', echo, { access, scopes: ['x'] })).toThrow(ConfigurationError);
    expect(() => registry.register('c', echo, { access, roles: ['x'] })).toThrow(ConfigurationError);
    expect(() => registry.register('d', echo, { access: 'open' as 'public' })).toThrow(ConfigurationError);
  });
});
