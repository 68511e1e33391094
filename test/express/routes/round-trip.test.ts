import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { RouteOptions } from '../../../src/express/route-tools.ts';
import { type Express, multer, VERSIONS } from '../dispatch/packages.ts';
import { problemsOf, refusalOf, toolOf } from './found.ts';

const LIST = { type: 'array', items: { type: 'string' } };

/** What the handler of a route gets when the app is asked over HTTP for what a tool's arguments became. */
async function heard(
  app: Express,
  route: string,
  { options, args }: Asked,
): Promise<Record<string, unknown>> {
  const tool = toolOf(app, route, { routes: { [route]: options } });
  const { method, target, headers, body } = await tool.toRequest(args);
  const server = app.listen(0, '127.0.0.1');
  try {
    await new Promise<void>((resolve) => {
      server.once('listening', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const content = body === undefined ? {} : { body: Uint8Array.from(body) };
    const response = await fetch(`http://127.0.0.1:${port}${target}`, { method, headers, ...content });
    return (await response.json()) as Record<string, unknown>;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

interface Asked {
  readonly options: RouteOptions;
  readonly args: Record<string, unknown>;
}

describe.each(VERSIONS)('what a handler of $version reads', ({ version, express }) => {
  const isExpress4 = version === 'Express 4';

  it.each(['simple', 'extended'])('of a query with the %s parser', async (parser) => {
    const app = express();
    app.set('query parser', parser);
    app.get('/q', (request, response) => {
      response.json(request.query);
    });
    const properties = {
      text: { type: 'string' },
      tags: LIST,
      n: { type: 'number' },
      on: { type: 'boolean' },
      none: { type: 'null' },
    };
    const args = { text: 'a&b=c+d é %', tags: ['x', 'y,z'], n: 1.5, on: false, none: null };
    expect(
      await heard(app, 'GET /q', { options: { input: { query: { type: 'object', properties } } }, args }),
    ).toEqual({
      text: args.text,
      tags: args.tags,
      n: '1.5',
      on: 'false',
    });
  });

  it('of a list of one and of objects, where the app reads them', async () => {
    const app = express();
    app.set('query parser', 'extended');
    app.get('/q', (request, response) => {
      response.json(request.query);
    });
    const options = { input: { type: 'object', properties: { tags: LIST, where: { type: 'object' } } } };
    const args = { tags: ['x'], where: { a: { b: '1' }, 'c d': ['2'] } };
    expect(await heard(app, 'GET /q', { options, args })).toEqual(args);
    const tool = toolOf(app, 'GET /q', { routes: { 'GET /q': options } });
    expect(await refusalOf(tool, { tags: Array.from({ length: 21 }, () => 'x') })).toContain('"tags"');
    expect(await refusalOf(tool, { where: { 'a[b]': 1 } })).toContain('"where"');
  });

  it('of objects is told at the start where the app reads none', () => {
    const app = express();
    app.set('query parser', 'simple');
    app.get('/q', () => {});
    const input = { type: 'object', properties: { where: { type: 'object' } } };
    expect(problemsOf(app, { routes: { 'GET /q': { input } } })[0]).toContain("'extended'");
    app.set('query parser', false);
    expect(problemsOf(app, { routes: { 'GET /q': { input: { query: input } } } })[0]).toContain(
      'reads no queries',
    );
  });

  it('of a query below a mounted app, as the app says that reads it', async () => {
    const app = express();
    const mounted = express();
    app.set('query parser', isExpress4 ? 'extended' : 'simple');
    mounted.set('query parser', isExpress4 ? 'simple' : 'extended');
    mounted.get('/q', (request, response) => {
      response.json(request.query);
    });
    app.use('/m', mounted);
    const options = { input: { type: 'object', properties: { tags: LIST } } };
    expect(await heard(app, 'GET /m/q', { options, args: { tags: ['x'] } })).toEqual({ tags: ['x'] });
  });

  it('of a JSON body and of a form', async () => {
    const app = express();
    app.use(express.json(), express.urlencoded({ extended: true }));
    app.post('/b/:id', (request, response) => {
      response.json({ id: request.params['id'], body: request.body as unknown });
    });
    const input = {
      type: 'object',
      properties: { id: { type: 'string' }, text: { type: 'string' }, tags: LIST },
    };
    const args = { id: 'a/b'.replace('/', '%2F'), text: 'é "&\n', tags: ['x', 'y'] };
    const body = { text: args.text, tags: args.tags };
    for (const kind of ['json', 'urlencoded'] as const) {
      expect(await heard(app, 'POST /b/:id', { options: { input, body: kind }, args })).toEqual({
        id: args.id,
        body,
      });
    }
    expect(await heard(app, 'POST /b/:id', { options: { input }, args: { id: 'x' } })).toEqual({
      id: 'x',
      body: {},
    });
  });

  it('of files', async () => {
    const app = express();
    app.post('/up', multer({ storage: multer.memoryStorage() }).any(), (request, response) => {
      const { files = [] } = request as { readonly files?: readonly UploadedFile[] };
      response.json({
        body: { ...(request.body as object) },
        files: files.map(({ fieldname, originalname, mimetype, buffer }) => [
          fieldname,
          originalname,
          mimetype,
          [...buffer],
        ]),
      });
    });
    const file = { type: 'string', format: 'binary' };
    const input = {
      type: 'object',
      properties: { doc: file, more: { type: 'array', items: file }, title: { type: 'string' } },
    };
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const data = Buffer.from(bytes).toString('base64');
    const args = {
      title: 'T "\r\n--x',
      doc: { filename: 'a;b.bin', contentType: 'application/x-thing', data },
      more: [
        { filename: '1.txt', data: '' },
        { filename: '2.txt', data: 'aGk=' },
      ],
    };
    expect(await heard(app, 'POST /up', { options: { input, body: 'multipart' }, args })).toEqual({
      body: { title: args.title },
      files: [
        ['doc', 'a;b.bin', 'application/x-thing', [...bytes]],
        ['more', '1.txt', 'application/octet-stream', []],
        ['more', '2.txt', 'application/octet-stream', [104, 105]],
      ],
    });
  });
});

interface UploadedFile {
  readonly fieldname: string;
  readonly originalname: string;
  readonly mimetype: string;
  readonly buffer: Uint8Array;
}
