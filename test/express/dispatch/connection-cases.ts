import type { Socket } from 'node:net';
import { expect } from 'vitest';
import type { NextAsk } from './both-ways.ts';
import { type Case, plain } from './case.ts';
import type { ExpressPackage } from './packages.ts';

const FORWARDED = {
  'x-forwarded-for': '203.0.113.7, 198.51.100.2',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'public.test',
};

/** What an app may ask its connection, where the answer is not a port that changes from run to run. */
function readSocket(socket: Socket): object {
  const { remoteAddress, remoteFamily, localAddress, localFamily, destroyed, readable, writable } = socket;
  return {
    addresses: { remoteAddress, remoteFamily, localAddress, localFamily },
    state: { destroyed, readable, writable, ready: socket.readyState, connecting: socket.connecting },
    secure: [(socket as { encrypted?: boolean }).encrypted, (socket as { authorized?: boolean }).authorized],
    fluent: [
      socket.setNoDelay(true),
      socket.setKeepAlive(true),
      socket.ref(),
      socket.unref(),
      socket.setTimeout(0),
    ].every((returned) => returned === socket),
    family: (socket.address() as { family?: string }).family,
    counts: [socket.bytesRead > 0, socket.bytesWritten],
  };
}

const addressed =
  (trust: unknown): Case['app'] =>
  (express: ExpressPackage) =>
    plain(express, (app) => {
      app.set('trust proxy', trust);
      app.get('/', ({ ip, ips, protocol, secure, hostname, subdomains }, response) => {
        response.json({ ip, ips, protocol, secure, hostname, subdomains });
      });
    });

const addressAsks: readonly NextAsk[] = [{ target: '/' }, { target: '/', headers: FORWARDED }];

export const CONNECTION_CASES: readonly Case[] = [
  {
    title: 'addresses and protocol, without a proxy',
    app: addressed(false),
    asks: addressAsks,
    statuses: [200, 200],
    check: ({ answers }) => expect(answers[1]?.body).toContain('"ip":"127.0.0.1","ips":[],"protocol":"http"'),
  },
  {
    title: 'addresses and protocol, behind proxies that are trusted',
    app: addressed('loopback, 198.51.100.2'),
    asks: addressAsks,
    statuses: [200, 200],
    check: ({ answers }) => expect(answers[1]?.body).toContain('"ip":"203.0.113.7"'),
  },
  {
    title: 'addresses and protocol, behind one proxy',
    app: addressed(1),
    asks: addressAsks,
    statuses: [200, 200],
    check: ({ answers }) => expect(answers[1]?.body).toContain('"protocol":"https","secure":true'),
  },
  {
    title: 'an address that is denied',
    app: (express) =>
      plain(express, (app) => {
        app.use((request, response, next) => {
          if (request.ip === '127.0.0.1') response.status(403).json({ denied: request.ip });
          else next();
        });
        app.get('/', (_request, response) => void response.send('come in'));
      }),
    asks: [{ target: '/' }],
    statuses: [403],
  },
  {
    title: 'what a connection tells, under each of its names',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', (request, response) => {
          const { socket } = request;
          response.json({
            ...readSocket(socket),
            same: [request.connection === socket, response.socket === socket, response.connection === socket],
            version: [request.httpVersion, request.httpVersionMajor, request.httpVersionMinor],
            response: [response.sendDate, response.shouldKeepAlive, response.headersSent, response.writable],
            request: [request.complete, request.readable, request.destroyed, request.aborted],
          });
        });
      }),
    asks: [{ target: '/' }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toContain('"remoteFamily":"IPv4"'),
  },
  {
    title: 'fields of a request, in each form',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', (request, response) => {
          const { 'x-a': a, cookie, host } = request.headers;
          response.json({
            plain: { a, cookie, host },
            distinct: [request.headersDistinct['x-a'], request.headersDistinct.cookie],
            raw: request.rawHeaders.includes('x-a'),
            trailers: [request.trailers, request.rawTrailers],
            read: [request.get('X-A'), request.is('json'), request.accepts(['html', 'json']), request.xhr],
          });
        });
      }),
    asks: [
      {
        target: '/',
        headers: {
          'x-a': ' spaced caf\u00e9 ',
          cookie: 'a=1; b=2',
          accept: 'application/json',
          'x-requested-with': 'x',
        },
      },
    ],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toContain('"host":"app.test"'),
  },
  {
    title: 'a credential in its field',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', (request, response) => {
          const token = request.get('authorization');
          if (token === 'Bearer user-token') response.json({ user: 'alice' });
          else response.status(401).set('www-authenticate', 'Bearer').json({ error: 'No' });
        });
      }),
    asks: [{ target: '/' }, { target: '/', headers: { authorization: 'Bearer user-token' } }],
    statuses: [401, 200],
  },
  {
    title: 'a timeout of the response, answered by the app',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', (_request, response) => {
          response.setTimeout(20, () => void response.status(503).send('took too long'));
        });
      }),
    asks: [{ target: '/' }],
    statuses: [503],
  },
  {
    title: 'a timeout of the connection, answered by the app, and one that is taken back',
    app: (express) =>
      plain(express, (app) => {
        app.get('/late', (request, response) => {
          request.socket.setTimeout(20);
          response.on('timeout', () => void response.status(504).send('late'));
        });
        app.get('/back', (request, response) => {
          request.socket.setTimeout(1000);
          request.socket.setTimeout(0);
          response.json({ listeners: request.socket.listenerCount('timeout') });
        });
      }),
    asks: [{ target: '/late' }, { target: '/back' }],
    statuses: [504, 200],
  },
  {
    title: 'a request that ends by its own timeout',
    app: (express, note) =>
      plain(express, (app) => {
        app.get('/', (request) => {
          request.setTimeout(20, () => note('the callback of a request that is here already'));
        });
      }),
    asks: [{ target: '/' }],
    statuses: [0],
  },
  {
    title: 'a timer of the app that is stopped when the response closes',
    app: (express, note) =>
      plain(express, (app) => {
        app.get('/', (request, response) => {
          request.setTimeout(5000);
          response.setTimeout(5000);
          const timer = setTimeout(() => note('too late'), 5000);
          response.on('close', () => {
            clearTimeout(timer);
            note('stopped');
          });
          response.send('in time');
        });
      }),
    asks: [{ target: '/' }],
    statuses: [200],
    check: ({ log }) => expect(log).toContain('stopped'),
  },
  {
    title: 'an app that destroys its response before an answer',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', (_request, response) => void response.destroy());
        app.get('/error', (_request, response) => void response.destroy(new Error('of the app')));
        app.get('/socket', (request) => void request.socket.destroy());
      }),
    asks: [{ target: '/' }, { target: '/error' }, { target: '/socket' }],
    statuses: [0, 0, 0],
  },
  {
    title: 'an app that destroys its response in the middle of it',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', (_request, response) => {
          response.write('so far');
          setTimeout(() => response.destroy(), 10);
        });
        app.get('/length', (_request, response) => {
          response.set('content-length', '100');
          response.write('so far');
          setTimeout(() => response.destroy(), 10);
        });
      }),
    asks: [{ target: '/' }, { target: '/length' }],
    statuses: [200, 200],
    check: ({ answers }) => expect(answers.map(({ isCut }) => isCut)).toEqual([true, true]),
  },
  {
    title: 'an answer shorter than it said',
    app: (express) =>
      plain(express, (app) => {
        app.get('/', (_request, response) => {
          response.set({ 'content-length': '100', connection: 'close' });
          response.end('short');
        });
      }),
    asks: [{ target: '/' }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]).toMatchObject({ body: 'short', isCut: true }),
  },
];
