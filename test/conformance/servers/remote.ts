import { randomBytes, randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { type Loopback, serveFetch } from '../../fixtures/mcp-servers/loopback.ts';
import { UPSTREAM_TOKEN } from '../upstream-token.ts';
import { createV2Server } from './v2-server.ts';

/** The server elsewhere: over Streamable HTTP with sessions, for those who bring the upstream token. */
export function startRemoteServer(): Promise<Loopback> {
  const requestStateKey = randomBytes(32).toString('hex');
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const open = async (): Promise<WebStandardStreamableHTTPServerTransport> => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await createV2Server(requestStateKey).connect(transport);
    return transport;
  };
  return serveFetch(async (request) => {
    if (request.headers.get('authorization') !== `Bearer ${UPSTREAM_TOKEN}`) {
      return new Response(null, { status: 401 });
    }
    const id = request.headers.get('mcp-session-id');
    const transport = id === null ? await open() : sessions.get(id);
    return transport === undefined ? new Response(null, { status: 404 }) : transport.handleRequest(request);
  });
}
