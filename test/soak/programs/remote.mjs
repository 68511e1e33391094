/** A server elsewhere: SDK v1 over Streamable HTTP with sessions, each for whoever's token came with its first request. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createV1 } from './servers.mjs';
import { ownerOf } from './tools.mjs';

const sessions = new Map();
const responses = new AsyncLocalStorage();

async function openSession(token) {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await createV1(ownerOf(token), () => responses.getStore()?.destroy()).connect(transport);
  return transport;
}

async function answer(request, response) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const id = request.headers['mcp-session-id'];
  if (token === undefined) return void response.writeHead(401).end();
  const session = id === undefined ? await openSession(token) : sessions.get(id);
  if (session === undefined) return void response.writeHead(404).end();
  await responses.run(response, () => session.handleRequest(request, response));
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', () => process.send({ sessions: sessions.size }));
process.on('disconnect', () => process.exit(0));
