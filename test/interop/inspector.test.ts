import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { McpServer } from '@modelcontextprotocol/server';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createGate, type Gate } from '../../src/gate.ts';

const run = promisify(execFile);
const packages = fileURLToPath(new URL('node_modules', import.meta.url));
const inspector = join(packages, '@modelcontextprotocol/inspector/clients/launcher/build/index.js');
const secret = 'interop-secret-interop-secret-interop-secret';

/** The Inspector needs a newer Node than the gate does. */
function findNode(): string {
  const binary = join(packages, `node-24-${process.arch}/bin/node`);
  if (!existsSync(binary)) throw new Error(`${binary} is missing: run npm ci --prefix test/interop`);
  return binary;
}

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

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('the MCP Inspector as a client', { timeout: 60_000 }, () => {
  let gate: Gate;
  let url: string;
  let home: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'inspector-'));
    gate = await createGate({
      publicUrl: 'http://127.0.0.1',
      listen: { port: 0 },
      servers: { notes: { factory: createServer } },
      auth: [{ type: 'jwt', secret }],
      authorization: { tools: { 'notes/erase': { roles: ['editor'] } } },
    });
    ({ url } = await gate.listen());
  });

  afterAll(async () => {
    await gate.close();
    await rm(home, { recursive: true, force: true });
  });

  async function inspect(token: string | undefined, ...args: readonly string[]): Promise<Outcome> {
    const header = token === undefined ? [] : ['--header', `Authorization: Bearer ${token}`];
    const target = ['--cli', '--server-url', url, '--transport', 'http', '--format', 'json', ...header];
    const env = {
      PATH: process.env['PATH'],
      HOME: home,
      MCP_AUTO_OPEN_ENABLED: 'true',
      MCP_INSPECTOR_SECRET_STORE: 'memory',
    };
    return run(findNode(), [inspector, ...target, ...args], { env, timeout: 45_000 }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: Outcome) => error,
    );
  }

  test('lists the tools that its token may call', async () => {
    const { code, stdout, stderr } = await inspect(await signToken('notes'), '--method', 'tools/list');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ result: { tools: [{ name: 'greet' }] } });
  });

  test('calls a tool as the user of its token', async () => {
    const call = ['--method', 'tools/call', '--tool-name', 'greet', '--tool-arg', 'name=Bob'];
    const { code, stdout, stderr } = await inspect(await signToken('notes'), ...call);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      result: { content: [{ type: 'text', text: 'Hello Bob, says ada' }] },
    });
  });

  test('gets nothing without a token', async () => {
    const { code, stdout, stderr } = await inspect(undefined, '--method', 'tools/list');
    // It goes looking for an authorization server, and this gate has none to offer.
    expect({ code, stdout: stdout.trim() }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('"error"');
  });
});
