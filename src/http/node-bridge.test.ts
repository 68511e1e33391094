import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ResponsePresence } from './client-presence.ts';
import type { InboundRequest } from './inbound-request.ts';
import { fromNodeRequest, writeNodeResponse } from './node-bridge.ts';

type Handler = (request: InboundRequest) => Response | Promise<Response>;

async function serve(handler: Handler): Promise<number> {
  const server = createServer((request, response) => {
    const inbound = fromNodeRequest(request, new ResponsePresence(response));
    void Promise.resolve(handler(inbound)).then((answer) => writeNodeResponse(answer, response));
  });
  onTestFinished(() => {
    server.close().closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Sends lines as they are, and returns what the bridge made of them. */
async function readHead(...lines: readonly string[]): Promise<InboundRequest> {
  let seen: InboundRequest | undefined;
  const port = await serve((request) => {
    seen = request;
    return new Response(null);
  });
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write([...lines, 'Connection: close', '', ''].join('\r\n')),
    );
    socket.resume().on('close', () => resolve());
  });
  return seen ?? expect.fail('nothing arrived');
}

/** Opens a request and returns its answer as soon as the head is there; the body is not read. */
async function open(port: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', agent: false }, resolve).on('error', reject);
    onTestFinished(() => void request.destroy());
    request.end();
  });
}

const EVENTS = { headers: { 'content-type': 'text/event-stream' } };
const text = (value: string) => new TextEncoder().encode(value);

describe('fromNodeRequest', () => {
  it('keeps repeated fields apart, in the order they came', async () => {
    const { headers } = await readHead(
      'GET / HTTP/1.1',
      'Host: a',
      'X-One: 1',
      'AUTHORIZATION: x',
      'Authorization: y',
      'authorization: z',
    );
    expect(headers['authorization']).toEqual(['x', 'y', 'z']);
    expect(headers['x-one']).toBe('1');
    expect(headers).not.toHaveProperty('X-One');
  });

  it('takes names of every object for what they are', async () => {
    const { headers } = await readHead('GET / HTTP/1.1', 'Host: a', '__proto__: x', 'constructor: y');
    expect(Object.keys(headers)).toEqual(expect.arrayContaining(['__proto__', 'constructor']));
    expect(headers['toString']).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });

  it.each([
    ['/mcp', '/mcp', ''],
    ['/mcp?', '/mcp', ''],
    ['/mcp?a=1?b=2', '/mcp', 'a=1?b=2'],
    ['/a%2fb?%zz', '/a%2fb', '%zz'],
    ['*', '*', ''],
  ])('splits the target %s and decodes nothing', async (target, path, query) => {
    expect(await readHead(`GET ${target} HTTP/1.1`, 'Host: a')).toMatchObject({ method: 'GET', path, query });
  });

  it('knows both ends of the connection', async () => {
    const { info } = await readHead('GET / HTTP/1.1', 'Host: a');
    expect(info).toEqual({ remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' });
  });

  it('gives the body as it arrives, and the connection is there for the answer when reading stops', async () => {
    const port = await serve(async (request) => {
      for await (const chunk of request.body() ?? []) return new Response(`first of ${chunk.byteLength}`);
      return new Response('none');
    });
    const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: new Uint8Array(200_000) });
    expect(await answer.text()).toMatch(/^first of \d+$/);
  });
});

describe('writeNodeResponse', () => {
  it('writes status, fields and each cookie for itself', async () => {
    const headers = new Headers([
      ['x-one', '1'],
      ['set-cookie', 'a=1; Path=/'],
      ['set-cookie', 'b=2'],
    ]);
    const port = await serve(() => new Response('{"a":1}', { status: 418, headers }));
    const answer = await fetch(`http://127.0.0.1:${port}`);
    expect([answer.status, answer.headers.get('x-one'), await answer.text()]).toEqual([418, '1', '{"a":1}']);
    expect(answer.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2']);
    expect(answer.headers.get('content-length')).toBe('7');
  });

  it('ends an answer without a body', async () => {
    const port = await serve(() => new Response(null, { status: 202 }));
    const answer = await fetch(`http://127.0.0.1:${port}`);
    expect([answer.status, await answer.text()]).toEqual([202, '']);
  });

  it('lets each event out before the next one is there', async () => {
    let next = (): void => undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(text('data: 1\n\n'));
        next = () => {
          controller.enqueue(text('data: 2\n\n'));
          controller.close();
        };
      },
    });
    const port = await serve(() => new Response(body, EVENTS));
    const reader = (await fetch(`http://127.0.0.1:${port}`)).body
      ?.pipeThrough(new TextDecoderStream())
      .getReader();
    expect((await reader?.read())?.value).toBe('data: 1\n\n');
    next();
    expect((await reader?.read())?.value).toBe('data: 2\n\n');
    expect((await reader?.read())?.done).toBe(true);
  });

  it('takes no more from its source than a client reads', async () => {
    const chunk = new Uint8Array(65_536);
    const total = 4000;
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(chunk);
          if (pulled === total) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const port = await serve(() => new Response(body, EVENTS));
    const answer = await open(port);
    answer.pause();
    let before = -1;
    await expect
      .poll(() => before === (before = pulled) && pulled > 0, { interval: 200, timeout: 10_000 })
      .toBe(true);
    expect(pulled).toBeLessThan(total / 2);
    let received = 0;
    for await (const part of answer) received += (part as Buffer).byteLength;
    expect([pulled, received]).toEqual([total, total * chunk.byteLength]);
  });

  it('stops its source and tells it when the client goes away', async () => {
    let signal: AbortSignal | undefined;
    const isCancelled = new Promise<void>((resolve) => {
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(text(': open\n\n')),
        cancel: () => resolve(),
      });
      void serve((request) => {
        signal = request.presence.signal;
        return new Response(body, EVENTS);
      }).then(async (port) => (await open(port)).destroy());
    });
    await isCancelled;
    await expect.poll(() => signal?.aborted).toBe(true);
  });

  it('stops its source when the client was gone before there was an answer', async () => {
    let isGone = (): void => undefined;
    const gone = new Promise<void>((resolve) => {
      isGone = resolve;
    });
    let isAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const isCancelled = new Promise<void>((resolve) => {
      const body = new ReadableStream({ cancel: () => resolve() });
      void serve(async ({ presence }) => {
        presence.onGone(isGone);
        isAsked();
        await gone;
        return new Response(body, EVENTS);
      }).then(async (port) => {
        const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
        await asked;
        socket.destroy();
      });
    });
    await expect(isCancelled).resolves.toBeUndefined();
  });

  it('does not take an answer that was read to its end for a client that left', async () => {
    let signal: AbortSignal | undefined;
    const port = await serve((request) => {
      signal = request.presence.signal;
      return new Response('done');
    });
    const answer = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } });
    await answer.text();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(signal?.aborted).toBe(false);
  });

  it('cuts the connection when a stream fails, so that nobody takes it for its end', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(text('data: 1\n\n'));
        queueMicrotask(() => setImmediate(() => controller.error(new Error('broken'))));
      },
    });
    const answer = await open(await serve(() => new Response(body, EVENTS)));
    const ended = new Promise<boolean>((resolve) =>
      answer.on('error', () => undefined).on('close', () => resolve(answer.complete)),
    );
    answer.resume();
    expect(await ended).toBe(false);
  });
});
