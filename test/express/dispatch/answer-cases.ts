import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Answer } from './both-ways.ts';
import { type Case, plain } from './case.ts';
import type { ErrorRequestHandler, Express, ExpressPackage } from './packages.ts';

const FILES = fileURLToPath(new URL('fixtures', import.meta.url));
const LARGE = Buffer.alloc(4_000_000, '0123456789abcdef');

type Build = (app: Express) => void;
const of =
  (build: Build): Case['app'] =>
  (express: ExpressPackage) =>
    plain(express, build);

/** Without a stack, whose last frames are those of each way. */
const tellStatus: ErrorRequestHandler = (error: { status: number }, _request, response, _next) => {
  response.status(error.status).end();
};

const header = (answer: Answer | undefined, name: string): readonly string[] | undefined =>
  answer?.headers[name];

const withFiles = of((app) => {
  app.get('/file', (_request, response) => response.sendFile('lines.txt', { root: FILES }));
  app.get('/gone', (_request, response) => response.sendFile('gone.txt', { root: FILES }));
  app.get('/download', (_request, response) => response.download('lines.txt', 'mine.txt', { root: FILES }));
});

const withStatic: Case['app'] = (express) =>
  plain(express, (app) => app.use('/files', express.static(FILES, { maxAge: 1000 })));

export const ANSWER_CASES: readonly Case[] = [
  {
    title: 'path parameters, decoded and malformed',
    app: of((app) => {
      app.get('/users/:id/notes/:note', (request, response) => void response.json(request.params));
      app.use(tellStatus);
    }),
    asks: [
      { target: '/users/7/notes/a%20b%2Fc' },
      { target: '/users/%C3%BC/notes/..%2F' },
      { target: '/users/%ZZ/notes/1' },
    ],
    statuses: [200, 200, 400],
    check: ({ answers }) => expect(answers[0]?.body).toBe('{"id":"7","note":"a b/c"}'),
  },
  {
    title: 'queries',
    app: of((app) => {
      app.set('query parser', 'extended');
      app.get('/search', (request, response) => {
        response.json({ query: request.query, url: request.originalUrl, path: request.path });
      });
    }),
    asks: [{ target: '/search?q=a%20b&q=c&deep[x]=1&empty=' }, { target: '/search' }],
    statuses: [200, 200],
    check: ({ answers }) => expect(answers[0]?.body).toContain('"deep":{"x":"1"}'),
  },
  {
    title: 'a route that is not there (404)',
    app: of((app) => app.get('/here', (_request, response) => void response.send('here'))),
    asks: [{ target: '/there' }, { method: 'POST', target: '/here', body: 'x' }, { target: '//here' }],
    statuses: [404, 404, 404],
    isRacing: true,
  },
  {
    title: 'HEAD and OPTIONS of a GET route',
    app: of((app) => app.get('/page', (_request, response) => void response.send('a page'))),
    asks: [
      { method: 'HEAD', target: '/page' },
      { method: 'OPTIONS', target: '/page' },
      { method: 'OPTIONS', target: '*' },
    ],
    statuses: [200, 200, 404],
    check: ({ answers }) => {
      expect(answers[0]).toMatchObject({ body: '', headers: { 'content-length': ['6'] } });
      expect(header(answers[1], 'allow')).toBeDefined();
    },
  },
  {
    title: 'an ETag, and 304 without a body',
    app: of((app) => app.get('/page', (_request, response) => void response.send('a page'))),
    asks: [
      { target: '/page' },
      (answers) => ({ target: '/page', headers: { 'if-none-match': header(answers[0], 'etag')?.[0] ?? '' } }),
      { target: '/page', headers: { 'if-none-match': '"other"' } },
    ],
    statuses: [200, 304, 200],
    check: ({ answers }) => expect(answers[1]?.body).toBe(''),
  },
  {
    title: '204, 205 and a body where none may be',
    app: of((app) => {
      app.get('/empty/:status', (request, response) => {
        response.status(Number(request.params.status));
        response.end('not to be seen');
      });
      app.get('/sent', (_request, response) => void response.sendStatus(204));
    }),
    asks: [
      { target: '/empty/204' },
      { target: '/empty/304' },
      { target: '/sent' },
      { method: 'HEAD', target: '/sent' },
    ],
    statuses: [204, 304, 204, 204],
    check: ({ answers }) => expect(answers.map(({ body }) => body)).toEqual(['', '', '', '']),
  },
  {
    title: 'redirects',
    app: of((app) => {
      app.get('/old', (_request, response) => response.redirect('/new?from=old'));
      app.get('/moved', (_request, response) => response.redirect(301, 'https://elsewhere.test/ü'));
    }),
    asks: [{ target: '/old' }, { target: '/old', headers: { accept: 'text/html' } }, { target: '/moved' }],
    statuses: [302, 302, 301],
    check: ({ answers }) => expect(header(answers[0], 'location')).toEqual(['/new?from=old']),
  },
  {
    title: 'repeated fields, and fields in Latin-1',
    app: of((app) => {
      app.get('/fields', (_request, response) => {
        response.append('x-many', ['one', 'two']).append('x-many', 'three');
        response.cookie('a', '1', { httpOnly: true }).cookie('b', '2');
        response.setHeader('x-latin', 'caf\u00e9');
        response.vary('Accept').vary('Origin').links({ next: '/2' }).send('ok');
      });
    }),
    asks: [{ target: '/fields' }],
    statuses: [200],
    check: ({ answers }) => {
      expect(header(answers[0], 'set-cookie')).toHaveLength(2);
      expect(header(answers[0], 'x-many')).toEqual(['one', 'two', 'three']);
      expect(header(answers[0], 'x-latin')).toEqual(['caf\u00e9']);
    },
  },
  {
    title: 'every form of writeHead',
    app: of((app) => {
      app.get('/object', (_request, response) => {
        response.writeHead(201, 'Made', { 'X-One': '1', 'Set-Cookie': ['a=1', 'b=2'] });
        response.end('object');
      });
      app.get('/array', (_request, response) => {
        response.removeHeader('x-powered-by');
        response.writeHead(202, ['X-One', '1', 'X-One', '2']);
        response.end('array');
      });
      app.get('/implicit', (_request, response) => {
        response.statusCode = 203;
        response.statusMessage = 'So they say';
        response.write('im');
        response.end('plicit');
      });
      app.get('/late', (_request, response) => {
        response.writeHead(200);
        response.end(String(response.headersSent));
      });
    }),
    asks: [{ target: '/object' }, { target: '/array' }, { target: '/implicit' }, { target: '/late' }],
    statuses: [201, 202, 203, 200],
  },
  {
    title: 'chunks as they are written, of text and bytes, corked too',
    app: of((app) => {
      app.get('/chunks', async (_request, response) => {
        response.type('text');
        response.write('one ');
        await sleep(5);
        response.write(Buffer.from('two '));
        response.write('');
        response.cork();
        response.write('three ');
        response.write('vier ü ', 'utf8');
        response.uncork();
        await sleep(5);
        response.write('66697665', 'hex');
        response.end();
      });
    }),
    asks: [{ target: '/chunks' }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toBe('one two three vier \u00c3\u00bc five'),
  },
  {
    title: 'a length that the app says itself',
    app: of((app) => {
      app.get('/said', (_request, response) => {
        response.setHeader('Content-Length', 8);
        response.write('four');
        response.end('more');
      });
      app.get('/nothing', (_request, response) => void response.end());
      app.get('/zero', (_request, response) => void response.set('content-length', '0').end());
    }),
    asks: [{ target: '/said' }, { target: '/nothing' }, { target: '/zero' }],
    statuses: [200, 200, 200],
    check: ({ answers }) => expect(answers[0]?.body).toBe('fourmore'),
  },
  {
    title: 'an answer as long as its connection',
    app: of((app) => {
      app.get('/close', (_request, response) => {
        response.removeHeader('transfer-encoding');
        response.useChunkedEncodingByDefault = false;
        response.write('until ');
        response.end('the end');
      });
      app.get('/said', (_request, response) => void response.set('connection', 'close').send('closing'));
    }),
    asks: [{ target: '/close' }, { target: '/said' }],
    statuses: [200, 200],
    isRacing: true,
    check: ({ answers }) => expect(answers[0]?.body).toBe('until the end'),
  },
  {
    title: 'megabytes at once',
    app: of((app) => {
      app.get('/large', (_request, response) => void response.type('bin').send(LARGE));
      app.get('/text', (_request, response) => void response.json({ text: 'ü'.repeat(1_000_000) }));
    }),
    asks: [{ target: '/large' }, { target: '/text' }],
    statuses: [200, 200],
    check: ({ answers }) => expect(answers[0]?.body.length).toBe(LARGE.byteLength),
  },
  {
    title: 'a stream through back-pressure',
    app: (express, note) =>
      plain(express, (app) => {
        app.get('/stream', async (_request, response) => {
          let isStalled = false;
          response.on('drain', () => (isStalled = response.writableNeedDrain));
          let part = 0;
          const source = new Readable({
            read() {
              this.push(part++ < 100 ? Buffer.alloc(30_000, part) : null);
            },
          });
          response.type('bin');
          await pipeline(source, response);
          note(`stalled after a drain: ${isStalled}`);
        });
      }),
    asks: [{ target: '/stream' }],
    statuses: [200],
    isRacing: true,
    check: ({ answers, log }) => {
      expect(answers[0]?.body.length).toBe(3_000_000);
      expect(log).toContain('stalled after a drain: false');
    },
  },
  {
    title: 'a buffer that the app uses again once it is written',
    app: of((app) => {
      app.get('/again', async (_request, response) => {
        const buffer = Buffer.alloc(20_000);
        response.type('bin');
        for (let part = 1; part <= 8; part++) {
          buffer.fill(part);
          await new Promise((resolve) => response.write(buffer, resolve));
        }
        buffer.fill(0);
        response.end();
      });
    }),
    asks: [{ target: '/again' }],
    statuses: [200],
    check: ({ answers }) => {
      const parts = [1, 2, 3, 4, 5, 6, 7, 8].map((part) => String.fromCharCode(part).repeat(20_000));
      expect(answers[0]?.body === parts.join('')).toBe(true);
    },
  },
  {
    title: 'callbacks of writes and of the end, in their order',
    app: (express, note) =>
      plain(express, (app) => {
        app.get('/callbacks', (_request, response) => {
          response.write('a', () => note('a is written'));
          response.write('b', () => note('b is written'));
          response.end('c', () => note('the end is written'));
          note(`finished ${response.writableFinished}, ended ${response.writableEnded}`);
        });
      }),
    asks: [{ target: '/callbacks' }],
    statuses: [200],
    check: ({ log }) => expect(log).toContain('the end is written'),
  },
  {
    title: 'server-sent events',
    app: of((app) => {
      app.get('/events', async (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
        response.flushHeaders();
        for (let event = 1; event <= 3; event++) {
          await sleep(2);
          response.write(`id: ${event}\nevent: tick\ndata: {"n":${event}}\n\n`);
        }
        response.end();
      });
    }),
    asks: [{ target: '/events', headers: { accept: 'text/event-stream' } }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toContain('data: {"n":3}\n\n'),
  },
  {
    title: 'NDJSON',
    app: of((app) => {
      app.get('/lines', async (_request, response) => {
        response.type('application/x-ndjson');
        for (let line = 0; line < 3; line++) {
          response.write(`${JSON.stringify({ line })}\n`);
          await sleep(1);
        }
        response.end();
      });
    }),
    asks: [{ target: '/lines' }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body.split('\n')).toHaveLength(4),
  },
  {
    title: 'informational answers before the real one',
    app: of((app) => {
      app.get('/hints', (_request, response) => {
        response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style', 'x-trace': 'early' });
        response.writeProcessing();
        response.writeContinue();
        response.set('x-final', 'yes').send('after the hints');
      });
    }),
    asks: [{ target: '/hints' }],
    statuses: [200],
    check: ({ answers }) => {
      expect(answers[0]?.body).toBe('after the hints');
      expect(header(answers[0], 'x-final')).toEqual(['yes']);
      expect(header(answers[0], 'x-trace')).toBeUndefined();
    },
  },
  {
    title: 'a request that expects to be told to continue, or something else',
    app: (express) =>
      plain(express, (app) => {
        app.use(express.text());
        app.post('/wait', (request, response) => void response.send(request.body));
      }),
    asks: [
      {
        method: 'POST',
        target: '/wait',
        headers: { expect: '100-continue', 'content-type': 'text/plain' },
        body: 'go',
      },
    ],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toBe('go'),
  },
  {
    title: 'trailers',
    app: of((app) => {
      app.get('/trailers', (_request, response) => {
        response.writeHead(200, { Trailer: 'X-Sum', 'Content-Type': 'text/plain' });
        response.write('body');
        response.addTrailers({ 'X-Sum': '42' });
        response.end();
      });
    }),
    asks: [{ target: '/trailers' }],
    statuses: [200],
    check: ({ answers }) => {
      expect(answers[0]).toMatchObject({ body: 'body', headers: { trailer: ['X-Sum'] } });
      expect(header(answers[0], 'x-sum')).toBeUndefined();
    },
  },
  {
    title: 'sendFile: all of it, its head, and what has not changed',
    app: withFiles,
    asks: [
      { target: '/file' },
      { method: 'HEAD', target: '/file' },
      (answers) => ({ target: '/file', headers: { 'if-none-match': header(answers[0], 'etag')?.[0] ?? '' } }),
      (answers) => ({
        target: '/file',
        headers: { 'if-modified-since': header(answers[0], 'last-modified')?.[0] ?? '' },
      }),
    ],
    statuses: [200, 200, 304, 304],
    check: ({ answers }) => expect(answers[0]?.body).toContain('line 199'),
  },
  {
    title: 'sendFile: ranges of it',
    app: withFiles,
    asks: [
      { target: '/file', headers: { range: 'bytes=0-7' } },
      { target: '/file', headers: { range: 'bytes=-5' } },
      { target: '/file', headers: { range: 'bytes=9999999-' } },
    ],
    statuses: [206, 206, 416],
    check: ({ answers }) => expect(answers[0]?.body).toBe('line 000'),
  },
  {
    title: 'a file that is not there, and one to download',
    app: withFiles,
    asks: [{ target: '/gone' }, { target: '/download' }],
    statuses: [404, 200],
    check: ({ answers }) => expect(header(answers[1], 'content-disposition')?.[0]).toContain('mine.txt'),
  },
  {
    title: 'static files',
    app: withStatic,
    asks: [
      { target: '/files/lines.txt' },
      { target: '/files/gone.txt' },
      { target: '/files/..%2fmatrix.test.ts' },
      { target: '/files' },
    ],
    statuses: [200, 404, 404, 301],
  },
  {
    title: 'negotiated formats, JSONP and attachments',
    app: of((app) => {
      app.get('/format', (_request, response) => {
        response.format({
          text: () => void response.send('text'),
          json: () => void response.send({ as: 'json' }),
        });
      });
      app.get('/jsonp', (_request, response) => void response.jsonp({ a: '\u2028' }));
      app.get('/attachment', (_request, response) => void response.attachment('ü.csv').send('a,b'));
    }),
    asks: [
      { target: '/format', headers: { accept: 'application/json' } },
      { target: '/format', headers: { accept: 'image/png' } },
      { target: '/jsonp?callback=run' },
      { target: '/attachment' },
    ],
    statuses: [200, 406, 200, 200],
    isRacing: true,
  },
];
