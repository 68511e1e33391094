import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { McpServer } from '@modelcontextprotocol/server';
import { APITokenResolver, JWTAuthProvider, wrapServer } from 'mcp-gatehouse';
import { ask } from './chat-client.ts';
import { startTenantManager } from './tenant-manager.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const manager = await startTenantManager();
const tokenResolver = new APITokenResolver({
  tenantManagerUrl: manager.url,
  serviceToken: manager.serviceToken,
  cacheTtl: 60_000,
});

/** The inner tier: a server that posts with whatever upstream token it is given. */
const wrapped = wrapServer({
  serverFactory(accessToken) {
    const server = new McpServer({ name: 'posts', version: '1.0.0' });
    server.registerTool('latest_post', { description: 'Your latest post' }, () => ({
      content: [{ type: 'text', text: `read with ${accessToken}` }],
    }));
    return server;
  },
  authProvider: new JWTAuthProvider({ jwtSecret: manager.jwtSecret }),
  tokenResolver,
  resourceType: 'posts',
  transport: {
    type: 'sse',
    port: Number(process.env['PORT'] ?? (values.check ? 0 : 3000)),
    host: '127.0.0.1',
  },
});
await wrapped.start();
const url = wrapped.url ?? '';
manager.link('alice', 'upstream-alice');
manager.link('bob', 'upstream-bob');

if (values.check) {
  await check();
  await wrapped.stop();
  await manager.close();
} else {
  console.log(`${url}\nAuthorization: Bearer ${await manager.signIn('alice')}`);
}

async function check(): Promise<void> {
  const [alice, bob] = [await manager.signIn('alice'), await manager.signIn('bob')];
  assert.match((await ask(url, alice)).text, /upstream-alice/);
  assert.match((await ask(url, bob)).text, /upstream-bob/);

  const carol = await ask(url, await manager.signIn('carol'));
  assert.deepEqual([carol.tools, carol.isError], [['latest_post'], true]);
  assert.match(carol.text, /No posts account is linked/);

  // Revocation: the tenant manager forgets the credential and tells the resolver.
  manager.unlink('alice');
  tokenResolver.invalidate('alice');
  const revoked = await ask(url, alice);
  assert.deepEqual([revoked.isError, revoked.text.includes('upstream-alice')], [true, false]);
  assert.match((await ask(url, bob)).text, /upstream-bob/);
  console.log(
    'jwt-multi-tenant: each user acts with their own credential, and a revoked one is gone with the next call',
  );
}
