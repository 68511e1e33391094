import { expect, it } from 'vitest';
import { freePort, startGate } from '../support/gate-harness.ts';
import { rpc } from '../support/wire.ts';

// Found by the soak: such a client was told of an internal error, which nobody tries again after.
it('[soak] a subscription to a server that is out of reach is refused as one', async () => {
  const harness = await startGate({
    servers: { notes: { url: `http://127.0.0.1:${await freePort()}/mcp` } },
  });
  const listen = await rpc(harness.url, {
    era: '2026-07-28',
    method: 'subscriptions/listen',
    token: await harness.token(),
    params: { notifications: { toolsListChanged: true } },
  });
  expect([listen.status, listen.json?.['code']]).toEqual([503, 'SERVER_UNAVAILABLE']);
});
