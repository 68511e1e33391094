import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

// Starts the server as an MCP client would, asks who it is, and fails at the first difference.
const server = fileURLToPath(new URL('./server.ts', import.meta.url));

async function ask(env: Record<string, string>): Promise<string> {
  const client = new Client({ name: 'simple-stdio', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: ['--import', 'tsx', server],
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stderr: 'ignore',
    }),
  );
  try {
    const { content } = await client.callTool({ name: 'whoami' });
    const [first] = content;
    return first?.type === 'text' ? first.text : '';
  } finally {
    await client.close();
  }
}

assert.equal(await ask({ MCP_USER_ID: 'alice', API_TOKEN: 'upstream-alice' }), 'alice with a token');
assert.match(await ask({ MCP_USER_ID: 'alice' }), /No notes account is linked/);
await assert.rejects(ask({ API_TOKEN: 'upstream-alice' }), 'nobody may be served without MCP_USER_ID');
console.log('simple-stdio: alice is served with her token; nobody is served without a user id');
