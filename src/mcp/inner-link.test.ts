import * as sdk from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FixtureOptions } from '../../test/fixtures/mcp-servers/behaviour.ts';
import { createV1McpServer, createV1Server } from '../../test/fixtures/mcp-servers/v1-servers.ts';
import { createV2McpServer, createV2Server } from '../../test/fixtures/mcp-servers/v2-servers.ts';
import { ServerPoolError, TransportError } from '../core/errors.ts';
import { connectInner, type InnerLink } from './inner-link.ts';
import type { InnerLinkOptions, LinkPeer } from './link-contract.ts';
import { RpcError } from './rpc-error.ts';
import type {
  JsonObject,
  JsonRpcMessage,
  JsonRpcRequest,
  ServerProduct,
  TransportLike,
} from './server-product.ts';

let links: InnerLink[] = [];

async function connect(product: ServerProduct, options?: InnerLinkOptions): Promise<InnerLink> {
  const link = await connectInner(product, options);
  links.push(link);
  return link;
}

afterEach(async () => {
  const closing = links.map((link) => link.close());
  links = [];
  await Promise.allSettled(closing);
  vi.useRealTimers();
});

const PRODUCTS: readonly [string, (options?: FixtureOptions) => ServerProduct][] = [
  ['v1 McpServer', createV1McpServer],
  ['v1 Server', createV1Server],
  ['v2 McpServer', (options) => createV2McpServer(sdk, options)],
];

const call = (name: string, args: JsonObject = {}): [string, JsonObject] => [
  'tools/call',
  { name, arguments: args },
];
const textOf = (result: JsonObject): unknown => (result['content'] as { text: unknown }[])[0]?.text;

/** A server made by hand: what it gets is recorded, what it sends is up to the test. */
function bareServer(answer: (request: JsonRpcRequest) => JsonObject | undefined = initializeOnly) {
  const received: JsonRpcMessage[] = [];
  let transport: TransportLike | undefined;
  const product = {
    connects: 0,
    closes: 0,
    async connect(given: TransportLike) {
      product.connects += 1;
      transport = given;
      given.onmessage = (message) => {
        received.push(message);
        if (!('method' in message) || !('id' in message)) return;
        const result = answer(message);
        if (result !== undefined) void given.send({ jsonrpc: '2.0', id: message.id, result });
      };
      await given.start();
    },
    async close() {
      product.closes += 1;
      await transport?.close();
    },
  };
  const send = (message: JsonRpcMessage, options?: unknown) =>
    transport?.send(message, options) ?? Promise.resolve();
  return { product, received, send };
}

function initializeOnly(request: JsonRpcRequest): JsonObject | undefined {
  if (request.method !== 'initialize') return undefined;
  return { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'bare', version: '1' } };
}

const recordingPeer = () => {
  const heard: string[] = [];
  const peer = {
    heard,
    onNotification: vi.fn(({ method }: { method: string }) => void heard.push(method)),
    onRequest: vi.fn<LinkPeer['onRequest']>(async () => ({ by: 'peer' })),
    onClose: vi.fn(),
  };
  return peer;
};

describe.each(PRODUCTS)('a link to a %s', (_kind, create) => {
  it('exposes what the server says of itself', async () => {
    const link = await connect(create());
    expect(link.protocolVersion).toBe('2025-11-25');
    expect(link.serverInfo).toMatchObject({ name: 'fixture', version: '3.2.1', title: 'The fixture server' });
    expect(link.capabilities).toMatchObject({ tools: { listChanged: true }, logging: {} });
    expect(link.instructions).toBe('Use echo first.');
  });

  it('passes results on unchanged', async () => {
    const link = await connect(create());
    const result = await link.request(...call('echo', { text: 'hello' }));
    expect(result).toEqual({ content: [{ type: 'text', text: 'hello' }], _meta: { 'fixture/tag': 'kept' } });
  });

  it('loses no progress, keeps its order and gives it before the result', async () => {
    const link = await connect(create());
    const seen: unknown[] = [];
    const result = await link.request(...call('burst', { count: 100 }), {
      onProgress: ({ progress }) => void seen.push(progress),
    });
    seen.push(textOf(result));
    expect(seen).toEqual([...Array.from({ length: 100 }, (_, index) => index + 1), 'done']);
  });

  it('keeps the progress of calls apart [mcp-auth/defect.progress-token]', async () => {
    const link = await connect(create());
    const totals = await Promise.all(
      [3, 5, 7].map(async (count) => {
        const seen: unknown[] = [];
        // Every caller numbers its own requests, so their tokens are the same.
        const params = { name: 'burst', arguments: { count }, _meta: { progressToken: 0 } };
        await link.request('tools/call', params, { onProgress: ({ total }) => void seen.push(total) });
        return seen;
      }),
    );
    expect(totals).toEqual([3, 5, 7].map((count) => Array.from({ length: count }, () => count)));
  });

  it('asks for no progress that nobody wants to hear', async () => {
    const onNotification = vi.fn();
    const link = await connect(create(), { onNotification });
    const params = { name: 'burst', arguments: { count: 3 }, _meta: { progressToken: 7 } };
    expect(textOf(await link.request('tools/call', params))).toBe('done');
    expect(onNotification).not.toHaveBeenCalled();
  });

  it('hands over who asks, to each call its own', async () => {
    const link = await connect(create());
    const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const answers = await Promise.all(
      users.map(async (userId) => {
        const request = new Request('http://gate.test/mcp', { headers: { 'x-trace': userId } });
        const requestInfo = { headers: Object.fromEntries(request.headers) };
        const authInfo = { token: '', clientId: 'c', scopes: [], extra: { userId } };
        return textOf(await link.request(...call('whoami'), { extra: { authInfo, request, requestInfo } }));
      }),
    );
    expect(answers).toEqual(users.map((userId) => JSON.stringify({ userId, trace: userId })));
  });

  it('cancels a call in the server when its signal ends', async () => {
    const events: string[] = [];
    const link = await connect(create({ onEvent: (event) => events.push(event) }));
    const controller = new AbortController();
    const running = link.request(...call('wait'), { signal: controller.signal });
    await vi.waitFor(() => expect(events).toEqual(['waiting']));
    controller.abort(new Error('no longer needed'));
    await expect(running).rejects.toThrow('no longer needed');
    await vi.waitFor(() => expect(events).toEqual(['waiting', 'cancelled']));
  });

  it('ends a call that takes too long', async () => {
    const events: string[] = [];
    const link = await connect(create({ onEvent: (event) => events.push(event) }));
    await expect(link.request(...call('wait'), { timeoutMs: 20 })).rejects.toMatchObject({ code: -32001 });
    await vi.waitFor(() => expect(events).toEqual(['waiting', 'cancelled']));
  });

  it('answers what the server asks within a call', async () => {
    const link = await connect(create(), { capabilities: { elicitation: { form: {} } } });
    const onRequest = vi.fn<LinkPeer['onRequest']>(async () => ({
      action: 'accept',
      content: { colour: 'red' },
    }));
    const result = await link.request(...call('elicit'), { onRequest });
    expect(JSON.parse(String(textOf(result)))).toMatchObject({
      action: 'accept',
      content: { colour: 'red' },
    });
    expect(onRequest.mock.calls[0]?.[0].method).toBe('elicitation/create');
  });

  it('closes the server, rejects what is pending, and leaves no timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const product = create();
    const onClose = vi.fn();
    const link = await connect(product, { onClose });
    const running = link.request(...call('wait'), { timeoutMs: 60_000 }).catch((error: unknown) => error);
    await Promise.all([link.close(), link.close()]);
    expect(await running).toMatchObject({ code: -32000, message: 'Connection closed' });
    expect(link.closed).toBe(true);
    expect(onClose).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
    await expect(link.request(...call('echo'))).rejects.toMatchObject({ code: -32000 });
  });

  it('notices that the server closes itself', async () => {
    const product = create();
    const link = await connect(product);
    const peer = recordingPeer();
    link.attach(peer);
    await product.close();
    expect(link.closed).toBe(true);
    expect(peer.onClose).toHaveBeenCalledTimes(1);
  });

  it('does not connect a server a second time', async () => {
    const product = create();
    const link = await connect(product);
    await expect(connectInner(product)).rejects.toThrow('already in use');
    expect(textOf(await link.request(...call('echo', { text: 'still here' })))).toBe('still here');
    await link.close();
    await connect(product);
  });
});

describe('a call', () => {
  it('hears what belongs to it, and nobody else does', async () => {
    const { product, send } = bareServer();
    const link = await connect(product);
    const peer = recordingPeer();
    link.attach(peer);
    const heard: string[][] = [[], []];
    const running = heard.map((methods) =>
      link.request('tools/call', {}, { onNotification: ({ method }) => void methods.push(method) }),
    );
    await send({ jsonrpc: '2.0', method: 'notifications/message', params: {} }, { relatedRequestId: 3 });
    expect(heard).toEqual([[], ['notifications/message']]);
    expect(peer.heard).toEqual([]);
    for (const id of [2, 3]) await send({ jsonrpc: '2.0', id, result: {} });
    await Promise.all(running);
  });

  it('makes the server wait as long as its listener does', async () => {
    const { product, send } = bareServer();
    const link = await connect(product);
    let goOn: () => void = () => undefined;
    const onProgress = () => new Promise<void>((resolve) => (goOn = resolve));
    const running = link.request('tools/call', {}, { onProgress });
    let isSent = false;
    const params = { progressToken: 2, progress: 1 };
    const sending = send({ jsonrpc: '2.0', method: 'notifications/progress', params }).then(
      () => (isSent = true),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(isSent).toBe(false);
    goOn();
    await sending;
    await send({ jsonrpc: '2.0', id: 2, result: {} });
    await running;
  });

  it('shows the server the session it came in', async () => {
    const seen: unknown[] = [];
    const { product } = bareServer();
    const connectProduct = product.connect;
    product.connect = async (transport) => {
      await connectProduct(transport);
      const { onmessage } = transport;
      transport.onmessage = (message, extra) => {
        if ('id' in message) seen.push(transport.sessionId);
        onmessage?.(message, extra);
      };
    };
    const link = await connect(product, { sessionId: 'base' });
    void link.request('tools/list', {}, { sessionId: 's-1' }).catch(() => undefined);
    void link.request('tools/list').catch(() => undefined);
    expect(seen).toEqual(['base', 's-1', 'base']);
  });
});

describe('errors of a server', () => {
  it('keep code, message and data', async () => {
    const link = await connect(createV1Server());
    const error: unknown = await link.request(...call('nothing')).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: -32077, data: { asked: 'nothing' } });
    expect(String(error)).toContain('no such tool');
  });

  it('become an internal error when it answers without a result', async () => {
    const { product, send } = bareServer();
    const link = await connect(product);
    const running = link.request('tools/list');
    void send({ jsonrpc: '2.0', id: 2, result: undefined });
    await expect(running).rejects.toMatchObject({ code: -32603 });
  });
});

describe('a server that lived elsewhere and died there', () => {
  it('says why to whoever still asks', async () => {
    const { product } = bareServer(() => initializeOnly({ method: 'initialize' } as JsonRpcRequest));
    const link = await connect(product);
    Object.assign(product, { failure: new ServerPoolError('The server is out of reach') });
    await product.close();
    await expect(link.request(...call('echo'))).rejects.toMatchObject({
      message: 'The server is out of reach',
      data: { code: 'SERVER_POOL_ERROR' },
    });
  });
});

describe('connectInner', () => {
  it('speaks the handshake of 2025-11-25, with ids from one on', async () => {
    const { product, received } = bareServer();
    await connect(product, { capabilities: { roots: {} }, clientInfo: { name: 'me', version: '9' } });
    expect(received).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: { roots: {} },
          clientInfo: { name: 'me', version: '9' },
        },
      },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
    ]);
  });

  it('declares no capabilities of a client it does not know', async () => {
    const { product, received } = bareServer();
    await connect(product);
    expect(received[0]).toMatchObject({ params: { capabilities: {} } });
  });

  it('is bounded in time, and closes what does not start', async () => {
    const { product } = bareServer(() => undefined);
    await expect(connectInner(product, { initializeTimeoutMs: 20 })).rejects.toThrow('did not start in time');
    expect(product.closes).toBe(1);
  });

  it.each<[string, JsonObject]>([
    [
      'an unknown version',
      { protocolVersion: '1999-01-01', capabilities: {}, serverInfo: { name: 'x', version: '1' } },
    ],
    ['no name', { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} }],
    ['no capabilities', { protocolVersion: '2025-11-25', serverInfo: { name: 'x', version: '1' } }],
  ])('refuses a server with %s', async (_what, result) => {
    const { product } = bareServer(() => result);
    await expect(connectInner(product)).rejects.toThrow(TransportError);
    expect(product.closes).toBe(1);
  });

  it('hides why a server could not start from its users', async () => {
    const product = {
      connect: () => Promise.reject(new Error('password=hunter2')),
      close: async () => undefined,
    };
    const error: unknown = await connectInner(product).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransportError);
    expect(String(error)).not.toContain('hunter2');
  });

  it('refuses a server that somebody else has connected', async () => {
    const product = createV2Server(sdk);
    await product.connect(new sdk.InMemoryTransport());
    await expect(connectInner(product)).rejects.toThrow('already in use');
    await product.close();
  });
});

describe('messages of the server that belong to no call', () => {
  it('reach the only peer', async () => {
    const { product, send } = bareServer();
    const onNotification = vi.fn();
    const link = await connect(product, { onNotification });
    const peer = recordingPeer();
    const detach = link.attach(peer);
    await send({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 1 } });
    await send({ jsonrpc: '2.0', id: 'q', method: 'roots/list' });
    expect(peer.heard).toEqual(['notifications/message']);
    expect(peer.onRequest).toHaveBeenCalledTimes(1);
    detach();
    await send({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 2 } });
    expect(peer.heard).toHaveLength(1);
    expect(onNotification).toHaveBeenCalledTimes(2);
  });

  it('reach none of several peers, except that a list has changed', async () => {
    const { product, send, received } = bareServer();
    const link = await connect(product);
    const peers = [recordingPeer(), recordingPeer()];
    for (const peer of peers) link.attach(peer);
    await send({
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { level: 'info', data: 'private' },
    });
    await send({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'private://x' } });
    await send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    await send({ jsonrpc: '2.0', id: 5, method: 'elicitation/create', params: {} });
    for (const peer of peers) {
      expect(peer.heard).toEqual(['notifications/tools/list_changed']);
      expect(peer.onRequest).not.toHaveBeenCalled();
    }
    await vi.waitFor(() => expect(received.at(-1)).toMatchObject({ id: 5, error: { code: -32601 } }));
  });

  it('are dropped when they name a call that is over', async () => {
    const { product, send } = bareServer();
    const link = await connect(product);
    const peer = recordingPeer();
    link.attach(peer);
    await send({ jsonrpc: '2.0', method: 'notifications/message', params: {} }, { relatedRequestId: 99 });
    await send({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 99, progress: 1 },
    });
    expect(peer.heard).toEqual([]);
  });

  it('never make sending fail in the server', async () => {
    const { product, send } = bareServer();
    const onError = vi.fn();
    const link = await connect(product, { onError });
    const failure = new Error('peer is gone');
    link.attach({ ...recordingPeer(), onNotification: () => Promise.reject(failure) });
    await send({ jsonrpc: '2.0', method: 'notifications/message', params: {} });
    expect(onError).toHaveBeenCalledWith(failure);
    await link.close();
    await send({ jsonrpc: '2.0', method: 'notifications/message', params: {} });
  });
});

describe('requests of the server', () => {
  it('that name no call go to the only call there is, and to none of several', async () => {
    const { product, send, received } = bareServer();
    const link = await connect(product);
    const onRequest = vi.fn<LinkPeer['onRequest']>(async () => ({ roots: [] }));
    const calls = [link.request('tools/call', {}, { onRequest })];
    await send({ jsonrpc: '2.0', id: 'one', method: 'roots/list' });
    await vi.waitFor(() => expect(received.at(-1)).toMatchObject({ id: 'one', result: { roots: [] } }));
    calls.push(link.request('tools/call', {}, { onRequest }));
    await send({ jsonrpc: '2.0', id: 'two', method: 'roots/list' });
    await vi.waitFor(() => expect(received.at(-1)).toMatchObject({ id: 'two', error: { code: -32601 } }));
    for (const id of [2, 3]) await send({ jsonrpc: '2.0', id, result: {} });
    await Promise.all(calls);
  });

  it('get an answer under their own id; a failure shows no reason unless it is a JSON-RPC error', async () => {
    const { product, send, received } = bareServer();
    await connect(product, {
      onRequest: async ({ method }) => {
        if (method === 'roots/list') throw new Error('inner secret');
        throw new RpcError(-1, 'declined', { by: 'user' });
      },
    });
    void send({ jsonrpc: '2.0', id: 'a', method: 'ping' });
    void send({ jsonrpc: '2.0', id: 'b', method: 'roots/list' });
    void send({ jsonrpc: '2.0', id: 'c', method: 'elicitation/create' });
    await vi.waitFor(() => expect(received).toHaveLength(5));
    expect(received).toContainEqual({ jsonrpc: '2.0', id: 'a', result: {} });
    expect(received).toContainEqual({
      jsonrpc: '2.0',
      id: 'b',
      error: { code: -32603, message: 'Internal error' },
    });
    const error = { code: -1, message: 'declined', data: { by: 'user' } };
    expect(received).toContainEqual({ jsonrpc: '2.0', id: 'c', error });
  });

  it('end when the server takes them back, without an answer', async () => {
    const { product, send, received } = bareServer();
    let ended = false;
    await connect(product, {
      onRequest: (_request, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            ended = true;
            resolve({});
          });
        }),
    });
    void send({ jsonrpc: '2.0', id: 7, method: 'roots/list' });
    await Promise.resolve();
    await send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    expect(ended).toBe(true);
    await Promise.resolve();
    expect(received.filter((message) => 'id' in message && message.id === 7)).toEqual([]);
  });
});

it('tells of changes that come while nobody is attached, and of nothing else', async () => {
  const { product, send } = bareServer();
  const heard: string[] = [];
  const link = await connect(product, { onUnheardChange: ({ method }) => void heard.push(method) });
  const tell = (method: string) => send({ jsonrpc: '2.0', method });
  await tell('notifications/tools/list_changed');
  await tell('notifications/message');
  await tell('notifications/resources/updated');
  const peer = recordingPeer();
  const detach = link.attach(peer);
  await tell('notifications/prompts/list_changed');
  detach();
  await tell('notifications/resources/list_changed');
  expect(peer.heard).toEqual(['notifications/prompts/list_changed']);
  expect(heard).toEqual([
    'notifications/tools/list_changed',
    'notifications/resources/updated',
    'notifications/resources/list_changed',
  ]);
});
