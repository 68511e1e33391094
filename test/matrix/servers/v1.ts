import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ElicitResultSchema,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import {
  CAPABILITIES,
  type Host,
  type Household,
  INFO,
  joinHousehold,
  runTool,
  SHAPES,
  TOOLS,
} from './behaviour.ts';

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** SDK v1, high-level. */
export function createV1McpServer(household: Household): McpServer {
  const server = new McpServer(INFO, { capabilities: CAPABILITIES });
  const add = (tool: string): void => {
    server.registerTool(tool, { description: tool, inputSchema: SHAPES[tool] ?? {} }, (args, extra) =>
      runTool(tool, args, toHostV1(household, extra, { grow: async (name) => grow(name), die })),
    );
  };
  const { grow, leave } = joinHousehold(household, (tool, silent) => {
    const tell = server.sendToolListChanged.bind(server);
    server.sendToolListChanged = silent ? () => undefined : tell;
    add(tool);
    server.sendToolListChanged = tell;
  });
  const die = (): void => void server.close();
  server.server.onclose = leave;
  for (const tool of [...TOOLS, ...household.journal.grownBy(household.user)]) add(tool);
  return server;
}

export function toHostV1(household: Household, extra: Extra, ways: Pick<Host, 'grow' | 'die'>): Host {
  const progressToken = extra._meta?.progressToken;
  return {
    ...household,
    ...ways,
    seen: extra.authInfo?.extra?.['userId'],
    signal: extra.signal,
    report: async (progress, total) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message: household.user };
      await extra.sendNotification({ method: 'notifications/progress', params });
    },
    ask: async (question) => {
      const request = { method: 'elicitation/create', params: question } as unknown as ServerRequest;
      return { kind: 'answer', result: await extra.sendRequest(request, ElicitResultSchema) };
    },
  };
}
