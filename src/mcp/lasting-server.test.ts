import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { startGate } from '../../test/support/gate-harness.ts';
import { openPeer, STATEFUL } from '../../test/support/peers.ts';
import { socketUrl } from '../../test/support/websocket-client.ts';
import { beginLegacy, callOf, withId } from '../../test/support/websocket-peer.ts';

const CLOSED = { code: -32000, message: 'The server closed before it answered' };

/** Servers that close themselves in the middle of a call, and tell one from another. */
function closingFactory() {
  let count = 0;
  return () => {
    count += 1;
    const number = count;
    const server = new McpServer({ name: 'closing', version: '1.0.0' });
    server.registerTool('close', { description: 'Closes the server' }, async () => {
      void server.close();
      return new Promise<never>(() => undefined);
    });
    server.registerTool('number', { description: 'Tells which server it is' }, async () => ({
      content: [{ type: 'text', text: String(number) }],
    }));
    return server;
  };
}

describe('a server that closes itself', () => {
  it('is built again on a connection of the 2025 era, which goes on', async () => {
    const factory = closingFactory();
    const { url, token } = await startGate({
      servers: { closing: { factory } },
      listen: { webSocket: true },
    });
    const peer = await beginLegacy(socketUrl(url), await token());
    const numberOf = async (id: number) => {
      peer.send(callOf('number', id));
      return (await peer.next(withId(id)))['result']?.['content'];
    };
    const first = await numberOf(1);
    expect(await numberOf(2)).toEqual(first);
    peer.send(callOf('close', 3));
    expect((await peer.next(withId(3)))['error']).toEqual(CLOSED);
    // Both at once: they are for the same server.
    const [second, third] = await Promise.all([numberOf(4), numberOf(5)]);
    expect(second).toMatchObject([{ type: 'text' }]);
    expect(second).not.toEqual(first);
    expect(third).toEqual(second);
  });

  it('ends the session that it is for, whose client is told to open another', async () => {
    const factory = closingFactory();
    const { url, token, events } = await startGate({
      servers: { closing: { factory, sessions: { mode: 'stateful' } } },
    });
    const peer = await openPeer({ url }, STATEFUL, await token());
    const closed = await peer.send({ method: 'tools/call', params: { name: 'close', arguments: {} } });
    expect(closed.json?.['error']).toEqual(CLOSED);
    await expect.poll(async () => (await peer.send({ method: 'tools/list' })).status).toBe(404);
    expect(events.filter(({ target }) => target === 'close')).toMatchObject([
      { outcome: 'failure', code: '-32000' },
    ]);
    const again = await openPeer({ url }, STATEFUL, await token());
    expect((await again.send({ method: 'tools/list' })).status).toBe(200);
  });
});
