import { describe, expect, it } from 'vitest';
import { type RequestHandler, VERSIONS } from '../dispatch/packages.ts';
import { bodyText, problemsOf, refusalOf, routesOf, toolOf } from './found.ts';

const [, { express }] = VERSIONS;
const answer: RequestHandler = (_request, response) => {
  response.end();
};

function petApp() {
  const app = express();
  app.get('/pets', answer);
  app.post('/pets', answer);
  app.get('/pets/:petId', answer);
  return app;
}

const COMPONENTS = {
  schemas: {
    Pet: {
      type: 'object',
      required: ['id', 'name'],
      properties: {
        id: { type: 'integer', readOnly: true },
        name: { type: 'string', example: 'Rex' },
        secret: { type: 'string', writeOnly: true },
        age: { type: 'integer', minimum: 0, exclusiveMinimum: true, nullable: true },
        mother: { $ref: '#/components/schemas/Pet' },
      },
      xml: { name: 'pet' },
    },
  },
  parameters: { Limit: { name: 'limit', in: 'query', description: 'How many', schema: { type: 'integer' } } },
};

const DOCUMENT_30 = {
  openapi: '3.0.3',
  components: COMPONENTS,
  paths: {
    '/pets': {
      get: {
        summary: 'List pets',
        description: 'All pets there are',
        parameters: [
          { $ref: '#/components/parameters/Limit' },
          { name: 'tag', in: 'query', required: true, schema: { type: 'array', items: { type: 'string' } } },
          { name: 'X-Request-Id', in: 'header', required: true, schema: { type: 'string' } },
        ],
        responses: { 200: { content: { 'application/json': { schema: { type: 'array', items: {} } } } } },
      },
      post: {
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } },
        },
      },
    },
    '/pets/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
      get: {
        responses: {
          200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } } },
          404: {},
        },
      },
    },
  },
};

const options = { openapi: DOCUMENT_30, include: ['*', 'POST /pets'] };

describe('an OpenAPI document', () => {
  it('describes routes that were found, parameters by their place', async () => {
    const app = petApp();
    expect(routesOf(app, options)).toEqual(['GET /pets', 'POST /pets', 'GET /pets/:petId']);
    const list = toolOf(app, 'GET /pets', options);
    expect(list).toMatchObject({ title: 'List pets', description: 'All pets there are' });
    expect(list.inputSchema).toEqual({
      type: 'object',
      properties: {
        limit: { type: 'integer', description: 'How many' },
        tag: { type: 'array', items: { type: 'string' } },
      },
      required: ['tag'],
      additionalProperties: false,
    });
    expect(list).not.toHaveProperty('outputSchema');
    expect(await list.toRequest({ tag: ['a', 'b'], limit: 5 })).toMatchObject({
      target: '/pets?limit=5&tag=a&tag=b',
    });
    const one = toolOf(app, 'GET /pets/:petId', options);
    expect(one.inputSchema).toMatchObject({
      properties: { petId: { type: 'integer' } },
      required: ['petId'],
    });
    expect(await one.toRequest({ petId: 7 })).toMatchObject({ target: '/pets/7' });
    expect(await refusalOf(one, { petId: 'x' })).toContain('"petId": must be a whole number');
  });

  it('of 3.0 means what 3.0 says, in cycles as well', async () => {
    const app = petApp();
    const create = toolOf(app, 'POST /pets', options);
    expect(create.inputSchema['required']).toEqual(['name']);
    const mother = { name: 'Ada', mother: { name: 'Eve', age: null } };
    expect(JSON.parse(bodyText(await create.toRequest({ name: 'Rex', age: 1, mother })))).toMatchObject({
      mother,
    });
    expect(await refusalOf(create, { name: 'Rex', age: 0 })).toContain('"age": must be more than 0');
    expect(await refusalOf(create, { name: 'Rex', id: 1 })).toContain('"id": is not known');
    expect(await refusalOf(create, { name: 'Rex', mother: { mother: {} } })).toContain(
      '"mother.mother.name": is missing',
    );
    expect(JSON.stringify(create.inputSchema)).not.toMatch(/nullable|example|xml/);
  });

  it('describes what comes back, without what only goes in', async () => {
    const one = toolOf(petApp(), 'GET /pets/:petId', options);
    expect(one.outputSchema).toMatchObject({ type: 'object', required: ['id', 'name'] });
    expect(one.outputSchema?.['properties']).not.toHaveProperty('secret');
    await expect(one.checkOutput?.({ id: 1, name: 'Rex' })).resolves.toEqual({ id: 1, name: 'Rex' });
    await expect(one.checkOutput?.({ id: 1 })).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  });

  it('of 3.1 is JSON Schema, with forms and files', async () => {
    const app = express();
    app.post('/up', answer);
    const schema = {
      type: 'object',
      properties: {
        doc: { type: 'string', contentMediaType: 'application/pdf' },
        note: { type: ['string', 'null'], examples: ['x'] },
      },
      required: ['doc'],
    };
    const document = {
      openapi: '3.1.0',
      paths: { '/up': { post: { requestBody: { content: { 'multipart/form-data': { schema } } } } } },
    };
    const up = toolOf(app, 'POST /up', { openapi: document, routes: { 'POST /up': { name: 'up' } } });
    const request = await up.toRequest({ doc: { filename: 'a.pdf', data: 'aGk=' }, note: null });
    expect(bodyText(request)).toContain('filename="a.pdf"');
    expect(bodyText(request)).not.toContain('note');
  });

  it('names routes that cannot be found, under the path of its server', () => {
    const app = express();
    app.get('/api/pets', answer);
    app.use('/api/plain', answer);
    const document = {
      openapi: '3.1.0',
      servers: [{ url: 'https://example.com/api/' }],
      paths: {
        '/pets': { get: { summary: 'P' } },
        '/plain/{x}/{y}': { get: {}, post: {}, head: {} },
        '/auth/login': { get: {} },
      },
    };
    expect(routesOf(app, { openapi: document })).toEqual(['GET /api/pets', 'GET /api/plain/:x/:y']);
    expect(toolOf(app, 'GET /api/pets', { openapi: document }).title).toBe('P');
    expect(routesOf(app, { openapi: document, include: ['POST /api/*'] })).toEqual(['POST /api/plain/:x/:y']);
  });

  it('makes a route clear whose path cannot be told', () => {
    const app = express();
    const router = express.Router();
    router.get('/list/:id', answer);
    app.use(/^\/v1/ as unknown as string, router);
    const document = { openapi: '3.1.0', paths: { '/v1/list/{id}': { get: {} } } };
    expect(problemsOf(app)).toHaveLength(1);
    expect(routesOf(app, { openapi: document })).toEqual(['GET /v1/list/:id']);
  });

  it('gives way to what is said of the route itself', () => {
    const routes = {
      'GET /pets': {
        title: 'Mine',
        input: { query: { type: 'object', properties: { q: { type: 'string' } } } },
      },
    };
    const list = toolOf(petApp(), 'GET /pets', { openapi: DOCUMENT_30, routes });
    expect(list).toMatchObject({ title: 'Mine', description: 'All pets there are' });
    expect(Object.keys(list.inputSchema['properties'] as object)).toEqual(['q']);
  });

  const withQuery = (parameter: object) => ({
    openapi: '3.0.0',
    paths: { '/pets': { get: { parameters: [{ name: 'p', in: 'query', ...parameter }] } } },
  });
  const withBody = (content: object) => ({
    openapi: '3.1.0',
    paths: { '/pets': { post: { requestBody: { content } } } },
  });

  it.each<[string, unknown, string]>([
    ['version 2', { swagger: '2.0', paths: {} }, 'version 3.0 or 3.1'],
    ['no object', 'openapi: 3.1.0', 'as an object'],
    [
      'lists with commas',
      withQuery({ explode: false, schema: { type: 'array', items: {} } }),
      'parameter "p": lists',
    ],
    ['a style', withQuery({ style: 'pipeDelimited', schema: { type: 'array' } }), 'style pipeDelimited'],
    ['content', withQuery({ content: { 'application/json': {} } }), 'has no schema'],
    ['objects in a query', withQuery({ style: 'deepObject', schema: { type: 'object' } }), "'extended'"],
    ['references out of it', withQuery({ schema: { $ref: 'other.yaml#/x' } }), 'leads out of the document'],
    ['references to nothing', withQuery({ schema: { $ref: '#/components/schemas/X' } }), 'leads nowhere'],
    [
      'words of 3.0 in 3.1',
      withBody({ 'application/json': { schema: { nullable: true } } }),
      'nullable: is not supported',
    ],
    ['XML', withBody({ 'application/xml': { schema: {} } }), 'none of application/xml'],
  ])('stops the start for %s', (_name, openapi, reason) => {
    expect(problemsOf(petApp(), { openapi, include: ['*', 'POST /pets'] })[0]).toContain(reason);
  });

  it('stops nothing for operations that become no tools', () => {
    const openapi = withBody({ 'application/xml': { schema: {} } });
    expect(routesOf(petApp(), { openapi })).toEqual(['GET /pets', 'GET /pets/:petId']);
  });
});
