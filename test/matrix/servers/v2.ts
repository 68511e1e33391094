import {
  inputRequired,
  inputResponse,
  McpServer,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import {
  type Answer,
  CAPABILITIES,
  type Host,
  type Household,
  INFO,
  joinHousehold,
  runTool,
  SHAPES,
  TOOLS,
} from './behaviour.ts';

/** SDK v2, high-level. */
export function createV2McpServer(household: Household): McpServer {
  const server = new McpServer(INFO, { capabilities: CAPABILITIES });
  const add = (tool: string): void => {
    const inputSchema = z.object(SHAPES[tool] ?? {});
    server.registerTool(tool, { description: tool, inputSchema }, (args, context) =>
      runTool(tool, args, toHost(household, context, { grow: async (name) => grow(name), die })),
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

/** SDK v2, low-level: its list is made anew each time. */
export function createV2Server(household: Household): Server {
  const server = new Server(INFO, { capabilities: CAPABILITIES });
  const tools = () => [...TOOLS, ...household.journal.grownBy(household.user)];
  const ways = { grow: () => server.sendToolListChanged(), die: () => void server.close() };
  server.setRequestHandler('tools/list', () => ({
    tools: tools().map((name) => ({ name, description: name, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    if (!tools().includes(params.name)) throw new Error(`no tool ${params.name}`);
    return runTool(params.name, params.arguments ?? {}, toHost(household, context, ways));
  });
  return server;
}

function toHost(
  household: Household,
  { http, mcpReq }: ServerContext,
  ways: Pick<Host, 'grow' | 'die'>,
): Host {
  const progressToken = mcpReq._meta?.progressToken;
  return {
    ...household,
    ...ways,
    seen: http?.authInfo?.extra?.['userId'],
    signal: mcpReq.signal,
    report: async (progress, total) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message: household.user };
      await mcpReq.notify({ method: 'notifications/progress', params });
    },
    // In both eras: for clients of the older one the SDK asks by itself and runs the tool again.
    ask: async ({ message, requestedSchema }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'colour');
      if (answer.kind === 'elicit') {
        return { kind: 'answer', result: { action: answer.action, content: answer.content } };
      }
      const { required, ...schema } = requestedSchema;
      const colour = inputRequired.elicit({
        message,
        requestedSchema: { ...schema, required: [...required] },
      });
      return { kind: 'question', result: inputRequired({ inputRequests: { colour } }) as unknown as Answer };
    },
  };
}
