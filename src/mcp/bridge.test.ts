import * as sdk from '@modelcontextprotocol/server';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type FixtureOptions, TOOL_NAMES } from '../../test/fixtures/mcp-servers/behaviour.ts';
import {
  type BridgedServer,
  serveSessions,
  serveStateless,
} from '../../test/fixtures/mcp-servers/bridged.ts';
import {
  type ClientKind,
  type ConnectOptions,
  callRaw,
  connectClient,
  type TestClient,
} from '../../test/fixtures/mcp-servers/clients.ts';
import { createV1McpServer, createV1Server } from '../../test/fixtures/mcp-servers/v1-servers.ts';
import {
  createV2McpServer,
  type ForeignSdk,
  loadForeignSdk,
} from '../../test/fixtures/mcp-servers/v2-servers.ts';
import { isNativeV2 } from './sdk.ts';
import type { ServerProduct } from './server-product.ts';

let foreign: ForeignSdk;
let cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  foreign = await loadForeignSdk();
});

afterAll(() => foreign.remove());

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

type Create = (options?: FixtureOptions) => ServerProduct;

const PRODUCTS: readonly [string, Create][] = [
  ['v1 McpServer', createV1McpServer],
  ['v1 Server', createV1Server],
  ['McpServer of another v2 copy', (options) => createV2McpServer(foreign.sdk, options)],
];

const WAYS: readonly [string, ClientKind, 'stateless' | 'session'][] = [
  ['2026-07-28', 'modern', 'stateless'],
  ['2025-11-25, stateless', 'legacy', 'stateless'],
  ['2025-11-25, session', 'legacy', 'session'],
  ['2025-11-25, stateless, v1 client', 'v1', 'stateless'],
  ['2025-11-25, session, v1 client', 'v1', 'session'],
];

const CELLS = PRODUCTS.flatMap(([product, create]) =>
  WAYS.map(([way, kind, serving]) => ({ title: `${product} over ${way}`, product, create, kind, serving })),
);

async function serve(create: () => ServerProduct, serving: 'stateless' | 'session'): Promise<BridgedServer> {
  const server = await (serving === 'session' ? serveSessions(create) : serveStateless(create));
  cleanups.push(() => server.close());
  return server;
}

async function connect(kind: ClientKind, options: ConnectOptions): Promise<TestClient> {
  const connected = await connectClient(kind, options);
  cleanups.push(() => connected.client.close());
  return connected;
}

const textOf = (result: Record<string, unknown>): unknown =>
  (result['content'] as { text: unknown }[])[0]?.text;

it('takes the other copy of v2 for a server that it cannot serve itself', () => {
  expect(isNativeV2(sdk, createV2McpServer(foreign.sdk))).toBe(false);
  expect(isNativeV2(sdk, createV2McpServer(sdk))).toBe(true);
});

describe.each(CELLS)('$title', ({ product, create, kind, serving }) => {
  async function setUp(options: FixtureOptions = {}, more: Partial<ConnectOptions> = {}) {
    const server = await serve(() => create(options), serving);
    const connected = await connect(kind, { url: server.url, user: 'alice', ...more });
    return { ...connected, server };
  }

  it('shows name, instructions and tools of the server behind', async () => {
    const { client } = await setUp();
    expect(client.getServerVersion()).toMatchObject({
      name: 'fixture',
      title: 'The fixture server',
      version: '3.2.1',
    });
    expect(client.getInstructions()).toBe('Use echo first.');
    expect(client.getServerCapabilities()).toMatchObject({
      tools: {},
      prompts: {},
      completions: {},
      logging: {},
    });
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(TOOL_NAMES.slice(0, 2)));
    const add = tools.find(({ name }) => name === 'add');
    if (product !== 'v1 Server') {
      expect(add).toMatchObject({
        description: 'Runs add',
        outputSchema: { properties: { sum: { type: 'number' } } },
      });
    }
  });

  it('passes results on, with metadata, structured content and tool errors', async () => {
    const { callTool } = await setUp();
    const echo = await callTool({ name: 'echo', arguments: { text: 'hello' } });
    expect(echo).toMatchObject({
      content: [{ type: 'text', text: 'hello' }],
      _meta: { 'fixture/tag': 'kept' },
    });
    expect(await callTool({ name: 'add', arguments: { a: 2, b: 3 } })).toMatchObject({
      structuredContent: { sum: 5 },
    });
    if (product === 'v1 Server') {
      await expect(callTool({ name: 'broken' })).rejects.toMatchObject({ code: -32603 });
    } else {
      expect(await callTool({ name: 'broken' })).toMatchObject({ isError: true });
    }
  });

  it('passes JSON-RPC errors on', async () => {
    const { client, callTool } = await setUp();
    if (product === 'v1 Server') {
      await expect(callTool({ name: 'nothing' })).rejects.toMatchObject({
        code: -32077,
        data: { asked: 'nothing' },
      });
    } else {
      await expect(client.getPrompt({ name: 'nothing' })).rejects.toMatchObject({ code: -32602 });
    }
  });

  it('serves resources, prompts and completions', async () => {
    const { client } = await setUp();
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['fixture://static']);
    expect(await client.readResource({ uri: 'fixture://static' })).toMatchObject({
      contents: [{ text: 'still' }],
    });
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['paint']);
    const prompt = await client.getPrompt({ name: 'paint', arguments: { colour: 'red' } });
    expect(prompt.messages[0]?.content).toEqual({ type: 'text', text: 'Paint it red' });
    const completed = await client.complete({
      ref: { type: 'ref/prompt', name: 'paint' },
      argument: { name: 'colour', value: 'gr' },
    });
    expect(completed.completion.values).toEqual(['green', 'grey']);
  });

  it('loses no progress that is sent in the tick of the result', async () => {
    const { callTool } = await setUp();
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
    const result = await callTool({ name: 'burst', arguments: { count: 100 } }, { onprogress });
    expect(textOf(result)).toBe('done');
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('shows the server who asks, and never anyone else', async () => {
    const { server } = await setUp();
    const users = ['alice', 'bob', 'carol'];
    const answers = await Promise.all(
      users.map(async (user) => {
        const { callTool } = await connect(kind, { url: server.url, user });
        return Promise.all(
          Array.from({ length: 10 }, async () => textOf(await callTool({ name: 'whoami' }))),
        );
      }),
    );
    const expected = users.map((userId) => JSON.stringify({ userId, trace: `trace-${userId}` }));
    expect(answers).toEqual(expected.map((answer) => Array.from({ length: 10 }, () => answer)));
  });

  it('passes log messages on as the client wants them', async () => {
    const { callTool, notifications } = await setUp();
    const log = { name: 'log', arguments: { level: 'info' } };
    await callTool(log);
    const level = (threshold: string) => ({ _meta: { 'io.modelcontextprotocol/logLevel': threshold } });
    await callTool({ ...log, ...level('error') });
    await callTool({ ...log, ...level('debug') });
    // In the 2026 era each request says what it wants; before, all is sent until a level is set.
    const wanted = kind === 'modern' ? 1 : 3;
    await vi.waitFor(() =>
      expect(notifications).toEqual(Array.from({ length: wanted }, () => 'from the tool')),
    );
  });

  it('puts no question to a client that cannot answer', async () => {
    const { callTool } = await setUp();
    const answer = await callTool({ name: 'elicit' }).catch((error: unknown) => ({
      content: [{ text: String(error) }],
    }));
    expect(String(textOf(answer))).toMatch(/does not support/);
  });
});

const SESSIONS = CELLS.filter(({ serving }) => serving === 'session');

describe.each(SESSIONS)('the session of a $title', ({ create, kind }) => {
  it('carries questions to the client and answers back', async () => {
    const server = await serve(create, 'session');
    const onElicit = vi.fn(() => ({ action: 'accept' as const, content: { colour: 'red' } }));
    const { callTool } = await connect(kind, { url: server.url, user: 'alice', onElicit });
    const answer = JSON.parse(String(textOf(await callTool({ name: 'elicit' })))) as unknown;
    expect(answer).toMatchObject({ action: 'accept', content: { colour: 'red' } });
    expect(onElicit).toHaveBeenCalledWith(expect.objectContaining({ message: 'Which colour?' }));
  });

  it('carries change notifications', async () => {
    const server = await serve(create, 'session');
    const { callTool, notifications } = await connect(kind, { url: server.url, user: 'alice' });
    // The stream for messages without a request opens in the background.
    await vi.waitFor(async () => {
      await callTool({ name: 'change' });
      expect(notifications).toContain('list_changed');
    });
  });

  it('lets the client set the log level', async () => {
    const server = await serve(create, 'session');
    const { client, callTool, notifications } = await connect(kind, { url: server.url, user: 'alice' });
    await client.setLoggingLevel('error');
    await callTool({ name: 'log', arguments: { level: 'info' } });
    expect(notifications).toEqual([]);
    await callTool({ name: 'log', arguments: { level: 'error' } });
    await vi.waitFor(() => expect(notifications).toEqual(['from the tool']));
  });
});

describe.each(CELLS.filter(({ kind, serving }) => kind === 'modern' || serving === 'session'))(
  'a cancelled call of a $title',
  ({ create, kind, serving }) => {
    it('is cancelled in the server behind', async () => {
      const events: string[] = [];
      const server = await serve(() => create({ onEvent: (event) => events.push(event) }), serving);
      const { callTool } = await connect(kind, { url: server.url, user: 'alice' });
      const controller = new AbortController();
      const running = callTool({ name: 'wait' }, { signal: controller.signal }).catch(
        (error: unknown) => error,
      );
      await vi.waitFor(() => expect(events).toEqual(['waiting']));
      controller.abort('enough');
      expect(await running).toBeInstanceOf(Error);
      await vi.waitFor(() => expect(events).toEqual(['waiting', 'cancelled']));
    });
  },
);

describe.each(['modern', 'legacy'] as const)('progress tokens in the %s era', (era) => {
  it.each([0, 7, '', 'a'])(
    'come back as they were sent, %j too, however many use the same [mcp-auth/defect.progress-token]',
    async (progressToken) => {
      const server = await serve(createV1McpServer, 'stateless');
      const counts = [1, 10, 100];
      const streams = await Promise.all(
        counts.map((count) =>
          callRaw(server.url, {
            era,
            user: `user-${count}`,
            params: { name: 'burst', arguments: { count }, _meta: { progressToken } },
          }),
        ),
      );
      for (const [index, messages] of streams.entries()) {
        const total = counts[index] ?? 0;
        const params = messages.slice(0, -1).map((message) => message['params']);
        expect(params).toEqual(
          Array.from({ length: total }, (_, sent) => ({ progress: sent + 1, total, progressToken })),
        );
        expect(messages.at(-1)).toMatchObject({ id: 1, result: { content: [{ text: 'done' }] } });
      }
    },
  );
});
