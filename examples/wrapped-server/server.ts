import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';

/** An existing server on SDK v1. It does not know that it is wrapped: it gets a token and a user id. */
export function createServer(accessToken: string, userId = ''): McpServer {
  const server = new McpServer({ name: 'calendar', version: '1.0.0' });
  server.registerTool(
    'next_event',
    { description: 'Your next event', inputSchema: { day: z.string().describe('Such as monday') } },
    ({ day }) => ({ content: [{ type: 'text', text: `${userId} on ${day}, read with ${accessToken}` }] }),
  );
  return server;
}
