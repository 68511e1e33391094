import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { ConnectionInfo, InboundRequest } from './inbound-request.ts';

/** Reads the head of a Node request. Repeated fields stay apart, which a web `Request` could not say. */
export function fromNodeRequest(request: IncomingMessage, signal: AbortSignal): InboundRequest {
  const target = request.url ?? '/';
  const question = target.indexOf('?');
  return {
    method: request.method ?? 'GET',
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? '' : target.slice(question + 1),
    headers: distinctHeaders(request),
    info: connectionInfo(request),
    signal,
    // Whoever stops reading early has an answer to give, for which the connection is needed.
    body: () => request.iterator({ destroyOnReturn: false }),
  };
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

function connectionInfo({ socket }: IncomingMessage): ConnectionInfo {
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

/** Writes a web `Response`, streaming with back-pressure; stops its source when the client goes away. */
export async function writeNodeResponse(response: Response, target: ServerResponse): Promise<void> {
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
  if (!isStream(response)) {
    target.end(Buffer.from(await response.arrayBuffer()));
    return;
  }
  target.flushHeaders();
  await pump(response.body.getReader(), target);
}

function isStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') === true;
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

/** A signal that fires when the client goes away before it has its answer. */
export function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}
