import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMcpHandler, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { startGate } from '../../test/support/gate-harness.ts';
import {
  type Call,
  ERAS,
  headersOf,
  messageOf,
  messagesIn,
  type RawResponse,
  rpc,
} from '../../test/support/wire.ts';
import { createNodeHandler } from '../http/listener.ts';

const TEXT = z.object({ text: z.string() });

function build(): McpServer {
  const server = new McpServer(
    { name: 'table', version: '1.0.0' },
    {
      capabilities: { logging: {} },
      cacheHints: { 'tools/list': { ttlMs: 5_000 }, 'resources/read': { ttlMs: 7_000 } },
    },
  );
  server.registerTool('echo', { inputSchema: TEXT }, ({ text }) => ({ content: [{ type: 'text', text }] }));
  server.registerTool('fails', {}, () => {
    throw new Error('it went wrong');
  });
  server.registerTool('counts', { outputSchema: z.object({ n: z.number() }) }, () => ({
    content: [],
    structuredContent: { n: 1 },
  }));
  server.registerTool('reports', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken ?? 'none';
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 2 } });
    return { content: [{ type: 'text', text: 'reported' }] };
  });
  server.registerTool('logs', {}, async ({ mcpReq }) => {
    await mcpReq.log('debug', 'low');
    await mcpReq.log('error', 'high');
    return { content: [{ type: 'text', text: 'logged' }] };
  });
  server.registerTool('waits', {}, async () => {
    await new Promise((resolve) => setTimeout(resolve, 60));
    return { content: [{ type: 'text', text: 'waited' }] };
  });
  server.registerTool('shows', {}, ({ mcpReq, http }) => {
    const { url, method, headers } = http?.req ?? new Request('http://none.example.com');
    const seen = [mcpReq.method, mcpReq._meta, method, new URL(url).pathname, headers.get('mcp-method')];
    return { content: [{ type: 'text', text: JSON.stringify(seen) }] };
  });
  server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }));
  server.registerResource('fixed', 'table://fixed', {}, (uri) => ({
    contents: [{ uri: uri.href, text: 'fixed' }],
  }));
  const template = new ResourceTemplate('table://rows/{id}', { list: undefined });
  server.registerResource('row', template, {}, (uri, { id }) => ({
    contents: [{ uri: uri.href, text: `row ${String(id)}` }],
  }));
  return server;
}

/** The handler of the SDK with nothing around it. */
async function startBare(): Promise<string> {
  const handler = createMcpHandler(build);
  const serve = createNodeHandler(async (inbound) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of inbound.body() ?? []) chunks.push(chunk);
    const headers = new Headers(
      Object.entries(inbound.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
    );
    const { method, path } = inbound;
    const url = new URL(path, 'http://127.0.0.1');
    return handler.fetch(new Request(url, { method, headers, body: Buffer.concat(chunks) }));
  });
  const server = createServer((request, response) => void serve(request, response));
  onTestFinished(async () => {
    server.close();
    await handler.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

async function startGuarded(mode: 'fresh' | 'pooled') {
  const gate = await startGate({ servers: { table: { factory: build, instances: { mode } } } });
  return { url: gate.url, token: await gate.token(), gate };
}

type Question = Pick<Call, 'method' | 'params' | 'headers'>;

const call = (name: string, more: Record<string, unknown> = {}): Question => ({
  method: 'tools/call',
  params: { name, ...more },
});
const withMeta = (name: string, _meta: Record<string, unknown>): Question => call(name, { _meta });

const QUESTIONS: readonly Question[] = [
  call('echo', { arguments: { text: 'hello' } }),
  call('echo', { arguments: { text: 1 } }),
  call('echo', { arguments: 'none' }),
  call('echo'),
  call('fails'),
  call('counts'),
  call('waits'),
  call('shows'),
  withMeta('shows', { 'com.example/mine': 1 }),
  withMeta('reports', { progressToken: 'p1' }),
  withMeta('reports', { progressToken: 0 }),
  call('logs'),
  withMeta('logs', { 'io.modelcontextprotocol/logLevel': 'warning' }),
  { method: 'tools/list' },
  { method: 'prompts/list' },
  { method: 'prompts/get', params: { name: 'greet', arguments: { name: 'you' } } },
  { method: 'prompts/get', params: { name: 'greet' } },
  { method: 'resources/list' },
  { method: 'resources/templates/list' },
  { method: 'resources/read', params: { uri: 'table://fixed' } },
  { method: 'resources/read', params: { uri: 'table://rows/7' } },
  { method: 'server/discover' },
  { method: 'ping' },
  { ...call('echo', { arguments: { text: 'a' } }), headers: [['mcp-protocol-version', '2019-01-01']] },
  { ...call('echo', { arguments: { text: 'a' } }), headers: [['mcp-name', 'other']] },
];

function shownBy(answer: RawResponse) {
  return {
    status: answer.status,
    type: answer.headers['content-type'],
    messages: messagesIn(answer),
  };
}

describe.each(ERAS)('a request of %s', (era) => {
  it.each(['fresh', 'pooled'] as const)('is answered by a %s instance as by the SDK alone', async (mode) => {
    const bare = await startBare();
    const { url, token } = await startGuarded(mode);
    for (const question of QUESTIONS) {
      const expected = shownBy(await rpc(bare, { era, ...question }));
      const actual = shownBy(await rpc(url, { era, token, ...question }));
      expect(actual, JSON.stringify(question)).toEqual(expected);
    }
  });

  it('has the client as the end of it: one that goes away cancels its call', async () => {
    let signal: AbortSignal | undefined;
    const factory = () => {
      const server = new McpServer({ name: 'slow', version: '1.0.0' });
      server.registerTool('wait', {}, async ({ mcpReq }) => {
        signal = mcpReq.signal;
        await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve, { once: true }));
        return { content: [] };
      });
      return server;
    };
    const gate = await startGate({ servers: { slow: { factory, instances: { mode: 'pooled' } } } });
    const gone = new AbortController();
    const init: Call = { era, token: await gate.token(), method: 'tools/call', params: { name: 'wait' } };
    const answer = fetch(gate.url, {
      method: 'POST',
      headers: headersOf(init),
      body: JSON.stringify(messageOf(init)),
      signal: gone.signal,
    }).then(
      (response) => response.text(),
      () => 'gone',
    );
    await expect.poll(() => signal).toBeDefined();
    gone.abort();
    await answer.catch(() => undefined);
    await expect.poll(() => signal?.aborted).toBe(true);
    await expect
      .poll(() => gate.events.filter(({ target }) => target === 'wait'))
      .toMatchObject([{ outcome: 'failure', code: 'aborted' }]);
    // What was cut off may still be at work: nobody gets such an instance.
    await expect.poll(() => gate.gate.poolStats()['slow']).toMatchObject({ leased: 0, idle: 0 });
  });
});
