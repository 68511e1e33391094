import { createRequestStateCodec, McpServer } from '@modelcontextprotocol/server';
import { INFO } from './content.ts';
import { registerContent } from './v2-content.ts';
import { registerInputTools } from './v2-input-tools.ts';
import { registerTools } from './v2-tools.ts';

/**
 * A server on SDK v2 with everything the server scenarios of the conformance suite ask for. It uses what the SDK
 * has and knows neither the suite's messages nor the gate.
 */
export function createV2Server(requestStateKey: string): McpServer {
  const requestState = createRequestStateCodec<readonly string[]>({ key: requestStateKey });
  const server = new McpServer(INFO, {
    capabilities: {
      logging: {},
      completions: {},
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
    },
    requestState: { verify: requestState.verify },
  });
  registerTools(server);
  registerInputTools(server, requestState);
  registerContent(server);
  return server;
}
