import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Journal } from '../journal.ts';
import { ownerOf } from './owner.ts';
import { createV1Server } from './v1-server.ts';

export interface Remote {
  readonly url: string;
  close(): Promise<void>;
}

/** A server elsewhere: SDK v1 over Streamable HTTP with sessions, each for whoever's token came with its first request. */
export async function startRemote(journal: Journal): Promise<Remote> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const responses = new AsyncLocalStorage<ServerResponse>();
  const die = (): void => void responses.getStore()?.destroy();

  async function openSession(token: string): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    const server = createV1Server({ user: ownerOf(token), token, journal, die });
    // SDK v1 declares optional members in a way that exactOptionalPropertyTypes tells from its own interface.
    await server.connect(transport as unknown as Parameters<typeof server.connect>[0]);
    return transport;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const id = request.headers['mcp-session-id'];
    if (token === undefined) return void response.writeHead(401).end();
    const session = typeof id === 'string' ? sessions.get(id) : await openSession(token);
    if (session === undefined) return void response.writeHead(404).end();
    await responses.run(response, () => session.handleRequest(request, response));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
