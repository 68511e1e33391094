import { once } from 'node:events';
import { Agent, createServer, IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MCPAuthError, TransportError } from '../../../src/core/errors.ts';
import { createDispatcher } from '../../../src/express/dispatch.ts';
import type { Dispatcher, ExpressApp, InnerResponse } from '../../../src/express/inner-request.ts';
import { type NodeApp, toInnerRequest } from './both-ways.ts';
import { type Express, type ExpressPackage, VERSIONS } from './packages.ts';

const CHUNK = Buffer.alloc(16 * 1024, 'x');

interface Watched {
  readonly app: NodeApp;
  readonly log: string[];
  readonly closed: Promise<unknown>;
}

/** Follows the first request of an app. */
function watch(app: Express): Watched {
  const log: string[] = [];
  let onClose: (value?: unknown) => void;
  const closed = new Promise((resolve) => (onClose = resolve));
  const watched: NodeApp = (incoming, outgoing) => {
    for (const event of ['aborted', 'error', 'end', 'close']) {
      incoming.on(event, () => log.push(`request ${event}`));
    }
    for (const event of ['finish', 'error', 'close']) outgoing.on(event, () => log.push(`response ${event}`));
    incoming.socket.on('close', () => setImmediate(onClose));
    app(incoming, outgoing);
  };
  return { app: watched, log, closed };
}

const dispatcherOf = (app: NodeApp, timeoutMs = 10_000): Dispatcher =>
  createDispatcher(app as ExpressApp, { timeoutMs });

async function textOf({ body }: InnerResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The same over a network, by a client that goes away once `isEnough`. */
async function leaveOverLoopback(app: NodeApp, isEnough: 'sent' | 'some'): Promise<void> {
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent();
  await new Promise<void>((resolve) => {
    const sent = request({ host: '127.0.0.1', port, agent, path: '/' });
    sent.on('error', () => resolve());
    sent.on('response', (response) => {
      response.on('error', () => resolve());
      response.once('data', () => setTimeout(() => sent.destroy(), 20));
      response.once('data', () => response.pause());
    });
    sent.on('close', () => resolve());
    sent.end();
    if (isEnough === 'sent') server.once('request', () => setTimeout(() => sent.destroy(), 20));
  });
  agent.destroy();
  server.close();
}

const silent = (express: ExpressPackage): Express => {
  const app = express();
  app.get('/', () => undefined);
  return app;
};

/** Writes for ever, as fast as it may. */
const endless = (express: ExpressPackage, wrote: (bytes: number) => void = () => undefined): Express => {
  const app = express();
  app.get('/', (_request, response) => {
    const more = (): void => {
      for (let part = 0; part < 10_000 && !response.destroyed; part++) {
        wrote(CHUNK.byteLength);
        if (!response.write(CHUNK)) {
          response.once('drain', more);
          return;
        }
      }
    };
    more();
  });
  return app;
};

describe.each(VERSIONS)('$version: the life of a request', ({ express }) => {
  test('a caller who goes before the answer is a client who goes away', async () => {
    const inner = watch(silent(express));
    const gone = new AbortController();
    const reason = new Error('gone');
    const asked = dispatcherOf(inner.app).dispatch({
      ...toInnerRequest({ target: '/' }),
      signal: gone.signal,
    });
    setTimeout(() => gone.abort(reason), 20);
    await expect(asked).rejects.toBe(reason);
    await inner.closed;

    const outer = watch(silent(express));
    await leaveOverLoopback(outer.app, 'sent');
    await outer.closed;
    expect(inner.log).toEqual(outer.log);
    expect(inner.log).toContain('request aborted');
    expect(inner.log.filter((line) => line === 'response close')).toHaveLength(1);
  });

  test('a reader who leaves in the middle is a client who goes away', async () => {
    const inner = watch(endless(express));
    const { body } = await dispatcherOf(inner.app).dispatch(toInnerRequest({ target: '/' }));
    for await (const chunk of body) if (chunk.byteLength > 0) break;
    await inner.closed;

    const outer = watch(endless(express));
    await leaveOverLoopback(outer.app, 'some');
    await outer.closed;
    expect(inner.log).toEqual(outer.log);
    expect(inner.log).toContain('response close');
    expect(inner.log).not.toContain('response finish');
  });

  test('a write that is under way when its client goes is told', async () => {
    const writing = (note: (line: string) => void): Express => {
      const app = express();
      app.get('/', (_request, response) => {
        response.write(Buffer.alloc(30_000_000), () => note('first written'));
        setImmediate(() => response.end(CHUNK, () => note('end written')));
      });
      return app;
    };
    const inner = watch(writing((line) => void inner.log.push(line)));
    const { body } = await dispatcherOf(inner.app).dispatch(toInnerRequest({ target: '/' }));
    await sleep(20);
    await body[Symbol.asyncIterator]().return?.();
    await inner.closed;

    const outer = watch(writing((line) => void outer.log.push(line)));
    await leaveOverLoopback(outer.app, 'some');
    await outer.closed;
    expect(inner.log).toEqual(outer.log);
  });

  test('a signal in the middle of an answer ends it with its reason', async () => {
    const inner = watch(endless(express));
    const gone = new AbortController();
    const answer = await dispatcherOf(inner.app).dispatch({
      ...toInnerRequest({ target: '/' }),
      signal: gone.signal,
    });
    const reason = new Error('gone');
    setTimeout(() => gone.abort(reason), 10);
    await expect(textOf(answer)).rejects.toBe(reason);
    await inner.closed;
    expect(inner.log).not.toContain('response finish');
  });

  test('a signal that has ended before lets nothing reach the app', async () => {
    const inner = watch(silent(express));
    const signal = AbortSignal.abort();
    await expect(
      dispatcherOf(inner.app).dispatch({ ...toInnerRequest({ target: '/' }), signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(inner.log).toEqual([]);
  });

  test('a signal that ends when the answer is whole changes nothing of it', async () => {
    const app = express();
    app.get('/', (_request, response) => void response.send('whole'));
    const gone = new AbortController();
    const answer = await dispatcherOf(app).dispatch({
      ...toInnerRequest({ target: '/' }),
      signal: gone.signal,
    });
    gone.abort();
    expect(await textOf(answer)).toBe('whole');
  });

  test('an app that does not answer in time is left, and told', async () => {
    const inner = watch(silent(express));
    const asked = dispatcherOf(inner.app, 30).dispatch(toInnerRequest({ target: '/' }));
    await expect(asked).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    await expect(asked).rejects.toBeInstanceOf(MCPAuthError);
    await inner.closed;
    expect(inner.log).toContain('request aborted');
    expect(inner.log).toContain('response close');
  });

  test('an app whose answer takes too long is left in the middle of it', async () => {
    const app = express();
    app.get('/', (_request, response) => void response.write('the first part'));
    const inner = watch(app);
    const { status, body } = await dispatcherOf(inner.app, 40).dispatch(toInnerRequest({ target: '/' }));
    expect(status).toBe(200);
    const chunks: string[] = [];
    const read = async (): Promise<void> => {
      for await (const chunk of body) chunks.push(Buffer.from(chunk).toString());
    };
    await expect(read()).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    expect(chunks).toEqual(['the first part']);
    await inner.closed;
  });

  test('an answer that is whole is read at leisure', async () => {
    const app = express();
    app.get('/', (_request, response) => void response.send('x'.repeat(500_000)));
    const answer = await dispatcherOf(app, 50).dispatch(toInnerRequest({ target: '/' }));
    await sleep(100);
    expect((await textOf(answer)).length).toBe(500_000);
  });

  test('an answer that nobody reads holds its app back, until its time is up', async () => {
    let wrote = 0;
    const inner = watch(endless(express, (bytes) => (wrote += bytes)));
    const { body } = await dispatcherOf(inner.app, 100).dispatch(toInnerRequest({ target: '/' }));
    await inner.closed;
    expect(wrote).toBeLessThan(1_000_000);
    expect(inner.log).toContain('response close');
    await expect(textOf({ status: 200, headers: {}, body })).rejects.toMatchObject({
      code: 'REQUEST_TIMEOUT',
    });
  });

  test('a slow reader makes a fast app wait', async () => {
    let wrote = 0;
    let read = 0;
    const { body } = await dispatcherOf(endless(express, (bytes) => (wrote += bytes))).dispatch(
      toInnerRequest({ target: '/' }),
    );
    for await (const chunk of body) {
      read += chunk.byteLength;
      await new Promise((resolve) => setImmediate(resolve));
      expect(wrote - read).toBeLessThan(500_000);
      if (read > 3_000_000) break;
    }
    expect(read).toBeGreaterThan(3_000_000);
  });

  test('a body is read to its end, however long after the answer', async () => {
    const app = express();
    const received = new Promise<number>((resolve) => {
      app.post('/', (incoming, response) => {
        let bytes = 0;
        const slow = new Writable({
          write(chunk: Buffer, _encoding, done) {
            bytes += chunk.byteLength;
            setImmediate(done);
          },
        });
        pipeline(incoming, slow, () => resolve(bytes));
        response.status(202).end();
      });
    });
    const answer = await dispatcherOf(app).dispatch(
      toInnerRequest({ method: 'POST', target: '/', body: Buffer.alloc(2_000_000) }),
    );
    expect(answer.status).toBe(202);
    await textOf(answer);
    expect(await received).toBe(2_000_000);
  });

  test('a body that is read too slowly after the answer is aborted when its time is up', async () => {
    const app = express();
    const failed = new Promise<Error | null | undefined>((resolve) => {
      app.post('/', (incoming, response) => {
        const stuck = new Writable({ write: () => undefined });
        pipeline(incoming, stuck, resolve);
        response.status(202).end();
      });
    });
    const answer = await dispatcherOf(app, 50).dispatch(
      toInnerRequest({ method: 'POST', target: '/', body: Buffer.alloc(2_000_000) }),
    );
    await textOf(answer);
    expect(await failed).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  test('parts of an answer arrive as they are written, the head first', async () => {
    const app = express();
    const steps: ((value?: unknown) => void)[] = [];
    app.get('/', async (_request, response) => {
      response.type('text/event-stream').flushHeaders();
      for (const part of ['one', 'two']) {
        await new Promise((resolve) => steps.push(resolve));
        response.write(part);
      }
      response.end();
    });
    const { headers, body } = await dispatcherOf(app).dispatch(toInnerRequest({ target: '/' }));
    expect(headers['content-type']).toContain('text/event-stream');
    const chunks = body[Symbol.asyncIterator]();
    for (const part of ['one', 'two']) {
      const next = chunks.next();
      steps.shift()?.();
      expect(Buffer.from((await next).value as Uint8Array).toString()).toBe(part);
    }
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  test('the signal of a request ends with it, where Node has one', async () => {
    const app = express();
    let signal: AbortSignal | undefined;
    app.get('/', (incoming) => {
      ({ signal } = incoming as unknown as { signal?: AbortSignal });
    });
    const gone = new AbortController();
    const asked = dispatcherOf(app).dispatch({ ...toInnerRequest({ target: '/' }), signal: gone.signal });
    setTimeout(() => gone.abort(), 20);
    await expect(asked).rejects.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
    expect(signal?.aborted).toBe('signal' in IncomingMessage.prototype ? true : undefined);
  });
});

describe('where a network would differ', () => {
  // There, what comes after the length is the next answer, and none; one client takes offence, another does not.
  test('an answer longer than it said is cut to what it said', async () => {
    const app: NodeApp = (_request, response) => {
      response.setHeader('content-length', 5);
      response.end('short and more');
    };
    expect(await textOf(await dispatcherOf(app).dispatch(toInnerRequest({ target: '/' })))).toBe('short');
  });

  // There, Node runs what is due between the first part of a body and its end, even if both came together.
  test('a body that is paused in its first part, when that is all of it, ends nonetheless', async () => {
    let ends = 0;
    const app: NodeApp = (incoming, response) => {
      incoming.on('end', () => (ends += 1));
      incoming.once('data', (chunk: Buffer) => {
        incoming.pause();
        response.end(chunk);
      });
    };
    const answer = await dispatcherOf(app).dispatch(
      toInnerRequest({ method: 'POST', target: '/', body: 'all of it' }),
    );
    expect(await textOf(answer)).toBe('all of it');
    expect(ends).toBe(1);
  });
});

describe('many requests in a row', () => {
  test('leave timers their turn', async () => {
    const app: NodeApp = (_request, response) => void response.end();
    const dispatcher = dispatcherOf(app);
    let hasFired = false;
    const timer = setTimeout(() => (hasFired = true), 5);
    for (let call = 0; call < 5000 && !hasFired; call++) {
      await textOf(await dispatcher.dispatch(toInnerRequest({ target: '/' })));
    }
    clearTimeout(timer);
    expect(hasFired).toBe(true);
  });
});

describe('apps that are no Express', () => {
  const broken = new Error('broken');
  test.each([
    [
      'throws',
      () => {
        throw broken;
      },
    ],
    ['rejects', () => Promise.reject(broken)],
  ])('an app that %s instead of answering cuts its connection', async (_how, app: () => unknown) => {
    const asked = dispatcherOf(app).dispatch(toInnerRequest({ target: '/' }));
    await expect(asked).rejects.toBeInstanceOf(TransportError);
    await expect(asked).rejects.toMatchObject({ code: 'TRANSPORT_ERROR', cause: broken });
  });

  test('an app that ends its connection in another way has not answered', async () => {
    const half: NodeApp = ({ socket }) => void socket.end();
    const garbage: NodeApp = ({ socket }) => void socket.end('hello there\r\n\r\n');
    for (const app of [half, garbage]) {
      await expect(dispatcherOf(app).dispatch(toInnerRequest({ target: '/' }))).rejects.toMatchObject({
        code: 'TRANSPORT_ERROR',
      });
    }
  });
});
