import { McpServer } from '@modelcontextprotocol/server';
import { expect, it } from 'vitest';
import { startGate } from '../support/gate-harness.ts';
import { openPeer, STATEFUL } from '../support/peers.ts';

// Found by the soak with seed 4: such a call ended without an answer, and its client waited for one.
it('[soak] a session that ends answers the calls that are under way in it', async () => {
  let token = 'first';
  let started = (): void => undefined;
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const harness = await startGate({
    servers: {
      notes: {
        factory: () => {
          const server = new McpServer({ name: 'notes', version: '1' });
          server.registerTool('wait', {}, () => {
            started();
            return new Promise(() => undefined);
          });
          return server;
        },
        sessions: { mode: 'stateful' },
      },
    },
    tenancy: { credentials: { notes: { resolveToken: async () => token } } },
  });
  const peer = await openPeer(harness, STATEFUL, await harness.token());
  const call = { method: 'tools/call', params: { name: 'wait', arguments: {} } };
  const answer = peer.send({ ...call, id: 7 });
  await running;
  token = 'second';
  expect((await peer.send({ ...call, id: 8 })).status).toBe(404);
  expect((await answer).json).toEqual({
    jsonrpc: '2.0',
    id: 7,
    error: { code: -32000, message: 'The server closed before it answered' },
  });
});
