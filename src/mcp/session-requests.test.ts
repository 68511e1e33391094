import { McpServer } from '@modelcontextprotocol/server';
import { expect, it } from 'vitest';
import { startGate } from '../../test/support/gate-harness.ts';
import { openPeer, STATEFUL } from '../../test/support/peers.ts';

it('refuses a second request of a session under an id that is in use, and the first goes on', async () => {
  let open: (() => void) | undefined;
  const entered: (() => void)[] = [];
  const isInside = new Promise<void>((resolve) => entered.push(resolve));
  const factory = () => {
    const server = new McpServer({ name: 'slow', version: '1.0.0' });
    server.registerTool('wait', { description: 'Waits' }, async () => {
      await new Promise<void>((resolve) => {
        open = resolve;
        entered[0]?.();
      });
      return { content: [{ type: 'text', text: 'waited' }] };
    });
    return server;
  };
  const { url, token, events } = await startGate({
    servers: { slow: { factory, sessions: { mode: 'stateful' } } },
  });
  const peer = await openPeer({ url }, STATEFUL, await token());
  const call = { id: 5, method: 'tools/call', params: { name: 'wait', arguments: {} } };
  const first = peer.send(call);
  await isInside;
  const second = await peer.send(call);
  expect([second.status, second.json?.['error']]).toMatchObject([
    400,
    { code: -32600, message: 'This request id is in use' },
  ]);
  const batch = await peer.batch([{ method: 'ping', id: 4 }, call]);
  expect(batch.status).toBe(400);
  open?.();
  const answer = await first;
  expect(answer.json?.['result']).toMatchObject({ content: [{ text: 'waited' }] });
  const again = await peer.send({ id: 5, method: 'tools/list' });
  expect(again.status).toBe(200);
  const recorded = events.filter(({ target }) => target === 'wait');
  expect(recorded.map(({ outcome, code }) => [outcome, code])).toEqual([
    ['failure', 'not_run'],
    ['failure', 'not_run'],
    ['allow', undefined],
  ]);
});
