import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request as ExpressRequest, Response as ExpressResponse, RequestHandler } from 'express';
import type { Gate } from 'mcp-gatehouse';

/**
 * Asks the gate, and gives its answers about sessions the status and the words of the lesson: 400 where a session is
 * missing or unknown. MCP has 404 for the latter, from which clients learn to open another session.
 */
export function answerInLessonWords(gate: Gate, publicUrl: string): RequestHandler {
  return async (request, response) => {
    const answer = await ask(gate, request, { publicUrl, signal: goneWith(response) });
    if (!isAboutSession(request, answer)) await send(answer, response);
    else if (request.method === 'POST') response.status(400).json(NO_SESSION);
    else response.status(400).send('Invalid or missing session ID');
  };
}

const NO_SESSION = {
  jsonrpc: '2.0',
  error: { code: -32000, message: 'Bad Request: No valid session ID provided' },
  id: null,
} as const;

function isAboutSession(request: ExpressRequest, { status }: Response): boolean {
  // Clients of 2026 have no sessions; they name their method in a header.
  if (request.get('mcp-method') !== undefined) return false;
  const hasId = request.get('mcp-session-id') !== undefined;
  if (!hasId && request.method !== 'POST') return true;
  return hasId ? status === 404 : status === 400;
}

interface AskOptions {
  readonly publicUrl: string;
  readonly signal: AbortSignal;
}

function ask(gate: Gate, request: ExpressRequest, { publicUrl, signal }: AskOptions): Promise<Response> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    // The body is written anew below.
    if (value === undefined || name === 'content-length' || name === 'transfer-encoding') continue;
    for (const one of [value].flat()) headers.append(name, one);
  }
  // The lesson's GET is for a stream, whatever it says that it accepts.
  if (request.method === 'GET') headers.set('accept', 'text/event-stream');
  const body = request.method === 'POST' ? JSON.stringify(request.body ?? null) : undefined;
  return gate.fetch(
    new Request(new URL(request.originalUrl, publicUrl), {
      method: request.method,
      headers,
      signal,
      ...(body !== undefined && { body }),
    }),
    { remoteAddress: request.socket.remoteAddress },
  );
}

function goneWith(response: ExpressResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}

async function send(answer: Response, response: ExpressResponse): Promise<void> {
  response.status(answer.status);
  answer.headers.forEach((value, name) => response.setHeader(name, value));
  if (answer.body === null) {
    response.end();
    return;
  }
  response.flushHeaders();
  // A client that goes in the middle of a stream is no error.
  await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), response).catch(
    () => undefined,
  );
}
