import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { Agent, createServer, IncomingMessage, OutgoingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { Duplex, Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createDispatcher } from '../../../src/express/dispatch.ts';
import type { Dispatcher, ExpressApp } from '../../../src/express/inner-request.ts';
import { type Ask, askPort, toInnerRequest } from './both-ways.ts';
import { orNext } from './case.ts';
import { compression, type Express, type ExpressPackage, helmet, VERSIONS } from './packages.ts';

const SHARED = [IncomingMessage, OutgoingMessage, ServerResponse, Server, Socket, Duplex, Readable, Writable];

/** Every property of an object and what it is made of. */
function shapeOf(object: object): object {
  return {
    prototype: Object.getPrototypeOf(object) as unknown,
    own: Object.getOwnPropertyDescriptors(object),
  };
}

const userAsk = (user: string): Ask => ({
  method: 'POST',
  target: `/me?user=${user}`,
  headers: { authorization: `Bearer ${user}`, 'content-type': 'application/json', 'x-user': user },
  body: JSON.stringify({ user, pad: 'x'.repeat(user.length * 1000) }),
});

/** Says who asked by everything that could be another's, some time after it was asked. */
function whoAmI(express: ExpressPackage): Express {
  const users = new AsyncLocalStorage<string>();
  const app = express();
  app.use(helmet(), compression({ threshold: 0 }));
  app.use(express.json());
  app.use((request, response, next) => {
    response.locals.user = request.get('x-user');
    users.run(request.get('x-user') ?? '', next);
  });
  app.post(
    '/me',
    orNext(async (request, response) => {
      await sleep(Math.random() * 10);
      const { user } = request.body as { user: string };
      response.set('x-answer-for', user).json({
        body: user,
        query: request.query.user,
        credential: request.get('authorization'),
        locals: response.locals.user as unknown,
        context: users.getStore(),
      });
    }),
  );
  return app;
}

const answerFor = (user: string) => ({
  body: user,
  query: user,
  credential: `Bearer ${user}`,
  locals: user,
  context: user,
});

async function askAs(dispatcher: Dispatcher, user: string): Promise<unknown> {
  const { headers, body } = await dispatcher.dispatch(toInnerRequest(userAsk(user)));
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  expect(headers['x-answer-for']).toBe(user);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const users = (count: number): string[] => Array.from({ length: count }, (_, index) => `user-${index}`);

describe.each(VERSIONS)('$version: one app, in process and on a network', ({ express }) => {
  test('a hundred callers at once each get their own answer', async () => {
    const dispatcher = createDispatcher(whoAmI(express) as ExpressApp, { timeoutMs: 10_000 });
    const answers = await Promise.all(users(100).map((user) => askAs(dispatcher, user)));
    expect(answers).toEqual(users(100).map(answerFor));
  });

  test('live requests are served while others are dispatched', async () => {
    const app = whoAmI(express);
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const agent = new Agent({ keepAlive: true, maxSockets: 10 });
    try {
      const dispatcher = createDispatcher(app as ExpressApp, { timeoutMs: 10_000 });
      for (let round = 0; round < 3; round++) {
        const [inner, live] = await Promise.all([
          Promise.all(users(40).map((user) => askAs(dispatcher, user))),
          Promise.all(users(40).map((user) => askPort(port, userAsk(`live-${user}`), agent))),
        ]);
        expect(inner).toEqual(users(40).map(answerFor));
        expect(live.map(({ body }) => JSON.parse(body) as unknown)).toEqual(
          users(40).map((user) => answerFor(`live-${user}`)),
        );
      }
    } finally {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    }
  });

  test('nothing that requests share is touched', async () => {
    const app = whoAmI(express);
    const shared = [...SHARED.map(({ prototype }) => prototype as object), app.request, app.response];
    const before = shared.map(shapeOf);
    const dispatcher = createDispatcher(app as ExpressApp, { timeoutMs: 10_000 });
    expect(await askAs(dispatcher, 'ada')).toEqual(answerFor('ada'));
    await expect(
      dispatcher.dispatch({ ...toInnerRequest(userAsk('bob')), signal: AbortSignal.timeout(1) }),
    ).rejects.toThrow();
    expect(shared.map(shapeOf)).toEqual(before);
  });

  test('requests are what Node makes them, under prototypes of the app', async () => {
    const app = express();
    app.get('/', (request, response) => {
      const { constructor } = Object.getPrototypeOf(Object.getPrototypeOf(request) as object) as object;
      response.json([
        request instanceof IncomingMessage,
        response instanceof ServerResponse,
        constructor === (Object.getPrototypeOf(app.request) as object).constructor,
        Object.getOwnPropertyNames(request).filter((name) => name.startsWith('inner')),
      ]);
    });
    const { body } = await createDispatcher(app as ExpressApp, { timeoutMs: 1000 }).dispatch(
      toInnerRequest({ target: '/' }),
    );
    for await (const chunk of body) expect(Buffer.from(chunk).toString()).toBe('[true,true,true,[]]');
  });

  test('a connection that is encrypted outside is so inside', async () => {
    const app = express();
    app.get('/', ({ secure, protocol, socket }, response) => {
      const { authorized } = socket as unknown as { authorized: boolean };
      response.json({ secure, protocol, authorized });
    });
    const { body } = await createDispatcher(app as ExpressApp, { timeoutMs: 1000 }).dispatch({
      ...toInnerRequest({ target: '/' }),
      connection: { remoteAddress: '203.0.113.1', encrypted: true },
    });
    for await (const chunk of body) {
      expect(JSON.parse(Buffer.from(chunk).toString())).toEqual({
        secure: true,
        protocol: 'https',
        authorized: false,
      });
    }
  });
});
