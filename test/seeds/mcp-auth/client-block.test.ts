import { Client as ClientV2, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

/** The documented tool: it reports progress when it was given a token, of whatever value. */
function createServer(): McpServer {
  const server = new McpServer({ name: 'my-server', version: '1.0.0' });
  server.registerTool(
    'long_running_operation',
    { inputSchema: { steps: z.number() } },
    async ({ steps }, extra) => {
      const progressToken = extra._meta?.progressToken;
      for (let progress = 1; progress <= steps && progressToken !== undefined; progress++) {
        const params = { progressToken, progress, total: steps, message: 'Processing...' };
        await extra.sendNotification({ method: 'notifications/progress', params });
      }
      return { content: [{ type: 'text', text: 'finished' }] };
    },
  );
  return server;
}

const EXPECTED = ['Progress: 1/2', 'Message: Processing...', 'Progress: 2/2', 'Message: Processing...'];

// As it is documented the client names a progress token of its own, which no SDK takes, and no schema of the result,
// which SDK v1 needs. Corrected, the token is the SDK's, and everything else stays.
describe('[mcp-auth/readme.blocks] the documented client, corrected', () => {
  it('hears progress with SDK v1', async () => {
    const { url } = await startWrapped({ serverFactory: createServer });
    const client = new Client({ name: 'my-client', version: '1.0.0' });
    onTestFinished(() => client.close());
    const requestInit = { headers: { authorization: `Bearer ${await signToken('alice')}` } };
    await client.connect(
      new TransportV1(new URL(url), { requestInit }) as Parameters<typeof client.connect>[0],
    );
    const heard: string[] = [];
    const result = await client.request(
      { method: 'tools/call', params: { name: 'long_running_operation', arguments: { steps: 2 } } },
      CallToolResultSchema,
      {
        onprogress: (progress) => {
          heard.push(`Progress: ${progress.progress}/${progress.total}`);
          heard.push(`Message: ${progress.message}`);
        },
      },
    );
    expect(heard).toEqual(EXPECTED);
    expect(result.content).toEqual([{ type: 'text', text: 'finished' }]);
  });

  it.each(['legacy', 'auto'] as const)('hears progress with SDK v2, mode %s', async (mode) => {
    const { url } = await startWrapped({ serverFactory: createServer });
    const client = new ClientV2({ name: 'my-client', version: '1.0.0' }, { versionNegotiation: { mode } });
    onTestFinished(() => client.close());
    const requestInit = { headers: { authorization: `Bearer ${await signToken('alice')}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
    const heard: string[] = [];
    const result = await client.request(
      { method: 'tools/call', params: { name: 'long_running_operation', arguments: { steps: 2 } } },
      {
        onprogress: (progress) => {
          heard.push(`Progress: ${progress.progress}/${progress.total}`);
          heard.push(`Message: ${progress.message}`);
        },
      },
    );
    expect(heard).toEqual(EXPECTED);
    expect(result).toMatchObject({ content: [{ type: 'text', text: 'finished' }] });
  });
});
