import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { CAPABILITIES, type Household, INFO, runTool, TOOLS } from './behaviour.ts';
import { toHostV1 } from './v1.ts';

/** SDK v1, low-level: its list is made anew each time, so several processes of a user list the same. */
export function createV1Server(household: Household & { readonly die: () => void }): Server {
  const server = new Server(INFO, { capabilities: CAPABILITIES });
  const tools = () => [...TOOLS, ...household.journal.grownBy(household.user)];
  const ways = { grow: () => server.sendToolListChanged(), die: household.die };
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools().map((name) => ({ name, description: name, inputSchema: { type: 'object' as const } })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    if (!tools().includes(params.name)) throw new Error(`no tool ${params.name}`);
    return runTool(params.name, params.arguments ?? {}, toHostV1(household, extra, ways));
  });
  return server;
}
