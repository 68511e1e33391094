import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { checkResourceServer } from '../../src/testing/resource-server-check/check-resource-server.ts';

const TOKEN = 'an-opaque-token-of-a-server-with-keys-alone';

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'sdk', version: '1' });
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  return server;
});

/** The SDK's own endpoint for both eras, behind the least guard that one could write. */
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { authorization } = request.headers;
  if (authorization !== `Bearer ${TOKEN}`) {
    const error = authorization === undefined ? '' : ', error="invalid_token"';
    response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="sdk"${error}` }).end();
    return;
  }
  const { method = 'GET' } = request;
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  const body = method === 'POST' ? { body: Buffer.concat(chunks) } : {};
  const answer = await handler.fetch(new Request(url, { method, headers, ...body }));
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  for await (const chunk of answer.body ?? []) response.write(chunk);
  response.end();
}

async function startSdkServer(): Promise<string> {
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await handler.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

describe('the judge, on a server of the official SDK behind a simple guard', () => {
  it('speaks to both eras, and finds what the guard overlooks', { timeout: 60_000 }, async () => {
    const url = await startSdkServer();
    const tool = { name: 'echo', arguments: { text: 'hello' } };
    const report = await checkResourceServer({ url, token: TOKEN, tool });
    expect(report.eras).toEqual(['2025-11-25', '2026-07-28']);
    const failures = report.items.flatMap(({ id, checks }) =>
      checks.filter(({ verdict }) => verdict === 'failed').map(({ name }) => `${id} ${name}`),
    );
    expect([...new Set(failures)]).toEqual([
      '2 a CORS preflight needs none',
      '6 the scheme in any case',
      '6 two Authorization headers',
      '6 two kinds of credential',
      '13 a foreign Origin',
      '13 an Origin that resembles a good one',
      '13 an opaque or malformed Origin',
      '13 a foreign Host on a loopback address',
    ]);
    const passed = report.items.filter(({ verdict }) => verdict === 'passed').map(({ id }) => id);
    expect(passed).toEqual([1, 3, 5, 8, 10, 11, 12, 14]);
  });
});
