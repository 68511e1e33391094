import { McpServer } from '@modelcontextprotocol/server';
import express, { type Express } from 'express';
import { type AuthProvider, createGate, type Gate } from 'mcp-gatehouse';
import { toExpress } from 'mcp-gatehouse/express';
import { answerInLessonWords } from './lesson-words.ts';
import { judgeSecret, LESSON, requireSecret, type SecretOptions } from './step-1-secret.ts';

/** Step 2: an MCP server behind the secret, with sessions for clients that have them. */
export interface SessionsOptions {
  /** Where it is served, without a slash at its end. */
  readonly url: string;
  readonly secret: string;
  /** Statuses and texts as in the lesson. */
  readonly preset?: 'lesson' | undefined;
}

export interface GatedApp {
  readonly app: Express;
  readonly gate: Gate;
}

export async function createSessionsApp({ preset, secret, url }: SessionsOptions): Promise<GatedApp> {
  const options: SecretOptions = { secret, ...(preset === 'lesson' && LESSON) };
  const gate = await createGate({
    publicUrl: url,
    servers: { example: { factory: createExampleServer, sessions: { mode: 'stateful' } } },
    auth: [createSecretProvider(options)],
  });
  const app = express();
  app.disable('x-powered-by');
  app.use('/mcp', requireSecret(options));
  if (preset === 'lesson') app.all('/mcp', express.json(), answerInLessonWords(gate, url));
  else app.use(toExpress(gate));
  return { app, gate };
}

/** The same check where tools are served: no other way to them may be open. */
function createSecretProvider(options: SecretOptions): AuthProvider {
  return {
    authenticate({ headers }) {
      const header = headers?.['authorization'];
      const verdict = typeof header === 'string' ? judgeSecret(header, options) : 'missing';
      // A shared secret tells nobody apart: all who know it are one user.
      if (verdict === 'right') return Promise.resolve({ authenticated: true, userId: 'whoever-knows' });
      return Promise.resolve({
        authenticated: false,
        reason: verdict === 'missing' ? 'absent' : 'invalid',
      });
    },
  };
}

function createExampleServer(): McpServer {
  const server = new McpServer({ name: 'example-server', version: '1.0.0' });
  server.registerTool('hello', { description: 'Says hello' }, () => ({
    content: [{ type: 'text', text: 'hello, whoever knows' }],
  }));
  return server;
}
