import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { mcp, withMcpAuth } from 'better-auth/plugins';
import * as z from 'zod';
import { DESCRIPTION, echo, input, inputSchemas, serve } from './support.mjs';

// better-auth looks every token up in its database, here one in memory; it asks for no scope.
const told = await input();
const tools = inputSchemas(z, told.tools);
const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  for (const { name, schema } of tools) {
    server.registerTool(name, { description: DESCRIPTION, inputSchema: schema }, echo);
  }
  return server;
});

const inTwelveHours = new Date(Date.now() + 12 * 3_600_000);
const oauthAccessToken = told.tokens.map((accessToken, index) => ({
  id: String(index),
  accessToken,
  refreshToken: `refresh-${index}`,
  accessTokenExpiresAt: inTwelveHours,
  refreshTokenExpiresAt: inTwelveHours,
  clientId: 'bench',
  userId: `user-${index}`,
  scopes: told.scope,
  createdAt: new Date(),
  updatedAt: new Date(),
}));

const auth = betterAuth({
  baseURL: told.publicUrl,
  secret: 'a secret of the benchmark alone, for nothing',
  database: memoryAdapter({
    user: [],
    session: [],
    account: [],
    verification: [],
    oauthApplication: [],
    oauthConsent: [],
    oauthAccessToken,
  }),
  plugins: [mcp({ loginPage: '/sign-in' })],
  telemetry: { enabled: false },
});

const guarded = withMcpAuth(auth, (request, session) => {
  const authInfo = {
    token: session.accessToken,
    clientId: session.clientId,
    scopes: session.scopes.split(' '),
  };
  return handler.fetch(request, { authInfo });
});
serve(createServer(toNodeHandler({ fetch: guarded })));
