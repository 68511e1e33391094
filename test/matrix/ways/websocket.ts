import { createWebSocketTransport, socketUrl } from '../../support/websocket-client.ts';
import { type ClientKind, connectOver } from './clients.ts';
import { openPeer } from './peer.ts';
import type { Company, Peer, Stage, Way } from './way.ts';

/** A user of the shared gate over WebSocket. */
export async function openSocketPeer(
  { kind, shared: site }: Pick<Stage, 'kind' | 'shared'>,
  client: ClientKind,
  user: string,
): Promise<Peer> {
  const url = site.urlOf(kind, 'stateless');
  const token = await site.token({ subject: user, audience: url });
  const connect = connectOver(client, () => createWebSocketTransport(socketUrl(url), { token }));
  return openPeer({ user, url, token, kind, connect, carriesAuthInfo: false });
}

function webSocketWay(title: string, client: ClientKind): Way {
  return {
    title,
    transport: 'websocket',
    era: client === 'modern' ? '2026-07-28' : '2025-11-25',
    sessions: 'stateless',
    isOneWay: false,
    async open(stage): Promise<Company> {
      const [alice, bob] = await Promise.all([
        openSocketPeer(stage, client, `alice-${stage.suffix}`),
        openSocketPeer(stage, client, `bob-${stage.suffix}`),
      ]);
      return {
        site: stage.shared,
        alice,
        bob,
        close: async () => {
          await Promise.all([alice.close(), bob.close()]);
        },
      };
    },
  };
}

export const WEBSOCKET_WAYS: readonly Way[] = [
  webSocketWay('2026 over WebSocket', 'modern'),
  webSocketWay('2025 over WebSocket (SDK v2 client)', 'legacy'),
  webSocketWay('2025 over WebSocket (SDK v1 client)', 'v1'),
];
