import { JWTAuthProvider, type WrapServerConfig, wrapServer } from '../../../../src/index.ts';
import { INITIALIZE, rpc } from '../../../support/wire.ts';
import { createJournal, factoryOf } from './factories.ts';
import { JWT_SECRET, signToken } from './tokens.ts';

// Starts a server with everything that keeps time, uses it, stops it, and then has nothing left to do. What still
// holds the process is told on stdout; a process that does not end by itself has leaked.
const type = process.argv[2] as 'http' | 'stdio';
const config: WrapServerConfig = {
  serverFactory: factoryOf('v1 McpServer', createJournal()),
  authProvider:
    type === 'http'
      ? new JWTAuthProvider({ jwtSecret: JWT_SECRET })
      : { authenticate: async () => ({ authenticated: true, userId: 'local' }) },
  resourceType: 'notes',
  transport: { type, host: '127.0.0.1', port: 0 },
  instanceMode: 'pooled',
  instancePool: { maxSize: 5, idleTimeout: 60_000, maxLifetime: 60_000 },
  sessionMode: 'stateful',
  middleware: { requestTimeoutMs: 60_000, rateLimit: { maxRequests: 100, windowMs: 60_000 } },
};
const server = wrapServer(config);
await server.start();

if (server.url !== undefined) {
  const { url } = server;
  const token = await signToken('alice');
  await rpc(url, { era: '2025-11-25', method: 'initialize', params: INITIALIZE, token });
  const answer = await rpc(url, {
    era: '2026-07-28',
    method: 'tools/call',
    params: { name: 'work', _meta: { progressToken: 0 } },
    token,
  });
  if (answer.status !== 200) throw new Error(`status ${answer.status}`);
}
const before = process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
await server.stop();
// Node lists a handle for a turn or two after it has told that it is closed.
for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
const after = process
  .getActiveResourcesInfo()
  .filter((name) => name === 'TCPServerWrap' || name === 'Timeout');
process.stdout.write(JSON.stringify({ before, after }));
