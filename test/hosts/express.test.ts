import { createGzip, type Gzip } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ExpressHandler, toExpress } from '../../src/adapters/express.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createGate } from '../../src/gate.ts';
import { createCaller } from '../support/callers.ts';
import { CLIENTS, connectV2 } from '../support/clients.ts';
import { startGate } from '../support/gate-harness.ts';
import { NOTES_RULES, TOOLS } from '../support/notes.ts';
import { type NotesOptions, startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import { exchangeBytes } from '../support/raw-socket.ts';
import { ERAS, raw } from '../support/wire.ts';
import { callOf, decisionOf, REQUESTS } from './decisions.ts';
import { EXPRESS, type Express, type ExpressErrorHandler } from './express-apps.ts';
import { serveNode, THE_APP } from './hosts.ts';
import { callStep, createSteppingTool } from './stepping-tool.ts';

const ANY = { type: () => true };
const SMALL = { limits: { bodyBytes: 4096, bodyDepth: 16 } };

/** Middleware that reads bodies, and how. */
const PARSERS: readonly (readonly [string, (express: Express) => ExpressHandler])[] = [
  ['express.json', ({ json }) => json()],
  ['express.json of any type', ({ json }) => json({ ...ANY, strict: false })],
  ['express.text', ({ text }) => text(ANY)],
  ['express.raw', ({ raw: bytes }) => bytes(ANY)],
  ['express.raw without inflating', ({ raw: bytes }) => bytes({ ...ANY, inflate: false })],
  ['express.json that keeps the bytes', ({ json }) => json({ verify: keepBytes })],
];

function keepBytes(request: { rawBody?: Uint8Array }, _response: unknown, bytes: Uint8Array): void {
  request.rawBody = bytes;
}

describe.each(EXPRESS)('[config/adapters-express] toExpress in $version', ({ express }) => {
  /** The gate behind middleware. */
  async function startBehind(middleware: readonly ExpressHandler[], options: NotesOptions = {}) {
    const notes = await startNotes(options);
    const app = express();
    for (const each of middleware) app.use(each);
    app.use(toExpress(notes.gate));
    app.use((_request, response) => void response.end(THE_APP));
    return { ...notes, hosted: await serveNode(app) };
  }

  test.each(PARSERS)(
    'decides on a body that %s has read as on one that nobody has',
    async (_name, parser) => {
      const notes = await startBehind([parser(express)], {
        authorization: NOTES_RULES,
        listen: { allowedOrigins: ['https://app.example'] },
      });
      const token = await notes.token();
      // Middleware answers these itself: the gate never sees them.
      const before = ['no JSON', 'no UTF-8', 'a form', 'a compressed body', 'an empty body'];
      for (const era of ERAS) {
        for (const [name, ask] of Object.entries(REQUESTS).filter(([each]) => !before.includes(each))) {
          const [answer, own] = [
            await ask(notes.hosted, { era, token }),
            await ask(notes.origin, { era, token }),
          ];
          expect({ name, ...decisionOf(answer) }).toEqual({ name, ...decisionOf(own) });
        }
      }
    },
  );

  test.each(CLIENTS)('serves a $client behind express.json', async ({ connect }) => {
    const { hosted, token } = await startBehind([express.json()]);
    const client = await connect(`${hosted}/mcp`, await token());
    expect((await client.listTools()).tools.length).toBe(TOOLS.length);
    const text = 'héllo \ud83d\ude00 \u0000 "__proto__"';
    const { content } = await client.callTool({ name: 'echo', arguments: { text } });
    expect(content).toEqual([{ type: 'text', text }]);
  });

  test.each(PARSERS)('holds its own limits when %s took the body', async (_name, parser) => {
    const { hosted, token, runs } = await startBehind([parser(express)], SMALL);
    const bearer = await token();
    const post = (body: string) =>
      raw(`${hosted}/mcp`, {
        method: 'POST',
        headers: [
          ['authorization', `Bearer ${bearer}`],
          ['content-type', 'application/json'],
        ],
        body,
      });
    expect((await post(JSON.stringify({ text: 'x'.repeat(5000) }))).status).toBe(413);
    expect((await post(`[${'['.repeat(20)}${']'.repeat(20)}]`)).status).toBe(400);
    const chunked = await exchangeBytes(
      hosted,
      [
        'POST /mcp HTTP/1.1',
        'Host: 127.0.0.1',
        'Content-Type: application/json',
        `Authorization: Bearer ${bearer}`,
        'Transfer-Encoding: chunked',
        '',
        `138a\r\n["${'x'.repeat(4998)}"]\r\n0\r\n\r\n`,
      ].join('\r\n'),
    );
    expect(chunked.status).toBe(413);
    expect(runs.built).toEqual([]);
  });

  test('survives a body too deep to be written out again', async () => {
    const { hosted, token } = await startBehind([express.json({ limit: '5mb' })]);
    const depth = 100_000;
    const answer = await raw(`${hosted}/mcp`, {
      method: 'POST',
      headers: [
        ['authorization', `Bearer ${await token()}`],
        ['content-type', 'application/json'],
      ],
      body: `${'['.repeat(depth)}${']'.repeat(depth)}`,
    });
    expect(answer.status).toBe(400);
    expect((await raw(`${hosted}/mcp/health`)).status).toBe(200);
  });

  test.each([
    ['express.urlencoded', ({ urlencoded }: Express) => urlencoded({ extended: true }), 415],
    [
      'express.urlencoded of any type',
      ({ urlencoded }: Express) => urlencoded({ ...ANY, extended: false }),
      400,
    ],
    ['a reader that keeps nothing', () => swallow, 400],
  ])('runs nothing from a body that %s took', async (_name, parser, status) => {
    const { hosted, token, runs } = await startBehind([parser(express)]);
    const { headers, body } = callOf('whoami', { era: ERAS[0], token: await token() });
    const isForm = status === 415;
    const sent = headers.map(([name, value]): [string, string] =>
      name === 'content-type' && isForm ? [name, 'application/x-www-form-urlencoded'] : [name, value],
    );
    expect((await raw(`${hosted}/mcp`, { method: 'POST', headers: sent, body })).status).toBe(status);
    expect(runs.built).toEqual([]);
  });

  test('a parser of other types leaves the body to the gate', async () => {
    const { hosted, token } = await startBehind([
      express.urlencoded({ extended: true }),
      express.json({ type: 'application/vnd.api+json' }),
    ]);
    const client = await connectV2(`${hosted}/mcp`, await token());
    expect((await client.callTool({ name: 'whoami' })).content).toEqual([{ type: 'text', text: 'alice' }]);
  });

  test('is mounted under a prefix, its metadata beside it', async () => {
    const { hosted, token, resource } = await startMounted();
    const challenged = await raw(`${hosted}/gw/mcp?a=1`, { method: 'POST' });
    const metadata = '/.well-known/oauth-protected-resource/gw/mcp';
    expect(challenged.headers['www-authenticate']).toContain(metadata);
    expect((await raw(`${hosted}${metadata}`)).json).toMatchObject({ resource });
    const client = await connectV2(`${hosted}/gw/mcp`, await token());
    expect((await client.callTool({ name: 'whoami' })).content).toEqual([{ type: 'text', text: 'alice' }]);
    for (const path of ['/mcp', '/gw', '/gw/other', '/gateway/mcp'])
      expect([path, (await raw(`${hosted}${path}`)).text]).toEqual([path, THE_APP]);
  });

  async function startMounted() {
    const notes = await startNotes({ publicUrl: 'http://127.0.0.1:3000/gw' });
    const app = express();
    const handler = toExpress(notes.gate);
    app.use('/gw', handler);
    app.all('/.well-known/oauth-protected-resource/gw/mcp', handler);
    app.use((_request, response) => void response.end(THE_APP));
    return { ...notes, hosted: await serveNode(app) };
  }

  test('takes no word of X-Forwarded-For from `trust proxy`', async () => {
    const notes = await startNotes({ limits: { failures: { max: 2, windowSeconds: 600 } } });
    const app = express();
    app.set('trust proxy', true);
    app.use(toExpress(notes.gate));
    const caller = createCaller(`${await serveNode(app)}/mcp`, '127.0.0.1');
    const statuses: number[] = [];
    for (const last of [1, 2, 3])
      statuses.push((await caller.call('bad', { 'x-forwarded-for': `203.0.113.${last}` })).status);
    expect(statuses).toEqual([401, 401, 429]);
  });

  test('keeps the headers that middleware has set, but for its own', async () => {
    const { hosted } = await startBehind([
      (_request, response, next) => {
        response.setHeader('strict-transport-security', 'max-age=31536000');
        response.setHeader('x-content-type-options', 'whatever');
        response.setHeader('cache-control', 'public');
        next();
      },
    ]);
    expect((await raw(`${hosted}/mcp`, { method: 'POST' })).headers).toMatchObject({
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
  });

  test('events pass at once through middleware that compresses', async () => {
    const tool = createSteppingTool();
    const { gate, token } = await startGate({ servers: { stepping: { factory: tool.factory } } });
    const app = express();
    app.use(compress);
    app.use(toExpress(gate));
    app.use((_request, response) => void response.end('x'.repeat(1000)));
    const hosted = await serveNode(app);
    const plain = await raw(hosted);
    expect(plain.headers['content-encoding']).toBe('gzip');
    const client = await connectV2(`${hosted}/mcp`, await token());
    let isStarted = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      isStarted = resolve;
    });
    const running = callStep(client, isStarted);
    await started;
    expect(tool.inside).toBe(1);
    tool.finish();
    expect(await running).toMatchObject({ content: [{ text: 'stepped' }] });
  });

  test('an error of middleware stays the app’s', async () => {
    const notes = await startNotes();
    const app = express();
    app.use(express.json({ limit: 10 }));
    app.use(toExpress(notes.gate));
    app.use(tellFailure);
    const hosted = await serveNode(app);
    const { headers, body } = callOf('whoami', { era: ERAS[1], token: await notes.token() });
    const answer = await raw(`${hosted}/mcp`, { method: 'POST', headers, body });
    expect([answer.status, answer.text]).toEqual([413, 'too much for the app']);
    expect(notes.runs.built).toEqual([]);
  });
});

test('[config/adapters-express] takes no gate that is for stdio only', async () => {
  const gate = await createGate({
    servers: { notes: { factory: notesFactory() } },
    auth: [{ type: 'environment' }],
  });
  onTestFinished(() => gate.close());
  expect(() => toExpress(gate)).toThrow(ConfigurationError);
});

const tellFailure: ExpressErrorHandler = (error, _request, response, _next) => {
  response.statusCode = error.status ?? 500;
  response.end('too much for the app');
};

/** Reads the body and keeps nothing of it. */
const swallow: ExpressHandler = (request, _response, next) => {
  request.resume().on('end', next);
};

/** As the package `compression` does it: whatever may be transformed is collected and compressed. */
const compress: ExpressHandler = (_request, response, next) => {
  const writeHead = response.writeHead.bind(response);
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  let gzip: Gzip | undefined;
  const begin = () => {
    if (!response.headersSent) response.writeHead(response.statusCode);
  };
  Object.assign(response, {
    writeHead(status: number, headers: Readonly<Record<string, string>> = {}) {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      if (!String(response.getHeader('cache-control')).includes('no-transform')) {
        gzip = createGzip();
        gzip.on('data', (chunk: Uint8Array) => void write(chunk)).on('end', () => void end());
        response.removeHeader('content-length');
        response.setHeader('content-encoding', 'gzip');
      }
      return writeHead(status);
    },
    write(chunk: Uint8Array) {
      begin();
      return gzip === undefined ? write(chunk) : gzip.write(chunk);
    },
    end(chunk?: Uint8Array) {
      begin();
      return gzip === undefined ? end(chunk) : void gzip.end(chunk);
    },
  });
  next();
};
