/** Servers of both SDKs that live in the process of the gate, or in that of the server elsewhere. */
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { inputRequired, inputResponse, Server } from '@modelcontextprotocol/server';
import { COLOUR, INFO, runTool, TOOLS } from './tools.mjs';

const CAPABILITIES = { tools: { listChanged: true } };

export function createV1(user, die) {
  const server = new ServerV1(INFO, { capabilities: CAPABILITIES });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    const progressToken = params._meta?.progressToken;
    return runTool(params.name, params.arguments ?? {}, {
      user,
      signal: extra.signal,
      report: reporter(progressToken, user, (notification) => extra.sendNotification(notification)),
      ask: async (message) => {
        const asked = {
          method: 'elicitation/create',
          params: { mode: 'form', message, requestedSchema: COLOUR },
        };
        return { answer: await extra.sendRequest(asked, ElicitResultSchema) };
      },
      die: die ?? (() => void server.close()),
    });
  });
  return server;
}

export function createV2(user) {
  const server = new Server(INFO, { capabilities: CAPABILITIES });
  server.setRequestHandler('tools/list', () => ({ tools: TOOLS }));
  server.setRequestHandler('tools/call', ({ params }, { mcpReq }) =>
    runTool(params.name, params.arguments ?? {}, {
      user,
      signal: mcpReq.signal,
      report: reporter(mcpReq._meta?.progressToken, user, (notification) => mcpReq.notify(notification)),
      ask: async (message) => {
        const { kind, action, content } = inputResponse(mcpReq.inputResponses, 'colour');
        if (kind === 'elicit') return { answer: { action, content } };
        const colour = inputRequired.elicit({ message, requestedSchema: COLOUR });
        return { question: inputRequired({ inputRequests: { colour } }) };
      },
      die: () => void server.close(),
    }),
  );
  return server;
}

function reporter(progressToken, message, notify) {
  return async (progress, total) => {
    if (progressToken === undefined) return;
    const params = { progressToken, progress, total, message };
    // Whoever has left hears nothing.
    await notify({ method: 'notifications/progress', params }).catch(() => undefined);
  };
}
