import { join } from 'node:path';
import type {
  CommandServerConfig,
  FactoryServerOptions,
  McpServerFactory,
  RemoteServerConfig,
} from '../../../src/config/options.ts';
import type { Journal } from '../journal.ts';
import type { Household } from './behaviour.ts';
import { createV1McpServer } from './v1.ts';
import { createV2McpServer, createV2Server } from './v2.ts';

/** A column of the matrix: a kind of server, and how the gate keeps it. */
export interface ServerKind {
  readonly title: string;
  /** Its name in the gate. */
  readonly name: string;
  /** Whether its tools are handed the caller's `authInfo`; the others know the caller by the upstream token. */
  readonly seesAuthInfo: boolean;
  /** Whether it runs in a process of its own, and can die there. */
  readonly isElsewhere: boolean;
  options(place: ServerPlace): ServerOptions;
}

export type ServerOptions = FactoryServerOptions | CommandServerConfig | RemoteServerConfig;

/** What a server is given to work with. */
export interface ServerPlace {
  readonly journal: Journal;
  /** Where the server elsewhere is. */
  readonly remoteUrl: string;
  /** Where the compiled programs of the matrix lie. */
  readonly programs: string;
}

type Create = (household: Household) => ReturnType<McpServerFactory>;

function inProcess(title: string, create: Create, mode: 'fresh' | 'pooled'): ServerKind {
  const full = mode === 'pooled' ? `${title}, pooled` : title;
  return {
    title: full,
    name: full.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
    seesAuthInfo: true,
    isElsewhere: false,
    options: ({ journal }) => ({
      factory: (token, user) => create({ token, user, journal }),
      instances: { mode },
    }),
  };
}

export const SERVERS: readonly ServerKind[] = [
  inProcess('v1 McpServer', createV1McpServer, 'fresh'),
  inProcess('v1 McpServer', createV1McpServer, 'pooled'),
  inProcess('v2 McpServer', createV2McpServer, 'fresh'),
  inProcess('v2 McpServer', createV2McpServer, 'pooled'),
  inProcess('v2 Server', createV2Server, 'fresh'),
  {
    title: 'command',
    name: 'command',
    seesAuthInfo: false,
    isElsewhere: true,
    options: ({ journal, programs }) => ({
      command: [process.execPath, join(programs, 'test/matrix/servers/command-program.js')],
      env: { TOKEN: '${credential}', MATRIX_JOURNAL: journal.directory },
    }),
  },
  {
    title: 'URL',
    name: 'url',
    seesAuthInfo: false,
    isElsewhere: true,
    options: ({ remoteUrl }) => ({ url: remoteUrl }),
  },
];
