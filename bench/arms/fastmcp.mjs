import { once } from 'node:events';
import { createServer } from 'node:net';
import { FastMCP } from 'fastmcp';
import { z } from 'zod';
import { DESCRIPTION, echo, input, inputSchemas, ready } from './support.mjs';
import { createVerifier } from './verify.mjs';

const told = await input();
const verify = createVerifier(told, (message) => new Response(message, { status: 401 }));

async function authenticate(request) {
  const header = request?.headers.authorization ?? '';
  if (!header.startsWith('Bearer ')) throw new Response('No token', { status: 401 });
  const session = await verify(header.slice(7));
  if (!session.scopes.includes(told.scope)) throw new Response('The scope is missing', { status: 403 });
  return session;
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

// A thousand sessions without a stream of their own would be asked every few seconds whether they still live.
const server = new FastMCP({ name: 'bench', version: '1.0.0', authenticate, ping: { enabled: false } });
for (const { name, schema } of inputSchemas(z, told.tools)) {
  server.addTool({
    name,
    description: DESCRIPTION,
    parameters: schema,
    canAccess: (session) => session?.scopes.includes(told.scope) === true,
    execute: async (args) => echo(args),
  });
}
const port = await freePort();
await server.start({
  transportType: 'httpStream',
  httpStream: {
    port,
    host: '127.0.0.1',
    endpoint: '/mcp',
    enableJsonResponse: true,
    stateless: !told.mode.includes('session'),
  },
});
ready(port);
