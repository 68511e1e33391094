import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import { z } from 'zod';
import { bearerAuth } from './express-auth.mjs';
import { DESCRIPTION, echo, input, inputSchemas, serve } from './support.mjs';

// SDK v1 behind Express and a bearer middleware: the SDK's own, or that of mcp-auth.
const told = await input();
const tools = inputSchemas(z, told.tools);

function createMcpServer() {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  for (const { name, schema } of tools) {
    server.registerTool(name, { description: DESCRIPTION, inputSchema: schema.shape }, echo);
  }
  return server;
}

async function answerFresh(request, response) {
  const server = createMcpServer();
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  });
  response.on('close', () => {
    transport.close();
    server.close();
  });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
}

const sessions = new Map();

async function answerSession(request, response) {
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known !== undefined) return known.handleRequest(request, response, request.body);
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => sessions.set(id, transport),
  });
  await createMcpServer().connect(transport);
  return transport.handleRequest(request, response, request.body);
}

const app = express();
app.use(express.json());
app.post('/mcp', await bearerAuth(told), told.mode.includes('session') ? answerSession : answerFresh);
serve(createServer(app));
