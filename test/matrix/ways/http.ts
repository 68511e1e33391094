import { type ClientKind, connectHttp } from './clients.ts';
import { openPeer } from './peer.ts';
import type { Company, Peer, Stage, Way } from './way.ts';

/** A user of the shared gate over HTTP. */
export async function openHttpPeer(
  { kind, shared: site }: Pick<Stage, 'kind' | 'shared'>,
  way: Pick<Way, 'sessions'> & { readonly client: ClientKind },
  user: string,
): Promise<Peer> {
  const url = site.urlOf(kind, way.sessions);
  const token = await site.token({ subject: user, audience: url });
  const connect = connectHttp(way.client, url, token);
  return openPeer({ user, url, token, kind, connect, carriesAuthInfo: true });
}

function httpWay(title: string, client: ClientKind, sessions: Way['sessions']): Way {
  return {
    title,
    transport: 'http',
    era: client === 'modern' ? '2026-07-28' : '2025-11-25',
    sessions,
    isOneWay: client !== 'modern' && sessions === 'stateless',
    async open(stage): Promise<Company> {
      const [alice, bob] = await Promise.all(
        ['alice', 'bob'].map((name) => openHttpPeer(stage, { client, sessions }, `${name}-${stage.suffix}`)),
      );
      if (alice === undefined || bob === undefined) throw new Error('Nobody came');
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

export const HTTP_WAYS: readonly Way[] = [
  httpWay('2026 over HTTP', 'modern', 'stateless'),
  httpWay('2025 over HTTP without a session (SDK v2 client)', 'legacy', 'stateless'),
  httpWay('2025 over HTTP without a session (SDK v1 client)', 'v1', 'stateless'),
  httpWay('2025 over HTTP in a session (SDK v2 client)', 'legacy', 'stateful'),
  httpWay('2025 over HTTP in a session (SDK v1 client)', 'v1', 'stateful'),
];
