/** The built gate in a process of its own, which tells what it holds when it is asked. */
import { fileURLToPath } from 'node:url';
import { createGate } from 'mcp-gatehouse';
import { createV1, createV2 } from './servers.mjs';

const { port, issuer, jwksUri, remoteUrl, auditPath } = JSON.parse(process.argv[2]);
const COMMAND = fileURLToPath(new URL('command.mjs', import.meta.url));
/** How long an upstream token is good for: those who hold a server meanwhile have to start anew. */
const GENERATION_MS = 15_000;

const shared = { resourceType: 'soak' };
const quick = { idleMs: 1500, lifetimeMs: 20_000 };
const stateful = { mode: 'stateful', idleMs: 2500, lifetimeMs: 20_000, max: 60, maxPerPrincipal: 6 };
const stateless = { mode: 'stateless' };
const pooled = (max) => ({ mode: 'pooled', max, ...quick });
const v1 = (_token, user) => createV1(user);
const v2 = (_token, user) => createV2(user);

const gate = await createGate({
  publicUrl: `http://127.0.0.1:${port}`,
  listen: { host: '127.0.0.1', port, path: '/mcp', webSocket: true },
  servers: {
    fresh: { ...shared, factory: v2, sessions: stateless },
    pooled: { ...shared, factory: v2, instances: pooled(12), sessions: stateless },
    bridged: { ...shared, factory: v1, instances: pooled(12), sessions: stateful },
    lasting: { ...shared, factory: v2, sessions: stateful },
    command: {
      ...shared,
      command: [process.execPath, COMMAND],
      env: { TOKEN: '${credential}' },
      instances: { max: 6, maxPerPrincipal: 2, ...quick },
      sessions: stateful,
    },
    remote: {
      ...shared,
      url: remoteUrl,
      instances: { max: 12, maxPerPrincipal: 3, ...quick },
      sessions: stateless,
    },
  },
  auth: [{ type: 'jwt', issuer, jwksUri, clockToleranceSeconds: 0 }],
  authorization: {
    tools: Object.fromEntries(
      ['fresh', 'pooled', 'bridged', 'lasting', 'command', 'remote'].flatMap((server) => [
        [`${server}/guarded`, { scopes: ['soak:guarded'] }],
        [`${server}/secret`, { roles: ['admin'] }],
      ]),
    ),
  },
  tenancy: {
    toUserId: 'subject',
    credentials: {
      soak: { resolveToken: async (user) => `upstream.${user}.${Math.floor(Date.now() / GENERATION_MS)}` },
    },
  },
  limits: {
    calls: [{ per: 'principal', rate: '60/s', burst: 60 }],
    failures: { max: 1_000_000 },
    bodyBytes: 65_536,
    timeoutMs: 8000,
    concurrency: 12,
  },
  audit: [{ type: 'file', path: auditPath }],
  onError: (error) =>
    process.send?.({ told: String(error?.detail ?? error), code: error?.code, stack: error?.stack }),
});
await gate.listen();

process.on('message', (asked) => {
  if (asked === 'numbers') void tellNumbers();
  else gate.revoke({ principalKey: asked.principalKey });
});
process.once('SIGTERM', () => {
  // It is to end by itself then: whatever keeps it is a handle that was left.
  void gate.close().then(
    () => process.disconnect(),
    (error) => {
      process.send({ told: String(error), code: 'close', stack: error.stack });
      process.exitCode = 3;
      process.disconnect();
    },
  );
});
process.on('disconnect', () => (process.exitCode ??= 0));
process.send({ ready: true });

async function tellNumbers() {
  // What finalizers and weak references let go of is gone after the second or third time.
  for (let round = 0; round < 4; round += 1) {
    global.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  const resources = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  process.send({ numbers: { heapUsed, external, arrayBuffers, rss, resources, pools: gate.poolStats() } });
}
