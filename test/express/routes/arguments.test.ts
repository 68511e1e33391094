import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { RouteOptions } from '../../../src/express/route-tools.ts';
import { type RequestHandler, VERSIONS } from '../dispatch/packages.ts';
import { bodyText, problemsOf, refusalOf, toolOf } from './found.ts';

const [{ express }] = VERSIONS;
const answer: RequestHandler = (_request, response) => {
  response.end();
};

/** The tool of one route with these options. */
function tool(route: string, options: RouteOptions = {}) {
  return toolOf(appWith(route), route, { routes: { [route]: options } });
}

function problems(route: string, options: RouteOptions) {
  return problemsOf(appWith(route), { routes: { [route]: options } });
}

function appWith(route: string) {
  const app = express();
  const [method = '', path = ''] = route.split(' ');
  (app as unknown as Record<string, (path: string, handler: RequestHandler) => void>)[method.toLowerCase()]?.(
    path,
    answer,
  );
  return app;
}

describe('arguments of a route', () => {
  it('that says nothing are its path parameters', async () => {
    const users = tool('GET /users/:id');
    expect(users.inputSchema).toEqual({
      type: 'object',
      properties: { id: { type: 'string', minLength: 1 } },
      required: ['id'],
      additionalProperties: false,
    });
    expect(await users.toRequest({ id: 'a b' })).toEqual({
      method: 'GET',
      target: '/users/a%20b',
      headers: {},
    });
    expect(await refusalOf(users, {})).toBe('Invalid arguments: "id": is missing');
    expect(await refusalOf(users, { id: 'x', q: 1 })).toBe(
      'Invalid arguments: "q": is not known; the arguments are id',
    );
    expect(await refusalOf(users, { id: '../admin' })).toContain('"id": must not hold "/"');
    expect(await refusalOf(users, { id: 5 })).toContain('"id": must be a string');
    expect(await refusalOf(tool('GET /'), { x: 1 })).toContain('there are no arguments');
  });

  it('by one schema go to the path and to the query or the body', async () => {
    const input = z.object({
      id: z.number().int(),
      q: z.string().optional(),
      tags: z.array(z.string()).optional(),
    });
    const get = tool('GET /users/:id', { input });
    expect(await get.toRequest({ id: 5, q: 'a&b', tags: ['x', 'y'] })).toEqual({
      method: 'GET',
      target: '/users/5?q=a%26b&tags%5B%5D=x&tags%5B%5D=y'.replaceAll('%5B%5D', '[]'),
      headers: {},
    });
    const put = await tool('PUT /users/:id', { input }).toRequest({ id: 5, q: 'ä' });
    expect(put).toMatchObject({ target: '/users/5', headers: { 'content-type': 'application/json' } });
    expect(JSON.parse(bodyText(put))).toEqual({ q: 'ä' });
    expect(await refusalOf(get, { id: 'x' })).toMatch(/"id"/);
    expect(await refusalOf(get, { id: 1, other: 2 })).toContain('"other": is not known');
    expect(get.inputSchema).toMatchObject({ type: 'object', required: ['id'], additionalProperties: false });
  });

  it('by one schema that leaves the path out have it added', async () => {
    const post = tool('POST /rooms/:room/lines', {
      input: { type: 'object', properties: { text: { type: 'string' } } },
    });
    expect(post.inputSchema).toMatchObject({ properties: { room: { type: 'string' } }, required: ['room'] });
    expect(await refusalOf(post, { text: 'x' })).toContain('"room": is missing');
    const request = await post.toRequest({ room: 'a', text: 'x' });
    expect([request.target, bodyText(request)]).toEqual(['/rooms/a/lines', '{"text":"x"}']);
  });

  it('by parts are flat where their names differ, with references in order', async () => {
    const body = {
      type: 'object',
      properties: { tree: { $ref: '#/$defs/node' } },
      required: ['tree'],
      $defs: {
        node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } }, additionalProperties: false },
      },
    };
    const post = tool('POST /t/:id', { input: { query: { dry: z.boolean().optional() }, body } });
    expect(post.inputSchema).toMatchObject({
      properties: { id: {}, dry: { type: 'boolean' }, tree: { $ref: '#/$defs/body/$defs/node' } },
      required: ['id', 'tree'],
    });
    const request = await post.toRequest({ id: 'x', dry: true, tree: { next: {} } });
    expect([request.target, bodyText(request)]).toEqual(['/t/x?dry=true', '{"tree":{"next":{}}}']);
    expect(await refusalOf(post, { id: 'x', tree: { next: { no: 1 } } })).toContain(
      '"tree.next.no": is not known',
    );
  });

  it('by parts are nested where names collide or the body is no object', async () => {
    const named = tool('PUT /users/:id', { input: { body: z.object({ id: z.string() }) } });
    expect(Object.keys(named.inputSchema['properties'] as object)).toEqual(['params', 'body']);
    const request = await named.toRequest({ params: { id: 'a' }, body: { id: 'b' } });
    expect([request.target, bodyText(request)]).toEqual(['/users/a', '{"id":"b"}']);
    expect(await refusalOf(named, { params: { id: 'a' } })).toContain('"body": is missing');
    expect(await refusalOf(named, { id: 'a' })).toContain(
      '"id": is not known; the arguments are params, body',
    );
    expect(await refusalOf(named, { params: { id: 'a' }, body: { id: 'b', x: 1 } })).toContain(
      '"body.x": is not known',
    );
    expect(await refusalOf(named, { params: 'a', body: { id: 'b' } })).toContain(
      '"params": must be an object',
    );
    const list = tool('POST /list', { input: { body: z.array(z.number()) } });
    expect(bodyText(await list.toRequest({ body: [1, 2] }))).toBe('[1,2]');
    expect(await refusalOf(list, { body: ['x'] })).toMatch(/"body\[0\]"/);
  });

  it('never hold headers, whatever a schema says of them', () => {
    const input = { headers: z.object({ authorization: z.string() }), query: z.object({ q: z.string() }) };
    expect(Object.keys(tool('GET /x', { input }).inputSchema['properties'] as object)).toEqual(['q']);
  });

  it('are bounded in size, depth and number, and are JSON', async () => {
    const open = tool('POST /x', { input: { body: { type: 'object', additionalProperties: true } } });
    let deep: unknown = 1;
    for (let depth = 0; depth < 40; depth++) deep = [deep];
    expect(await refusalOf(open, { body: { deep } })).toContain('deeper');
    expect(await refusalOf(open, { body: { big: 'x'.repeat(17 * 1024 * 1024) } })).toContain('bytes');
    expect(await refusalOf(open, { body: { many: Array.from({ length: 60_000 }, () => 1) } })).toContain(
      'parts',
    );
    expect(await refusalOf(open, { body: JSON.parse('{"__proto__":{"x":1}}') })).toContain('__proto__');
    expect(await refusalOf(open, JSON.parse('{"__proto__":{"x":1}}'))).toContain('__proto__');
    expect(await refusalOf(open, { body: { at: new Date() } })).toContain('must be JSON');
    expect(await refusalOf(open, { body: { n: Number.NaN } })).toContain('finite');
    expect(await refusalOf(open, [] as never)).toContain('must be an object');
    const query = tool('GET /x', { input: { query: z.object({ q: z.string() }) } });
    expect(await refusalOf(query, { q: 'x'.repeat(9000) })).toContain('8000');
  });

  it('are named without their values when they are refused', async () => {
    const secret = 'hunter2-very-secret';
    const post = tool('POST /x', {
      input: { type: 'object', properties: { a: { type: 'number' }, b: { const: 1 } } },
    });
    expect(await refusalOf(post, { a: secret, b: secret })).not.toContain(secret);
  });

  it('come as forms, with files', async () => {
    const input = {
      type: 'object',
      properties: {
        doc: { type: 'string', format: 'binary' },
        title: { type: 'string' },
        n: { type: 'number' },
      },
      required: ['doc'],
    };
    const upload = tool('POST /up', { input, body: 'multipart' });
    const doc = { filename: 'ä".txt', contentType: 'text/plain', data: 'aGk=' };
    const request = await upload.toRequest({ doc, title: 'T\r\nX: y', n: 2 });
    expect(request.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(bodyText(request)).toContain('filename="ä%22.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n');
    for (const bad of [
      { data: 'x' },
      { filename: '../x' },
      { filename: 'a\nb' },
      { contentType: 'a\r\nb: c' },
    ]) {
      expect(await refusalOf(upload, { doc: { ...doc, ...bad } })).toContain('"doc"');
    }
    const form = tool('POST /form', {
      input: { body: z.object({ a: z.string(), b: z.array(z.string()) }) },
      body: 'urlencoded',
    });
    expect(bodyText(await form.toRequest({ a: '1&2', b: ['x', 'y'] }))).toBe('a=1%262&b=x&b=y');
  });

  it.each<[string, RouteOptions, string]>([
    ['GET /x', { input: { body: z.object({ a: z.string() }) } }, 'has no body'],
    ['GET /x', { input: { params: z.object({ a: z.string() }) } }, 'the path has none'],
    ['GET /x/:id', { input: { params: z.object({ nr: z.string() }) } }, '"nr"'],
    ['POST /x', { input: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]) }, 'one by one'],
    ['POST /x', { input: {} }, 'empty schema'],
    ['POST /x', { input: { type: 'object', proprties: {} } }, '#/proprties: is not supported'],
    [
      'POST /x',
      { input: { body: z.object({ at: z.date() }) } },
      'input.body: cannot be written as JSON Schema',
    ],
    ['GET /x', { output: z.array(z.string()) }, 'must describe an object'],
    ['GET /x', { timeoutMs: -1 }, 'timeoutMs'],
    ['GET /x', { body: 'xml' as never }, 'body'],
  ])('of %s stop the start when they cannot be used: %#', (route, options, reason) => {
    const [problem] = problems(route, options);
    expect(problem).toContain(route);
    expect(problem).toContain(reason);
  });
});

describe('a value of a parameter', () => {
  const app = express();
  app.get('/users/me', answer);
  app.get('/login', answer);
  app.get('/admin/secret', answer);
  app.all('/api/*', (_request, _response, next) => {
    next();
  });
  app.get('/api/users/:id', answer);
  app.get('/users/:id', answer);
  app.get('/files/*', answer);
  app.get('/:page', answer);
  app.get('/:one/:two', answer);
  app.post('/posted', answer);
  const options = { exclude: ['/admin/*'], mountPath: '/mcp', routes: { 'GET /files/*': { name: 'files' } } };
  const of = (route: string) => toolOf(app, route, options);

  it('never leads to another route, tool or not, nor to the tools themselves', async () => {
    expect(await refusalOf(of('GET /:page'), { page: 'Login' })).toContain(
      'another route of the app, /login',
    );
    expect(await refusalOf(of('GET /:one/:two'), { one: 'admin', two: 'secret' })).toContain('/admin/secret');
    expect(await refusalOf(of('GET /users/:id'), { id: 'me' })).toContain('/users/me');
    expect(await refusalOf(of('GET /:page'), { page: 'mcp' })).toContain('the tools themselves');
    expect(await refusalOf(of('GET /:one/:two'), { one: 'MCP', two: 'tools' })).toContain(
      'the tools themselves',
    );
  });

  it('passes where the other route is no more exact, or of another method', async () => {
    expect(await of('GET /api/users/:id').toRequest({ id: '5' })).toMatchObject({ target: '/api/users/5' });
    expect(await of('GET /:page').toRequest({ page: 'posted' })).toMatchObject({ target: '/posted' });
    expect(await of('GET /files/*').toRequest({ 0: 'a/b.txt' })).toMatchObject({ target: '/files/a/b.txt' });
    expect(await of('GET /files/*').toRequest({})).toMatchObject({ target: '/files/' });
  });
});

describe('an answer', () => {
  it('fits its output schema or is refused without showing itself', async () => {
    const profile = tool('GET /profile', { output: z.object({ id: z.string().transform(Number) }) });
    expect(profile.outputSchema).toMatchObject({ type: 'object', properties: { id: { type: 'string' } } });
    const value = { id: '5', more: 1 };
    expect(await profile.checkOutput?.(value)).toBe(value);
    await expect(profile.checkOutput?.({ id: 5 })).rejects.toMatchObject({
      code: 'INTERNAL_ERROR',
      message: 'The answer of the app does not fit its output schema',
    });
    expect(tool('GET /profile')).not.toHaveProperty('checkOutput');
  });
});
