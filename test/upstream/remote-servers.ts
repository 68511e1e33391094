import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { onTestFinished } from 'vitest';
import { registerTools } from './fixtures/notes-tools.mjs';

export interface Remote {
  readonly url: string;
  readonly seen: Seen[];
}

/** What reached the server, in the order in which it came. */
export interface Seen {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly rpc: string | undefined;
}

type Serve = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void> | void;

/** A server elsewhere: on loopback, closed when the test is over. */
export async function startRemote(serve: Serve): Promise<Remote> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      const rpc = (body as { method?: string } | undefined)?.method;
      seen.push({ method: request.method ?? '', headers: request.headers, rpc });
      await serve(request, response, body);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, seen };
}

/** SDK v2: no sessions. */
export function startRemoteV2(): Promise<Remote> {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    registerTools(server, 'v2');
    return server;
  });
  onTestFinished(() => handler.close());
  return startRemote(async (request, response, body) => {
    const url = `http://127.0.0.1${request.url ?? '/'}`;
    const headers = new Headers(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const answer = await handler.fetch(new Request(url, { method: request.method ?? 'GET', headers }), {
      ...(body !== undefined && { parsedBody: body }),
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body !== null) for await (const chunk of answer.body) response.write(chunk);
    response.end();
  });
}

/** SDK v1: a session for each client that initializes. */
export function startRemoteV1(): Promise<Remote & { readonly sessions: Map<string, unknown> }> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    const server = new McpServerV1({ name: 'notes', version: '1.0.0' });
    registerTools(server, 'v1');
    await server.connect(transport as Parameters<McpServerV1['connect']>[0]);
    return transport;
  };
  return startRemote(async (request, response, body) => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    if (id !== undefined && known === undefined) {
      response.writeHead(404).end('unknown session');
      return;
    }
    await (known ?? (await open())).handleRequest(request, response, body);
  }).then((remote) => ({ ...remote, sessions }));
}
