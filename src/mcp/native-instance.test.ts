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
  const server = new McpServer({ name: 'notes', version: '1' });
  server.server.onclose = () => ended.push('closed');
  server.registerTool('echo', { description: 'Echoes' }, () => ({
    content: [{ type: 'text', text: 'hello' }],
  }));
  server.registerTool('wait', { description: 'Waits' }, () => new Promise(() => undefined));
  server.registerTool('end', { description: 'Closes the server' }, async () => {
    await server.close();
    return { content: [] };
  });
  const instance = await createNativeInstance(await loadServerSdk(), server, client);
  return { instance, ended };
}

/** One request on a connection of its own, which the client leaves when it has its answer, or at once. */
async function request(
  instance: NativeInstance,
  { method = 'tools/call', name = 'echo', isAwaited = true, isModern = false },
): Promise<{ readonly answer: JsonRpcMessage | undefined; readonly isClean: boolean | undefined }> {
  let isClean: boolean | undefined;
  const product: ServerProduct = instance.lend((found) => {
    isClean = found;
  });
  let answered: (message: JsonRpcMessage) => void = () => undefined;
  const answer = new Promise<JsonRpcMessage>((resolve) => {
    answered = resolve;
  });
  const transport: TransportLike = {
    start: async () => undefined,
    send: async (message) => answered(message),
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
  const result = isAwaited ? await answer : undefined;
  await product.close();
  return { answer: result, isClean };
}

describe.each([
  ['2026', CLIENT],
  ['2025', undefined],
] as const)('a pooled v2 server in the era of %s', (_era, client) => {
  const isModern = client !== undefined;

  it('serves one request after the other, and hears of its end once', async () => {
    const { instance, ended } = await create(client);
    for (let round = 0; round < 3; round++) {
      const { answer, isClean } = await request(instance, { isModern });
      expect(answer).toMatchObject({ result: { content: [{ text: 'hello' }] } });
      expect(isClean).toBe(true);
    }
    expect(ended).toEqual([]);
    await instance.close();
    expect(ended).toEqual(['closed']);
  });

  it('is asked by the gate without a connection of its own', async () => {
    const { instance } = await create(client);
    const tools = await instance.ask(listAllTools);
    expect(tools.map(({ name }) => name)).toEqual(['echo', 'wait', 'end']);
    expect(await request(instance, { isModern })).toMatchObject({ isClean: true });
  });

  it('is not for the next request while a call may still be at work', async () => {
    const { instance } = await create(client);
    expect(await request(instance, { isModern, name: 'wait', isAwaited: false })).toMatchObject({
      isClean: false,
    });
  });

  it('is not for the next request when it closed itself', async () => {
    const { instance } = await create(client);
    expect(await request(instance, { isModern, name: 'end', isAwaited: false })).toMatchObject({
      isClean: false,
    });
  });
});

it('a pooled v2 server does not carry the log level of one connection into the next', async () => {
  const { instance } = await create(undefined);
  expect(await request(instance, { method: 'logging/setLevel' })).toMatchObject({ isClean: false });
});
