import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { Ask } from './both-ways.ts';
import { type Case, orNext, plain } from './case.ts';
import { type ErrorRequestHandler, type ExpressPackage, multer, type RequestHandler } from './packages.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const BYTES_TYPE = { 'content-type': 'application/octet-stream' };

const jsonAsk = (value: unknown, headers: Ask['headers'] = {}): Ask => ({
  method: 'POST',
  target: '/echo',
  headers: { ...JSON_TYPE, ...headers },
  body: JSON.stringify(value),
});

/** Tells what a parser has made of the body, and that nobody had before it. */
function echoing(express: ExpressPackage, parser: RequestHandler): ReturnType<Case['app']> {
  return plain(express, (app) => {
    app.use((request, response, next) => {
      response.set('x-before', String(request.body));
      next();
    });
    app.use(parser);
    app.all('/echo', (request, response) => {
      response.json({
        body: Buffer.isBuffer(request.body) ? request.body.toString('hex') : (request.body as unknown),
        length: request.headers['content-length'],
        type: request.headers['content-type'],
        complete: request.complete,
      });
    });
  });
}

const explain: ErrorRequestHandler = (
  error: { status?: number; type?: string; code?: string },
  _request,
  response,
  _next,
) => {
  response.status(error.status ?? 500).json({ type: error.type, code: error.code });
};

const noBodyBefore: NonNullable<Case['check']> = ({ answers }) => {
  for (const { headers } of answers) expect(headers['x-before']).toEqual(['undefined']);
};

const SECRET = 'a secret between a sender and this app';
const signature = (body: string): string => createHmac('sha256', SECRET).update(body).digest('hex');
const SIGNED = JSON.stringify({ amount: 10 });

function verifying(express: ExpressPackage): ReturnType<Case['app']> {
  const verify = (request: IncomingMessage, _response: unknown, raw: Buffer): void => {
    if (request.headers['x-signature'] !== signature(raw.toString())) {
      throw Object.assign(new Error('bad signature'), { status: 401, type: 'signature' });
    }
  };
  return plain(express, (app) => {
    app.use(express.json({ verify }));
    app.post('/pay', (request, response) => void response.json({ paid: request.body as unknown }));
    app.use(explain);
  });
}

const LARGE_TEXT = 'täxt '.repeat(200_000);
const LARGE_BYTES = Buffer.alloc(5_000_000, 'abcdefghijklmnopqrstuvwxyz');

const FORM_BOUNDARY = 'boundary-of-parts';
const multipart = (file: string): string =>
  [
    `--${FORM_BOUNDARY}`,
    'Content-Disposition: form-data; name="title"',
    '',
    'a file',
    `--${FORM_BOUNDARY}`,
    'Content-Disposition: form-data; name="file"; filename="a.txt"',
    'Content-Type: text/plain',
    '',
    file,
    `--${FORM_BOUNDARY}--`,
    '',
  ].join('\r\n');
const multipartAsk = (file: string): Ask => ({
  method: 'POST',
  target: '/upload',
  headers: { 'content-type': `multipart/form-data; boundary=${FORM_BOUNDARY}` },
  body: multipart(file),
});

function uploading(express: ExpressPackage): ReturnType<Case['app']> {
  return plain(express, (app) => {
    const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 1000 } });
    app.post('/upload', upload.single('file'), (request, response) => {
      const { file } = request as unknown as { file: { originalname: string; buffer: Buffer; size: number } };
      response.json({
        fields: request.body as unknown,
        name: file.originalname,
        text: file.buffer.toString(),
        size: file.size,
      });
    });
    app.use(explain);
  });
}

export const BODY_CASES: readonly Case[] = [
  {
    title: 'a JSON body, parsed by the app',
    app: (express) => echoing(express, express.json()),
    asks: [jsonAsk({ name: 'Ada', tags: [1, null, 'ü'] })],
    statuses: [200],
    check(seen) {
      noBodyBefore(seen);
      expect(JSON.parse(Buffer.from(seen.answers[0]!.body, 'latin1').toString())).toMatchObject({
        body: { name: 'Ada', tags: [1, null, 'ü'] },
        complete: true,
      });
    },
  },
  {
    title: 'a urlencoded body',
    app: (express) => echoing(express, express.urlencoded({ extended: true })),
    asks: [
      {
        method: 'POST',
        target: '/echo',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'a=1&b%5Bc%5D=2&d=x%20y&d=z',
      },
    ],
    statuses: [200],
    check: noBodyBefore,
  },
  {
    title: 'a text body and a raw one',
    app: (express) =>
      plain(express, (app) => {
        app.use(express.text(), express.raw());
        app.put('/echo', (request, response) => void response.send(request.body));
      }),
    asks: [
      { method: 'PUT', target: '/echo', headers: { 'content-type': 'text/plain' }, body: 'plain text' },
      { method: 'PUT', target: '/echo', headers: BYTES_TYPE, body: Uint8Array.of(0, 255, 13, 10, 0) },
    ],
    statuses: [200, 200],
    check: ({ answers }) => expect(answers[1]?.body).toBe('\x00\xff\r\n\x00'),
  },
  {
    title: 'bodies under gzip and deflate, inflated by the app',
    app: (express) => echoing(express, express.json()),
    asks: [
      { ...jsonAsk(0, { 'content-encoding': 'gzip' }), body: gzipSync(JSON.stringify({ deep: 'inside' })) },
      { ...jsonAsk(0, { 'content-encoding': 'deflate' }), body: deflateSync(JSON.stringify({ deep: 2 })) },
      { ...jsonAsk(0, { 'content-encoding': 'gzip' }), body: 'this is no gzip at all' },
    ],
    statuses: [200, 200, 400],
    isRacing: true,
    check: ({ answers }) => expect(answers[0]?.body).toContain('{"deep":"inside"}'),
  },
  {
    title: 'a multipart body, read by multer',
    app: uploading,
    asks: [multipartAsk('the text of the file')],
    statuses: [200],
    isRacing: true,
    check: ({ answers }) => expect(answers[0]?.body).toContain('"text":"the text of the file"'),
  },
  {
    title: 'a multipart body over the limit of multer',
    app: uploading,
    asks: [multipartAsk('x'.repeat(2000))],
    statuses: [500],
    isRacing: true,
    check: ({ answers }) => expect(answers[0]?.body).toContain('LIMIT_FILE_SIZE'),
  },
  {
    title: 'JSON that is none',
    app: (express) => plain(express, (app) => app.use(express.json(), explain)),
    asks: [{ ...jsonAsk(0), body: '{"open": ' }],
    statuses: [400],
    check: ({ answers }) => expect(answers[0]?.body).toContain('entity.parse.failed'),
  },
  {
    title: 'a charset nobody knows',
    app: (express) => plain(express, (app) => app.use(express.json(), explain)),
    asks: [jsonAsk(1, { 'content-type': 'application/json; charset=klingon' })],
    statuses: [415],
  },
  {
    title: 'a body over the limit (413), answered by Express itself',
    app: (express) => plain(express, (app) => app.use(express.json({ limit: 100 }))),
    asks: [jsonAsk('x'.repeat(200)), jsonAsk('x'.repeat(500_000))],
    statuses: [413, 413],
    isRacing: true,
  },
  {
    title: 'a body over the limit (413), answered before it is read',
    app: (express) => plain(express, (app) => app.use(express.json({ limit: 100 }), explain)),
    asks: [jsonAsk('x'.repeat(200))],
    statuses: [413],
    isRacing: true,
    check: ({ answers }) => expect(answers[0]?.body).toContain('entity.too.large'),
  },
  {
    title: 'a verify hook that checks a signature over the raw body',
    app: verifying,
    asks: [
      {
        method: 'POST',
        target: '/pay',
        headers: { ...JSON_TYPE, 'x-signature': signature(SIGNED) },
        body: SIGNED,
      },
      { method: 'POST', target: '/pay', headers: { ...JSON_TYPE, 'x-signature': 'no' }, body: SIGNED },
    ],
    statuses: [200, 401],
  },
  {
    title: 'a JSON body of a megabyte',
    app: (express) =>
      plain(express, (app) => {
        app.use(express.json({ limit: '4mb' }));
        app.post('/echo', (request, response) => {
          const { text } = request.body as { text: string };
          response.json({ length: text.length, hash: createHash('sha256').update(text).digest('hex') });
        });
      }),
    asks: [jsonAsk({ text: LARGE_TEXT })],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toContain(`"length":${LARGE_TEXT.length}`),
  },
  {
    title: 'a body of megabytes, piped through back-pressure to a slow end',
    app: (express) =>
      plain(express, (app) => {
        app.post(
          '/slow',
          orNext(async (request, response) => {
            const hash = createHash('sha256');
            let bytes = 0;
            const slow = new Writable({
              highWaterMark: 1000,
              write(chunk: Buffer, _encoding, done) {
                hash.update(chunk);
                bytes += chunk.byteLength;
                setImmediate(done);
              },
            });
            await pipeline(request, slow);
            response.json({ bytes, hash: hash.digest('hex') });
          }),
        );
      }),
    asks: [{ method: 'POST', target: '/slow', headers: BYTES_TYPE, body: LARGE_BYTES }],
    statuses: [200],
    check: ({ answers }) =>
      expect(answers[0]?.body).toContain(createHash('sha256').update(LARGE_BYTES).digest('hex')),
  },
  {
    title: 'a body piped into its own answer',
    app: (express) =>
      plain(express, (app) => {
        app.post('/mirror', (request, response) => {
          response.type('bin');
          request.pipe(response);
        });
      }),
    asks: [
      { method: 'POST', target: '/mirror', headers: BYTES_TYPE, body: 'short' },
      { method: 'POST', target: '/mirror', headers: BYTES_TYPE, body: LARGE_BYTES },
    ],
    statuses: [200, 200],
    isRacing: true,
    check: ({ answers }) => {
      expect(answers[0]?.body).toBe('short');
      expect(answers[1]?.body.length).toBe(LARGE_BYTES.byteLength);
    },
  },
  {
    title: 'a body that is read late, by iteration',
    app: (express) =>
      plain(express, (app) => {
        app.post(
          '/late',
          orNext(async (request, response) => {
            await sleep(20);
            const chunks: Buffer[] = [];
            for await (const chunk of request) chunks.push(chunk as Buffer);
            response.json({ text: Buffer.concat(chunks).toString(), complete: request.complete });
          }),
        );
      }),
    asks: [{ method: 'POST', target: '/late', body: 'here I am still' }],
    statuses: [200],
    check: ({ answers }) => expect(answers[0]?.body).toContain('here I am still'),
  },
  {
    title: 'a body that nobody reads, small or large',
    app: (express) =>
      plain(express, (app) => app.post('/deaf', (_request, response) => void response.send('no'))),
    asks: [
      { method: 'POST', target: '/deaf', body: 'small' },
      { method: 'POST', target: '/deaf', body: LARGE_BYTES },
    ],
    statuses: [200, 200],
    isRacing: true,
  },
  {
    title: 'methods with and without bodies',
    app: (express) => echoing(express, express.json()),
    asks: [
      { ...jsonAsk({ a: 1 }), method: 'PATCH' },
      { ...jsonAsk({ a: 1 }), method: 'DELETE' },
      { ...jsonAsk({ a: 1 }), method: 'PUT' },
      { method: 'DELETE', target: '/echo' },
      { method: 'GET', target: '/echo' },
      { ...jsonAsk(0), body: '' },
    ],
    statuses: [200, 200, 200, 200, 200, 200],
  },
];
