import { McpServer } from '@modelcontextprotocol/server';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createGate, type Gate } from '../../src/gate.ts';
import { runInspector } from './run-inspector.ts';

const secret = 'interop-secret-interop-secret-interop-secret';

function createServer(_accessToken: string, userId: string): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool('greet', { inputSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    content: [{ type: 'text', text: `Hello ${name}, says ${userId}` }],
  }));
  server.registerTool('erase', { inputSchema: z.object({}) }, () => ({
    content: [{ type: 'text', text: 'erased' }],
  }));
  return server;
}

function signToken(scope: string): Promise<string> {
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(secret));
}

describe('the MCP Inspector as a client', { timeout: 60_000 }, () => {
  let gate: Gate;
  let url: string;

  beforeAll(async () => {
    gate = await createGate({
      publicUrl: 'http://127.0.0.1',
      listen: { port: 0 },
      servers: { notes: { factory: createServer } },
      auth: [{ type: 'jwt', secret }],
      authorization: { tools: { 'notes/erase': { roles: ['editor'] } } },
    });
    ({ url } = await gate.listen());
  });

  afterAll(() => gate.close());

  test('lists the tools that its token may call', async () => {
    const { code, stdout, stderr } = await runInspector(
      url,
      await signToken('notes'),
      '--method',
      'tools/list',
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ result: { tools: [{ name: 'greet' }] } });
  });

  test('calls a tool as the user of its token', async () => {
    const call = ['--method', 'tools/call', '--tool-name', 'greet', '--tool-arg', 'name=Bob'];
    const { code, stdout, stderr } = await runInspector(url, await signToken('notes'), ...call);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      result: { content: [{ type: 'text', text: 'Hello Bob, says ada' }] },
    });
  });

  test('gets nothing without a token', async () => {
    const { code, stdout, stderr } = await runInspector(url, undefined, '--method', 'tools/list');
    // It goes looking for an authorization server, and this gate has none to offer.
    expect({ code, stdout: stdout.trim() }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('"error"');
  });
});
