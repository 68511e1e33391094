import { findExchange } from '../mcp/exchange.ts';
import type { ServerSdk } from '../mcp/sdk.ts';
import { type CallRouteOptions, callRoute } from './call-route.ts';
import type { JsonObject } from './json-value.ts';
import type { RouteTool } from './route-tools.ts';

export interface RouteServerOptions extends CallRouteOptions {
  readonly sdk: ServerSdk;
  readonly name: string;
  readonly tools: readonly RouteTool[];
}

/** The MCP server whose tools are an app's routes. One is built for each user, or request; what it needs is made once. */
export function createRouteServers(options: RouteServerOptions): () => InstanceType<ServerSdk['Server']> {
  const { sdk, name } = options;
  const byName = new Map(options.tools.map((tool) => [tool.name, tool]));
  const listed = options.tools.map(toListed);
  return () => {
    const server = new sdk.Server({ name, version: '1.0.0' }, { capabilities: { tools: {} } });
    server.setRequestHandler('tools/list', () => ({ tools: listed }) as never);
    server.setRequestHandler('tools/call', async ({ params }, { http, mcpReq }) => {
      const tool = byName.get(params.name);
      const context = findExchange(http?.authInfo)?.caller.context;
      if (tool === undefined || context === undefined) throw new Error('The guard has admitted no such call');
      const args: JsonObject = params.arguments ?? {};
      return (await callRoute(options, tool, { args, context, signal: mcpReq.signal })) as never;
    });
    return server;
  };
}

function toListed({
  name,
  title,
  description,
  inputSchema,
  outputSchema,
  annotations,
}: RouteTool): JsonObject {
  return {
    name,
    ...(title !== undefined && { title }),
    description,
    inputSchema,
    ...(outputSchema !== undefined && { outputSchema }),
    annotations,
  };
}
