// The copies that the package under test sees: another copy of the SDK would be another SDK to it.
import { createMcpHandler, McpServer } from '../../node_modules/@modelcontextprotocol/server/dist/index.mjs';
import * as z from '../../node_modules/zod/index.js';
import { DESCRIPTION, echo, inputSchemas } from './support.mjs';

export { createMcpHandler, McpServer };

/** Builds the server of one request or caller, with schemas that are made once, and the tools that it needs. */
export function serverFactory(count) {
  const tools = inputSchemas(z, count);
  return ({ needs = () => true } = {}) => {
    const server = new McpServer({ name: 'bench', version: '1.0.0' });
    for (const { name, schema } of tools) {
      if (!needs('tool', name)) continue;
      server.registerTool(name, { description: DESCRIPTION, inputSchema: schema }, echo);
    }
    return server;
  };
}
