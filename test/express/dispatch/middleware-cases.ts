import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { Answer } from './both-ways.ts';
import { type Case, orNext, plain } from './case.ts';
import {
  compression,
  cookieParser,
  type ErrorRequestHandler,
  helmet,
  morgan,
  rateLimit,
  session,
} from './packages.ts';

const require = createRequire(import.meta.url);
const onFinished = require('on-finished') as {
  (message: IncomingMessage | ServerResponse, done: (error: Error | null) => void): void;
  isFinished(message: IncomingMessage | ServerResponse): boolean | undefined;
};

const LONG_TEXT = 'the same again and '.repeat(500);
const GZIP = { 'accept-encoding': 'gzip' };

const cookieOf = (answer: Answer | undefined): string =>
  (answer?.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]).join('; ');
const unzipped = (answer: Answer | undefined): string =>
  gunzipSync(Buffer.from(answer?.body ?? '', 'latin1')).toString();

const tellAll: ErrorRequestHandler = (error: Error, _request, response, _next) => {
  response.status(500).json({ told: error.message });
};

export const MIDDLEWARE_CASES: readonly Case[] = [
  {
    title: 'helmet',
    app: (express) =>
      plain(express, (app) => {
        app.use(helmet());
        app.get('/', (_request, response) => void response.send('<p>safe</p>'));
      }),
    asks: [{ target: '/' }, { target: '/gone' }],
    statuses: [200, 404],
    check: ({ answers }) => {
      expect(answers[0]?.headers['content-security-policy']).toHaveLength(1);
      expect(answers[0]?.headers['x-powered-by']).toBeUndefined();
    },
  },
  {
    title: 'compression of what is sent at once',
    app: (express) =>
      plain(express, (app) => {
        app.use(compression());
        app.get('/long', (_request, response) => void response.type('text').send(LONG_TEXT));
        app.get('/short', (_request, response) => void response.type('text').send('short'));
      }),
    asks: [
      { target: '/long', headers: GZIP },
      { target: '/short', headers: GZIP },
      { target: '/long' },
      { method: 'HEAD', target: '/long', headers: GZIP },
    ],
    statuses: [200, 200, 200, 200],
    isRacing: true,
    check({ answers }) {
      expect(answers[0]?.headers['content-encoding']).toEqual(['gzip']);
      expect(unzipped(answers[0])).toBe(LONG_TEXT);
    },
  },
  {
    title: 'compression of a stream that is flushed',
    app: (express) =>
      plain(express, (app) => {
        app.use(compression({ threshold: 0 }));
        app.get('/events', async (_request, response) => {
          response.type('text/event-stream');
          for (let event = 0; event < 3; event++) {
            response.write(`data: ${event}\n\n`);
            (response as unknown as { flush(): void }).flush();
            await sleep(5);
          }
          response.end();
        });
      }),
    asks: [{ target: '/events', headers: { ...GZIP, accept: 'text/event-stream' } }],
    statuses: [200],
    isRacing: true,
    check: ({ answers }) => expect(unzipped(answers[0])).toBe('data: 0\n\ndata: 1\n\ndata: 2\n\n'),
  },
  {
    title: 'express-session',
    app(express) {
      let sessions = 0;
      return plain(express, (app) => {
        app.use(
          session({
            secret: 'of the tests',
            resave: false,
            saveUninitialized: true,
            genid: () => `session-${++sessions}`,
          }),
        );
        app.get('/count', (request, response) => {
          const { session: mine } = request as unknown as { session: { views?: number } };
          mine.views = (mine.views ?? 0) + 1;
          response.json({ views: mine.views });
        });
      });
    },
    asks: [
      { target: '/count' },
      (answers) => ({ target: '/count', headers: { cookie: cookieOf(answers[0]) } }),
      { target: '/count' },
    ],
    statuses: [200, 200, 200],
    check: ({ answers }) =>
      expect(answers.map(({ body }) => body)).toEqual(['{"views":1}', '{"views":2}', '{"views":1}']),
  },
  {
    title: 'express-rate-limit',
    app: (express) =>
      plain(express, (app) => {
        // A window so long that no reset falls into the case.
        app.use(rateLimit({ windowMs: 3_600_000, limit: 2, standardHeaders: false, legacyHeaders: false }));
        app.get('/', (request, response) => {
          const { rateLimit: of } = request as unknown as { rateLimit: { remaining: number; key: string } };
          response.json({ remaining: of.remaining, key: of.key });
        });
      }),
    asks: [{ target: '/' }, { target: '/' }, { target: '/' }],
    statuses: [200, 200, 429],
    check: ({ answers }) => expect(answers[0]?.body).toContain('"remaining":1'),
  },
  {
    title: 'morgan',
    app: (express, note) =>
      plain(express, (app) => {
        const format =
          ':remote-addr :method :url HTTP/:http-version :status :res[content-length] :req[host] ":user-agent"';
        app.use(morgan(format, { stream: { write: (line: string) => note(line.trim()) } }));
        app.get('/a', (_request, response) => void response.send('12345'));
      }),
    asks: [{ target: '/a?b=c', headers: { 'user-agent': 'tester' } }, { target: '/gone' }],
    statuses: [200, 404],
    check: ({ log }) => {
      expect(log).toContain('127.0.0.1 GET /a?b=c HTTP/1.1 200 5 app.test "tester"');
    },
  },
  {
    title: 'cookies, plain and signed',
    app: (express) =>
      plain(express, (app) => {
        app.use(cookieParser('of the tests'));
        app.get('/set', (_request, response) => {
          response
            .cookie('plain', 'a b')
            .cookie('kept', 'safe', { signed: true, sameSite: 'lax' })
            .send('set');
        });
        app.get('/get', (request, response) => {
          response.clearCookie('plain').json([request.cookies, request.signedCookies] as unknown);
        });
      }),
    asks: [
      { target: '/set' },
      (answers) => ({ target: '/get', headers: { cookie: cookieOf(answers[0]) } }),
      { target: '/get', headers: { cookie: 'kept=s%3Asafe.forged; plain=x' } },
    ],
    statuses: [200, 200, 200],
    check: ({ answers }) => expect(answers[1]?.body).toBe('[{"plain":"a b"},{"kept":"safe"}]'),
  },
  {
    title: 'on-finished, of requests and responses',
    app: (express, note) =>
      plain(express, (app) => {
        app.get('/', (request, response) => {
          note(`before: ${onFinished.isFinished(request)} ${onFinished.isFinished(response)}`);
          onFinished(request, (error) => note(`request is finished: ${error}`));
          onFinished(response, (error) => note(`response is finished: ${error}`));
          response.send('done');
        });
      }),
    asks: [{ target: '/' }],
    statuses: [200],
    check: ({ log }) => expect(log).toContain('response is finished: null'),
  },
  {
    title: 'locals, routers, mounted apps and their prototypes',
    app(express) {
      const inner = express();
      inner.get('/leaf', (request, response) => {
        response.json({ base: request.baseUrl, url: request.url, user: response.locals.user as unknown });
      });
      const router = express.Router();
      router.use('/inner', inner);
      router.get('/own', (request, response) => void response.json([request.baseUrl, request.hostname]));
      return plain(express, (app) => {
        Object.defineProperty(app.request, 'fromPrototype', { value: 'seen', configurable: true });
        app.use((request, response, next) => {
          response.locals.user = 'ada';
          response.set('x-prototype', (request as unknown as { fromPrototype: string }).fromPrototype);
          next();
        });
        app.use('/api', router);
      });
    },
    asks: [{ target: '/api/inner/leaf?x=1' }, { target: '/api/own' }],
    statuses: [200, 200],
    check: ({ answers }) => {
      expect(answers[0]?.body).toBe('{"base":"/api/inner","url":"/leaf?x=1","user":"ada"}');
      expect(answers[0]?.headers['x-prototype']).toEqual(['seen']);
    },
  },
  {
    title: 'middleware that replaces writeHead, write and end',
    app: (express, note) =>
      plain(express, (app) => {
        app.use((_request, response, next) => {
          const { writeHead, write, end } = response;
          const shout = (chunk: unknown): unknown =>
            typeof chunk === 'string' ? chunk.toUpperCase() : chunk;
          Object.assign(response, {
            writeHead(...args: unknown[]) {
              response.setHeader('x-written', String(args[0]));
              return Reflect.apply(writeHead, response, args) as unknown;
            },
            write: (chunk: unknown) => Reflect.apply(write, response, [shout(chunk)]) as unknown,
            end(chunk: unknown) {
              note(`end, headers sent: ${response.headersSent}`);
              return Reflect.apply(end, response, [shout(chunk)]) as unknown;
            },
          });
          next();
        });
        app.get('/', (_request, response) => {
          response.write('quiet ');
          response.end('voice');
        });
      }),
    asks: [{ target: '/' }],
    statuses: [200],
    check: ({ answers }) =>
      expect(answers[0]).toMatchObject({ body: 'QUIET VOICE', headers: { 'x-written': ['200'] } }),
  },
  {
    title: 'a store of the asynchronous context',
    app(express) {
      const store = new AsyncLocalStorage<string>();
      return plain(express, (app) => {
        app.use((request, _response, next) => store.run(request.get('x-user') ?? '', next));
        app.get('/', async (_request, response) => {
          await sleep(2);
          response.send(store.getStore());
        });
      });
    },
    asks: [{ target: '/', headers: { 'x-user': 'ada' } }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toBe('ada'),
  },
  {
    title: 'handlers that throw, at once and later',
    app: (express) =>
      plain(express, (app) => {
        app.get('/sync', () => {
          throw new Error('at once');
        });
        app.get('/later', (_request, _response, next) => {
          setTimeout(() => next(new Error('later')), 2);
        });
        // Express 4 does not look at what a handler returns.
        app.get(
          '/async',
          orNext(async () => {
            await sleep(2);
            throw new Error('in a promise');
          }),
        );
        app.use(tellAll);
      }),
    asks: [{ target: '/sync' }, { target: '/later' }, { target: '/async' }],
    statuses: [500, 500, 500],
    check: ({ answers }) => expect(answers[2]?.body).toBe('{"told":"in a promise"}'),
  },
  {
    title: 'errors that Express answers itself',
    app: (express) =>
      plain(express, (app) => {
        // A page without a stack, whose frames are those of each way.
        app.set('env', 'production');
        app.get('/status', (_request, _response, next) => {
          // Nor is anything written to the log of the process.
          app.set('env', 'test');
          next(Object.assign(new Error('no tea'), { status: 418, headers: { 'x-pot': 'cold' } }));
        });
      }),
    asks: [{ target: '/status' }],
    statuses: [418],
    check: ({ answers }) => expect(answers[0]?.headers['x-pot']).toEqual(['cold']),
  },
  {
    title: 'an error after the head is out',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', async (_request, response, next) => {
          response.write('so far ');
          await sleep(5);
          next(new Error('too late'));
        });
      }),
    asks: [{ target: '/' }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]).toMatchObject({ body: 'so far ', isCut: true }),
  },
];
