import { expect, test } from 'vitest';
import { createIdentity } from '../hosts/certificates.ts';
import { connectV2 } from '../support/clients.ts';
import { freePort } from '../support/gate-harness.ts';
import { startNotes } from '../support/notes-gate.ts';
import {
  createWebSocketTransport,
  openRawSocket,
  socketUrl,
  type UpgradeRefused,
} from '../support/websocket-client.ts';

test('[config/adapters-websocket] a listener with a certificate takes sockets, and closes them at shutdown', async () => {
  const { cert, key } = await createIdentity();
  const port = await freePort();
  const publicUrl = `https://127.0.0.1:${port}`;
  const gate = await startNotes({ publicUrl, listen: { port, tls: { cert, key }, webSocket: true } });
  const url = socketUrl(`${publicUrl}/mcp`);
  expect(url).toMatch(/^wss:/);
  const refused = await openRawSocket(url, { ca: cert }).catch((error: unknown) => error);
  expect((refused as UpgradeRefused).status).toBe(401);
  const init = { ca: cert, token: await gate.token() };
  const client = await connectV2(createWebSocketTransport(url, init));
  expect((await client.callTool({ name: 'whoami' }))['content']).toEqual([{ type: 'text', text: 'alice' }]);
  const { closed } = await openRawSocket(url, init);
  await gate.gate.close();
  expect((await closed).code).toBe(1001);
});
