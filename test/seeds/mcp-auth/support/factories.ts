import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { McpServer, Server } from '@modelcontextprotocol/server';
import type { FactoryExtras, MCPServerFactory } from '../../../../src/index.ts';

/** What was built and what ran, so that tests can also tell that nothing did. */
export interface Journal {
  readonly built: { readonly token: string; readonly userId: string; readonly extras: FactoryExtras }[];
  /** `<tool> <user>`, and `aborted <user>` where a held call was cut off. */
  readonly ran: string[];
  /** Lets calls of `hold` end. */
  release(): void;
  readonly released: Promise<void>;
}

export function createJournal(): Journal {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { built: [], ran: [], release: () => release(), released };
}

/** One call, in the words of neither SDK. */
interface Host {
  readonly token: string;
  readonly userId: string;
  readonly signal: AbortSignal;
  readonly progressToken: string | number | undefined;
  notify(method: string, params: Record<string, unknown>): Promise<void>;
}

const TOOLS: Readonly<Record<string, (host: Host, journal: Journal) => Promise<string>>> = {
  whoami: async ({ userId, token }) => JSON.stringify({ userId, token }),
  work: async (host) => {
    for (const progress of [1, 2, 3]) await report(host, progress);
    return 'done';
  },
  hold: async (host, journal) => {
    await report(host, 1);
    const aborted = new Promise<'aborted'>((resolve) => {
      host.signal.addEventListener('abort', () => resolve('aborted'), { once: true });
    });
    const outcome = await Promise.race([journal.released.then(() => 'released' as const), aborted]);
    if (outcome === 'aborted') journal.ran.push(`aborted ${host.userId}`);
    return outcome;
  },
};

async function report({ notify, progressToken }: Host, progress: number): Promise<void> {
  if (progressToken === undefined) return;
  await notify('notifications/progress', { progressToken, progress, total: 3, message: `step ${progress}` });
}

async function run(name: string, host: Host, journal: Journal) {
  journal.ran.push(`${name} ${host.userId}`);
  const tool = TOOLS[name];
  if (tool === undefined) throw new Error(`no tool ${name}`);
  return { content: [{ type: 'text' as const, text: await tool(host, journal) }] };
}

const INFO = { name: 'account', version: '1.0.0' };
const NAMES = Object.keys(TOOLS);

type Build = (
  journal: Journal,
  user: { readonly token: string; readonly userId: string },
) => ReturnType<MCPServerFactory>;

const BUILD = {
  'v1 McpServer': (journal, user) => {
    const server = new McpServerV1(INFO);
    for (const name of NAMES) {
      server.registerTool(name, { description: name }, (extra) => {
        const notify: Host['notify'] = (method, params) =>
          extra.sendNotification({ method, params } as Parameters<typeof extra.sendNotification>[0]);
        return run(
          name,
          { ...user, signal: extra.signal, progressToken: extra._meta?.progressToken, notify },
          journal,
        );
      });
    }
    return server;
  },
  'v1 Server': (journal, user) => {
    const server = new ServerV1(INFO, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed() }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
      const notify: Host['notify'] = (method, data) =>
        extra.sendNotification({ method, params: data } as Parameters<typeof extra.sendNotification>[0]);
      const { signal } = extra;
      return run(
        params.name,
        { ...user, signal, progressToken: extra._meta?.progressToken, notify },
        journal,
      );
    });
    return server;
  },
  'v2 McpServer': (journal, user) => {
    const server = new McpServer(INFO);
    for (const name of NAMES) {
      server.registerTool(name, { description: name }, ({ mcpReq }) => {
        const notify: Host['notify'] = (method, params) => mcpReq.notify({ method, params });
        return run(
          name,
          { ...user, signal: mcpReq.signal, progressToken: mcpReq._meta?.progressToken, notify },
          journal,
        );
      });
    }
    return server;
  },
  'v2 Server': (journal, user) => {
    const server = new Server(INFO, { capabilities: { tools: {} } });
    server.setRequestHandler('tools/list', () => ({ tools: listed() }));
    server.setRequestHandler('tools/call', ({ params }, { mcpReq }) => {
      const notify: Host['notify'] = (method, data) => mcpReq.notify({ method, params: data });
      const { signal } = mcpReq;
      return run(
        params.name,
        { ...user, signal, progressToken: mcpReq._meta?.progressToken, notify },
        journal,
      );
    });
    return server;
  },
} satisfies Record<string, Build>;

function listed() {
  return NAMES.map((name) => ({ name, description: name, inputSchema: { type: 'object' as const } }));
}

export type FactoryKind = keyof typeof BUILD;
export const FACTORIES = Object.keys(BUILD) as readonly FactoryKind[];

/** A factory as users of the package write them, for each kind of server there is. */
export function factoryOf(kind: FactoryKind, journal: Journal = createJournal()): MCPServerFactory {
  const build: Build = BUILD[kind];
  return (token, userId, extras) => {
    journal.built.push({ token, userId, extras });
    return build(journal, { token, userId });
  };
}
