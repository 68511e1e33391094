import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { type Answer, isEventStream, isPlain } from './answer.ts';
import type { ClientPresence } from './client-presence.ts';
import type { ConnectionInfo, HeaderFields, InboundBody, InboundRequest } from './inbound-request.ts';

/** What gives the body of a Node request, from the first byte that nobody has read. */
export type NodeBody = (request: IncomingMessage, headers: HeaderFields) => InboundBody | null;

const fromStream: NodeBody = (request, headers) => ({
  takeAll: () => takeAll(request, headers['content-length']),
  // Whoever stops reading early has an answer to give, for which the connection is needed.
  [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }),
});

/** Most bodies come together with their head. */
function takeAll(request: IncomingMessage, declared: HeaderFields[string]): Uint8Array | undefined {
  const { destroyed, readableFlowing, readableLength } = request;
  if (destroyed || readableFlowing !== null || readableLength === 0) return undefined;
  if (declared !== String(readableLength)) return undefined;
  const bytes = request.read() as Uint8Array;
  // The stream has its end still to tell, to the server around it.
  request.resume();
  return bytes;
}

/** Reads the head of a Node request. Repeated fields stay apart, which a web `Request` could not say. */
export function fromNodeRequest(
  request: IncomingMessage,
  presence: ClientPresence,
  bodyOf: NodeBody = fromStream,
): InboundRequest {
  const target = request.url ?? '/';
  const question = target.indexOf('?');
  const headers = distinctHeaders(request);
  return {
    method: request.method ?? 'GET',
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? '' : target.slice(question + 1),
    headers,
    info: connectionInfo(request),
    presence,
    body: () => bodyOf(request, headers),
  };
}

/** The path of a request's target, as {@link fromNodeRequest} splits it. */
export function pathOf(target = '/'): string {
  const question = target.indexOf('?');
  return question < 0 ? target : target.slice(0, question);
}

function distinctHeaders(request: IncomingMessage): Record<string, string | string[]> {
  const headers = Object.create(null) as Record<string, string | string[]>;
  const { rawHeaders } = request;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    const present = headers[name];
    if (present === undefined) headers[name] = value;
    else if (typeof present === 'string') headers[name] = [present, value];
    else present.push(value);
  }
  return headers;
}

/** What Node knows of the connection that a request came over. */
export function connectionInfo({ socket }: IncomingMessage): ConnectionInfo {
  const { remoteAddress, localAddress } = socket;
  const tls = socket as Partial<TLSSocket>;
  const certificate = tls.getPeerX509Certificate?.();
  return {
    remoteAddress,
    localAddress,
    ...(certificate !== undefined && {
      clientCertificate: { raw: certificate.raw, authorized: tls.authorized === true },
    }),
  };
}

/** Writes an answer, streaming with back-pressure; stops its source when the client goes away. */
export function writeNodeResponse(answer: Answer, target: ServerResponse): Promise<void> | void {
  if (!isPlain(answer)) return writeWebResponse(answer, target);
  target.statusCode = answer.status;
  // In the order of a web `Response`: how an answer was made is nothing to be read from it.
  for (const name of Object.keys(answer.headers).sort()) target.setHeader(name, answer.headers[name] ?? '');
  // For the same reason events have no length, even where all of them are here.
  if (answer.headers['content-type'] === 'text/event-stream') target.writeHead(answer.status);
  target.end(answer.body);
}

async function writeWebResponse(response: Response, target: ServerResponse): Promise<void> {
  target.statusCode = response.status;
  response.headers.forEach((value, name) => {
    if (name !== 'set-cookie') target.setHeader(name, value);
  });
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) target.setHeader('set-cookie', cookies);
  if (response.body === null) {
    target.end();
    return;
  }
  if (!isEventStream(response)) {
    target.end(Buffer.from(await response.arrayBuffer()));
    return;
  }
  target.flushHeaders();
  await pump(response.body.getReader(), target);
}

async function pump(reader: ReadableStreamDefaultReader<Uint8Array>, target: ServerResponse): Promise<void> {
  const onClose = () => {
    reader.cancel().catch(() => {
      // The source ended by itself at the same moment.
    });
  };
  target.once('close', onClose);
  // It may have closed while the answer was being made, and says so only once.
  if (target.destroyed) onClose();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || target.destroyed) break;
      if (!target.write(value)) await drained(target);
    }
    target.end();
  } catch {
    // The headers are out: cutting the connection is the only way left to say that something failed.
    target.destroy();
  } finally {
    target.off('close', onClose);
  }
}

function drained(target: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      target.off('drain', done);
      target.off('close', done);
      resolve();
    };
    target.once('drain', done);
    target.once('close', done);
  });
}
