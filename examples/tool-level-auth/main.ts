import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SignJWT } from 'jose';
import {
  AuthenticatedMCPServer,
  compose,
  JWTAuthProvider,
  withAuth,
  withLogging,
  withRateLimit,
  withTimeout,
} from 'mcp-gatehouse';
import { z } from 'zod';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const secret = process.env['JWT_SECRET'] ?? randomBytes(32).toString('base64url');

/** A new server whose tools say themselves what they need. */
const server = new AuthenticatedMCPServer({
  name: 'tool-level-auth',
  authProvider: new JWTAuthProvider({ jwtSecret: secret }),
  tokenResolver: { resolveToken: async (userId) => `token-of-${userId}` },
  resourceType: 'notes',
  transport: {
    type: 'http',
    port: Number(process.env['PORT'] ?? (values.check ? 0 : 3000)),
    host: '127.0.0.1',
  },
});

server.registerTool('time', () => 'public to everyone', { description: 'Needs nobody', access: 'public' });

server.registerTool(
  'read_notes',
  withAuth(async (_args, accessToken, userId) => ({ userId, readWith: accessToken })),
  { description: 'Needs somebody' },
);

server.registerTool(
  'search',
  compose(
    withLogging(),
    withRateLimit({ maxRequests: 2, windowMs: 60_000 }),
    withTimeout(1000),
    withAuth({ scopes: ['notes:search'] }),
    async (args, _accessToken, userId) => `${userId} searches ${String(args['query'])}`,
  ),
  { description: 'Needs a scope', inputSchema: z.object({ query: z.string() }) },
);

await server.start();
const url = new URL(server.url ?? '');
if (values.check) {
  await check();
  await server.stop();
} else {
  console.log(`${url.href}\nAuthorization: Bearer ${await tokenOf('alice', 'notes:search')}`);
}

function tokenOf(user: string, scope: string): Promise<string> {
  const jwt = new SignJWT({ scope }).setProtectedHeader({ alg: 'HS256' }).setSubject(user);
  return jwt.setIssuedAt().setExpirationTime('1h').sign(new TextEncoder().encode(secret));
}

async function check(): Promise<void> {
  const anyone = await connect();
  assert.deepEqual(
    (await anyone.listTools()).tools.map((tool) => tool.name),
    ['time'],
  );
  await assert.rejects(anyone.callTool({ name: 'read_notes' }), { status: 401 });
  await anyone.close();

  const bob = await connect(await tokenOf('bob', ''));
  const notes = await bob.callTool({ name: 'read_notes' });
  assert.deepEqual(notes.structuredContent, { userId: 'bob', readWith: 'token-of-bob' });
  await assert.rejects(bob.callTool({ name: 'search', arguments: { query: 'x' } }), /scope/i);
  await bob.close();

  const alice = await connect(await tokenOf('alice', 'notes:search'));
  const search = () => alice.callTool({ name: 'search', arguments: { query: 'x' } });
  assert.deepEqual((await search()).content, [{ type: 'text', text: 'alice searches x' }]);
  await search();
  const limited = await search();
  assert.equal(limited.isError, true);
  assert.match(JSON.stringify(limited.content), /RATE_LIMIT_EXCEEDED/);
  await alice.close();
  console.log('tool-level-auth: public, signed in, scoped and limited tools behave as declared');
}

async function connect(token?: string): Promise<Client> {
  const client = new Client({ name: 'check', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return client;
}
