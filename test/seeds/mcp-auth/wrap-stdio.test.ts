import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, it, onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('./support/stdio-server.ts', import.meta.url));
const args = (kind: string) => ['--import', 'jiti/register', program, kind];
const env = { ...process.env, MCP_USER_ID: 'local-alice', API_TOKEN: 'upstream-0123456789' } as Record<
  string,
  string
>;
const INFO = { name: 'test-client', version: '1.0.0' };

interface Conversation {
  readonly tools: readonly string[];
  readonly text: string;
  readonly progress: readonly number[];
  readonly stderr: string;
}

async function converse(client: 'v1' | 'legacy' | 'auto', kind: string): Promise<Conversation> {
  const parameters = { command: process.execPath, args: args(kind), env, stderr: 'pipe' } as const;
  const progress: number[] = [];
  const onprogress = (update: { readonly progress: number }) => progress.push(update.progress);
  let stderr = '';
  const transport = client === 'v1' ? new TransportV1(parameters) : new StdioClientTransport(parameters);
  transport.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const connected =
    client === 'v1' ? new ClientV1(INFO) : new Client(INFO, { versionNegotiation: { mode: client } });
  onTestFinished(() => connected.close());
  await connected.connect(transport as never);
  const { tools } = await connected.listTools();
  const whoami = await connected.callTool({ name: 'whoami' });
  if (connected instanceof ClientV1) await connected.callTool({ name: 'work' }, undefined, { onprogress });
  else await connected.callTool({ name: 'work' }, { onprogress });
  const [content] = whoami['content'] as readonly { readonly text: string }[];
  return { tools: tools.map(({ name }) => name), text: content?.text ?? '', progress, stderr };
}

describe('[mcp-auth/wrap.transport-type] a wrapped server over stdio', { timeout: 60_000 }, () => {
  it.each([
    ['v1', 'v1 McpServer'],
    ['legacy', 'v1 Server'],
    ['legacy', 'v2 McpServer'],
    ['auto', 'v2 Server'],
    ['auto', 'v1 McpServer'],
  ] as const)(
    'serves a client in mode %s with a %s, as the user of the environment',
    async (client, kind) => {
      const { tools, text, progress, stderr } = await converse(client, kind);
      expect(tools).toEqual(['whoami', 'work', 'hold']);
      expect(JSON.parse(text)).toEqual({ userId: 'local-alice', token: 'upstream-0123456789' });
      expect(progress).toEqual([1, 2, 3]);
      // Logging is on, and goes to stderr, without the token.
      expect(stderr).toContain('"subject":"local-alice"');
      expect(stderr).not.toContain('upstream-0123456789');
    },
  );

  it('[mcp-auth/defect.stop-leaks] ends by itself when its client has gone', async () => {
    const child = spawn(process.execPath, args('v2 McpServer'), { env, stdio: ['pipe', 'pipe', 'ignore'] });
    onTestFinished(() => void child.kill());
    const initialize = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: INFO };
    child.stdin.write(
      `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize })}\n`,
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const answered = new Promise((resolve) => child.stdout.once('data', resolve));
    expect(String(await Promise.race([answered, ended]))).toContain('"serverInfo"');
    child.stdin.end();
    expect(await ended).toBe(0);
  });

  it('[mcp-auth/error.AUTHENTICATION_FAILED] does not start where the provider finds nobody', async () => {
    const { AuthenticationError, wrapServer } = await import('../../../src/index.ts');
    const server = wrapServer({
      serverFactory: () => Promise.reject(new Error('never built')),
      authProvider: {
        authenticate: async () => ({
          authenticated: false,
          reason: 'invalid',
          error: 'The account is locked',
        }),
      },
      resourceType: 'notes',
      transport: { type: 'stdio' },
    });
    const refused = server.start();
    await expect(refused).rejects.toBeInstanceOf(AuthenticationError);
    await expect(refused).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      status: 401,
      message: 'The account is locked',
    });
    expect(server.isServerRunning()).toBe(false);
  });

  it('names what is missing when the environment names no user', async () => {
    const child = spawn(process.execPath, args('v2 McpServer'), {
      env: { ...env, MCP_USER_ID: '' },
      stdio: 'pipe',
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(1);
    expect(stderr).toContain('the environment variable MCP_USER_ID must name the user');
  });
});
