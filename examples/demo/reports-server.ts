import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';

const STEPS = 5;
const STEP_MS = 150;

/** An existing MCP server on SDK v1, wrapped without a change to it. */
export function createReportsServer(): McpServer {
  const server = new McpServer({ name: 'reports', version: '1.0.0' });
  server.registerTool(
    'build_report',
    { description: 'Builds a report, telling how far it is' },
    async (extra) => {
      const progressToken = extra._meta?.progressToken;
      for (let step = 1; step <= STEPS; step++) {
        await sleep(STEP_MS, undefined, { signal: extra.signal });
        if (progressToken === undefined) continue;
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress: step, total: STEPS, message: `chapter ${step}` },
        });
      }
      return { content: [{ type: 'text', text: `A report in ${STEPS} chapters` }] };
    },
  );
  return server;
}
