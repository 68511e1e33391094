import { expect, test } from 'vitest';
import { startGate } from '../support/gate-harness.ts';
import { openRawSocket, socketUrl } from '../support/websocket-client.ts';
import { withId } from '../support/websocket-peer.ts';
import { ERAS, INITIALIZE, messageOf } from '../support/wire.ts';

const DEAD = [process.execPath, '-e', 'process.exit(1)'];

test.each(ERAS)(
  '[config/adapters-websocket] a socket tells when its server may be back (%s)',
  async (era) => {
    const { url, token } = await startGate({
      servers: { notes: { command: DEAD } },
      listen: { webSocket: true },
    });
    const socket = await openRawSocket(socketUrl(url), { token: await token() });
    for (const id of [1, 2]) {
      const opening = era === '2025-11-25' ? 'initialize' : 'tools/list';
      socket.send(
        messageOf({ era, method: opening, params: opening === 'initialize' ? INITIALIZE : {}, id }),
      );
      expect((await socket.next(withId(id)))['error']).toMatchObject({
        code: -32053,
        data: { code: 'SERVER_UNAVAILABLE', retryAfterSeconds: expect.any(Number) },
      });
    }
  },
);
