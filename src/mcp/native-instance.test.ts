import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { listAllTools } from './catalog.ts';
import { createNativeInstance, type NativeInstance } from './native-instance.ts';
import { loadServerSdk } from './sdk.ts';
import type { JsonRpcMessage, ServerProduct, TransportLike } from './server-product.ts';

const CLIENT = { capabilities: { elicitation: {} }, info: { name: 'client', version: '1' } };
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': CLIENT.capabilities,
};

async function create(client: typeof CLIENT | undefined) {
  const ended: string[] = [];
  const unheard: string[] = [];
  const server = new McpServer({ name: 'notes', version: '1' });
  server.server.onclose = () => ended.push('closed');
  server.registerTool('echo', { description: 'Echoes' }, () => ({
    content: [{ type: 'text', text: 'hello' }],
  }));
  server.registerTool('wait', { description: 'Waits' }, ({ mcpReq }) => {
    mcpReq.signal.addEventListener('abort', () => ended.push('stopped waiting'));
    return new Promise(() => undefined);
  });
  server.registerTool('end', { description: 'Closes the server' }, async () => {
    await server.close();
    return { content: [] };
  });
  const instance = await createNativeInstance(await loadServerSdk(), server, {
    client,
    onUnheard: (message) => unheard.push(message.method),
  });
  return { instance, ended, unheard, server };
}

const begun = () => new Promise<undefined>((resolve) => setImmediate(resolve, undefined));
const WAYS = ['lend', 'seat'] as const;

interface Served {
  readonly answer: JsonRpcMessage | undefined;
  readonly sent: readonly JsonRpcMessage[];
  readonly isClean: boolean | undefined;
}

/** One request on a transport of its own, which the client leaves when it has its answer, or at once. */
async function request(
  instance: NativeInstance,
  {
    way = 'lend' as (typeof WAYS)[number],
    method = 'tools/call',
    name = 'echo',
    isAwaited = true,
    isModern = false,
    isCancelled = false,
  },
): Promise<Served> {
  let isClean: boolean | undefined;
  const product: ServerProduct = await instance[way]((found) => {
    isClean = found;
  });
  const sent: JsonRpcMessage[] = [];
  let answered: (message: JsonRpcMessage) => void = () => undefined;
  const answer = new Promise<JsonRpcMessage>((resolve) => {
    answered = resolve;
  });
  const transport: TransportLike = {
    start: async () => undefined,
    send: async (message) => {
      sent.push(message);
      answered(message);
    },
    close: async () => transport.onclose?.(),
  };
  await product.connect(transport);
  const params = method === 'tools/call' ? { name, arguments: {} } : { level: 'debug' };
  transport.onmessage?.({
    jsonrpc: '2.0',
    id: 1,
    method,
    params: { ...params, ...(isModern && { _meta: ENVELOPE }) },
  });
  const result = isAwaited ? await answer : await begun();
  const taken = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } } as const;
  if (isCancelled) transport.onmessage?.(taken);
  await product.close();
  return { answer: result, sent, isClean };
}

describe.each(WAYS.flatMap((way) => [[way, '2026', CLIENT] as const, [way, '2025', undefined] as const]))(
  'a pooled v2 server, by way of %s, in the era of %s',
  (way, _era, client) => {
    const isModern = client !== undefined;

    it('serves one request after the other, and hears of its end once', async () => {
      const { instance, ended } = await create(client);
      for (let round = 0; round < 3; round++) {
        const { answer, isClean } = await request(instance, { way, isModern });
        expect(answer).toMatchObject({ result: { content: [{ text: 'hello' }] } });
        expect(isClean).toBe(true);
      }
      expect(ended).toEqual([]);
      await instance.close();
      expect(ended).toEqual(['closed']);
    });

    it('is asked by the gate without a connection of its own', async () => {
      const { instance } = await create(client);
      for (let round = 0; round < 2; round++) {
        const tools = await instance.ask(listAllTools);
        expect(tools.map(({ name }) => name)).toEqual(['echo', 'wait', 'end']);
        expect(await request(instance, { way, isModern })).toMatchObject({ isClean: true });
      }
    });

    it('is not for the next request while a call may still be at work, which ends with it', async () => {
      const { instance, ended } = await create(client);
      expect(await request(instance, { way, isModern, name: 'wait', isAwaited: false })).toMatchObject({
        isClean: false,
      });
      await instance.close();
      expect(ended.sort()).toEqual(['closed', 'stopped waiting']);
    });

    it('is not for the next request when it closed itself', async () => {
      const { instance } = await create(client);
      expect(await request(instance, { way, isModern, name: 'end', isAwaited: false })).toMatchObject({
        isClean: false,
      });
    });
  },
);

it('a pooled v2 server goes from its lasting connection to another and back', async () => {
  const { instance, ended } = await create(CLIENT);
  for (const way of ['seat', 'lend', 'seat', 'seat', 'lend'] as const) {
    expect(await request(instance, { way, isModern: true })).toMatchObject({ isClean: true });
  }
  expect(ended).toEqual([]);
});

it('a pooled v2 server tells of a change between two requests', async () => {
  const { instance, unheard, server } = await create(CLIENT);
  await request(instance, { way: 'seat', isModern: true });
  server.registerTool('new', { description: 'Comes later' }, () => ({ content: [] }));
  await server.server.sendLoggingMessage({ level: 'info', data: 'not for everybody' });
  expect(unheard).toEqual(['notifications/tools/list_changed']);
});

it('a pooled v2 server does not carry the log level of one connection into the next', async () => {
  const { instance } = await create(undefined);
  expect(await request(instance, { method: 'logging/setLevel' })).toMatchObject({ isClean: false });
});

describe('a seat that a pooled v2 server keeps', () => {
  it('gives what comes late to nobody, though ids are the same', async () => {
    const { instance, server } = await create(undefined);
    let speak: (() => Promise<void>) | undefined;
    let question: Promise<unknown> | undefined;
    server.registerTool('later', { description: 'Speaks when it is over' }, ({ mcpReq }) => {
      speak = async () => {
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken: 't', progress: 1 },
        });
        question = mcpReq.send({ method: 'ping' });
        await expect(question).rejects.toThrow('Not connected');
      };
      return { content: [] };
    });
    server.registerTool('meanwhile', { description: 'Lets the other speak' }, async () => {
      await speak?.();
      return { content: [{ type: 'text', text: 'hello' }] };
    });
    expect(await request(instance, { way: 'seat', name: 'later' })).toMatchObject({
      isClean: true,
    });
    const { sent, isClean } = await request(instance, { way: 'seat', name: 'meanwhile' });
    expect(sent).toMatchObject([{ id: 1, result: { content: [{ text: 'hello' }] } }]);
    expect(isClean).toBe(true);
  });

  it('is told of a call that is taken back, by the id that it knows', async () => {
    const { instance, ended } = await create(CLIENT);
    await request(instance, { way: 'seat', isModern: true });
    await request(instance, {
      way: 'seat',
      isModern: true,
      name: 'wait',
      isAwaited: false,
      isCancelled: true,
    });
    expect(ended).toEqual(['stopped waiting']);
  });

  it('gives its lease back when the server cannot be had, by either way', async () => {
    const { instance, server } = await create(CLIENT);
    await request(instance, { way: 'seat', isModern: true });
    server.server.onclose = () => {
      throw new Error('cannot clean up');
    };
    const ends: boolean[] = [];
    await expect(instance.lend((isClean) => ends.push(isClean))).rejects.toThrow('cannot clean up');
    expect(ends).toEqual([false]);
  });

  it('is not one that its server did not connect to', async () => {
    const { instance, server } = await create(undefined);
    const fault = new Error('not now');
    const transport: TransportLike = {
      start: async () => undefined,
      send: async () => undefined,
      close: async () => transport.onclose?.(),
    };
    server.server.connect = () => Promise.reject(fault);
    const ends: boolean[] = [];
    const product = instance.seat((isClean) => ends.push(isClean));
    await expect(product.connect(transport)).rejects.toBe(fault);
    await product.close();
    expect(ends).toEqual([false]);
  });
});
