import { join } from 'node:path';
import type { Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport, type StdioServerParameters } from '@modelcontextprotocol/client/stdio';
import { StdioClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { prepareSite, type Site } from '../site.ts';
import { type ClientKind, connectOver } from './clients.ts';
import { openHttpPeer } from './http.ts';
import { openPeer } from './peer.ts';
import type { Company, Stage, Way } from './way.ts';

/** The SDK tries a class of its own on a second process first, which a gate that listens cannot share its port with. */
class OneProcess extends StdioClientTransport {}

function stdioWay(title: string, client: ClientKind): Way {
  return {
    title,
    transport: 'stdio',
    era: client === 'modern' ? '2026-07-28' : '2025-11-25',
    sessions: 'stateless',
    isOneWay: false,
    async open(stage): Promise<Company> {
      const site = await prepareSite();
      const user = `alice-${stage.suffix}`;
      const alice = await openPeer({
        user,
        url: site.urlOf(stage.kind, 'stateless'),
        kind: stage.kind,
        connect: connectOver(client, () => start(stage, site, { client, user })),
        carriesAuthInfo: false,
      });
      // Another user of the same process, who comes over HTTP.
      const modern = { client: 'modern', sessions: 'stateless' } as const;
      const bob = await openHttpPeer({ kind: stage.kind, shared: site }, modern, `bob-${stage.suffix}`);
      return {
        site,
        alice,
        bob,
        close: async () => {
          await bob.close();
          await alice.close();
          await site.close();
        },
      };
    },
  };
}

interface Starting {
  readonly client: ClientKind;
  readonly user: string;
}

function start({ kind }: Stage, { place }: Site, { client, user }: Starting): Transport {
  const parameters: StdioServerParameters = {
    command: process.execPath,
    args: [join(place.programs, 'test/matrix/ways/stdio-program.js'), kind.name, JSON.stringify(place)],
    env: { ...(process.env as Record<string, string>), MCP_USER_ID: user },
    stderr: 'inherit',
  };
  return client === 'v1'
    ? (new TransportV1(parameters as ConstructorParameters<typeof TransportV1>[0]) as unknown as Transport)
    : new OneProcess(parameters);
}

export const STDIO_WAYS: readonly Way[] = [
  stdioWay('2026 over stdio', 'modern'),
  stdioWay('2025 over stdio (SDK v2 client)', 'legacy'),
  stdioWay('2025 over stdio (SDK v1 client)', 'v1'),
];
