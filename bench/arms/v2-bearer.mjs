import { createServer } from 'node:http';
import { createMcpExpressApp, requireBearerAuth as requireInExpress } from '@modelcontextprotocol/express';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  requireBearerAuth,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import { DESCRIPTION, echo, input, inputSchemas, serve } from './support.mjs';
import { createVerifier } from './verify.mjs';

// SDK v2 with its own bearer check, bare or in Express.
const told = await input();
const tools = inputSchemas(z, told.tools);
const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  for (const { name, schema } of tools) {
    server.registerTool(name, { description: DESCRIPTION, inputSchema: schema }, echo);
  }
  return server;
});
const verifyAccessToken = createVerifier(
  told,
  (message) => new OAuthError(OAuthErrorCode.InvalidToken, message),
);
const options = { verifier: { verifyAccessToken }, requiredScopes: [told.scope] };

function inExpress() {
  const app = createMcpExpressApp();
  const node = toNodeHandler(handler);
  app.post('/mcp', requireInExpress(options), (request, response) => node(request, response, request.body));
  return app;
}

function bare() {
  const check = requireBearerAuth(options);
  return toNodeHandler({
    async fetch(request) {
      const authInfo = await check(request);
      return authInfo instanceof Response ? authInfo : handler.fetch(request, { authInfo });
    },
  });
}

serve(createServer(told.mode.includes('express') ? inExpress() : bare()));
