import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SignJWT } from 'jose';
import { JWTAuthProvider, wrapServer } from 'mcp-gatehouse';
import { createServer } from './server.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const secret = process.env['JWT_SECRET'] ?? randomBytes(32).toString('base64url');
const port = Number(process.env['PORT'] ?? (values.check ? 0 : 3000));

const wrapped = wrapServer({
  serverFactory: createServer,
  authProvider: new JWTAuthProvider({ jwtSecret: secret }),
  tokenResolver: { resolveToken: async (userId) => (userId === 'carol' ? null : `token-of-${userId}`) },
  resourceType: 'calendar',
  transport: { type: 'http', port, host: '127.0.0.1' },
});
await wrapped.start();
const url = new URL(wrapped.url ?? '');

if (values.check) {
  await check();
  await wrapped.stop();
} else {
  console.log(`${url.href}\nAuthorization: Bearer ${await tokenOf('alice')}`);
}

function tokenOf(user: string): Promise<string> {
  const jwt = new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setSubject(user);
  return jwt.setIssuedAt().setExpirationTime('1h').sign(new TextEncoder().encode(secret));
}

async function check(): Promise<void> {
  const [alice, bob] = await Promise.all(['alice', 'bob'].map(nextEvent));
  assert.deepEqual(alice, { content: [{ type: 'text', text: 'alice on monday, read with token-of-alice' }] });
  assert.deepEqual(bob, { content: [{ type: 'text', text: 'bob on monday, read with token-of-bob' }] });
  const carol = await nextEvent('carol');
  assert.equal(carol['isError'], true);
  assert.match(JSON.stringify(carol), /No calendar account is linked/);

  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const refused = await fetch(url, { method: 'POST', headers, body });
  assert.equal(refused.status, 401);
  console.log(
    'wrapped-server: alice and bob act with their own tokens, carol is asked to link, nobody else gets in',
  );
}

async function nextEvent(user: string): Promise<Record<string, unknown>> {
  const client = new Client({ name: 'check', version: '1.0.0' });
  const headers = { authorization: `Bearer ${await tokenOf(user)}` };
  await client.connect(
    new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as Parameters<Client['connect']>[0],
  );
  try {
    return await client.callTool({ name: 'next_event', arguments: { day: 'monday' } });
  } finally {
    await client.close();
  }
}
