import { McpServer } from '@modelcontextprotocol/server';
import { EnvAuthProvider, SimpleTokenResolver, wrapServer } from 'mcp-gatehouse';

/** A single-user server over stdio: the user and the upstream token come from the environment. */
await wrapServer({
  serverFactory(accessToken, userId) {
    const server = new McpServer({ name: 'simple-stdio', version: '1.0.0' });
    server.registerTool('whoami', { description: 'Who the environment says you are' }, () => ({
      content: [{ type: 'text', text: `${userId} with ${accessToken === '' ? 'no token' : 'a token'}` }],
    }));
    return server;
  },
  authProvider: new EnvAuthProvider({ requireUserId: true }),
  tokenResolver: new SimpleTokenResolver({ tokenEnvVar: 'API_TOKEN' }),
  resourceType: 'notes',
  transport: { type: 'stdio' },
}).start();
