import { describe, expect, it } from 'vitest';
import { type Express, type RequestHandler, VERSIONS } from '../dispatch/packages.ts';
import { problemsOf, routesOf, toolOf } from './found.ts';

const answer: RequestHandler = (request, response) => {
  response.json({ path: request.path });
};
const pass: RequestHandler = (_request, _response, next) => {
  next();
};

describe.each(VERSIONS)('routes of $version', ({ version, express }) => {
  const isExpress4 = version === 'Express 4';

  it('are those of the app, in order, and only those that read', () => {
    const app = express();
    app.use(express.json(), pass);
    app.get('/', answer);
    app.get('/public/info', pass, answer);
    app.post('/items', answer);
    app.delete('/items/:id', answer);
    app.get('/items/:id', answer);
    expect(routesOf(app)).toEqual(['GET /', 'GET /public/info', 'GET /items/:id']);
  });

  it('are found in routers three deep, with parameters in mounts and middleware between', () => {
    const [api, teams, members] = [express.Router(), express.Router(), express.Router()];
    members.get('/', answer);
    members.get('/:member/roles', answer);
    teams.use(pass);
    teams.use('/:team/members', pass, members);
    teams.get('/', answer);
    api.use('/teams', teams);
    const app = express();
    app.use(pass);
    app.use('/api/v1.2', api);
    expect(routesOf(app)).toEqual([
      'GET /api/v1.2/teams/:team/members',
      'GET /api/v1.2/teams/:team/members/:member/roles',
      'GET /api/v1.2/teams',
    ]);
  });

  it('are found in apps mounted on apps, and in apps mounted on routers', () => {
    const [inner, outer, onRouter] = [express(), express(), express()];
    inner.get('/deep', answer);
    outer.use('/inner', inner);
    outer.get('/shallow', answer);
    onRouter.get('/odd', answer);
    const router = express.Router();
    router.use('/app', onRouter);
    const app = express();
    app.use('/outer', outer);
    app.use('/router', router);
    expect(routesOf(app)).toEqual(['GET /outer/inner/deep', 'GET /outer/shallow', 'GET /router/app/odd']);
  });

  it('run nothing of a mounted app while they are found', () => {
    const calls: string[] = [];
    const mounted = express();
    mounted.use((_request, _response, next) => {
      calls.push('middleware');
      next();
    });
    mounted.get('/', () => {
      calls.push('route');
    });
    const app = express();
    app.use('/mounted', mounted);
    expect(routesOf(app)).toEqual(['GET /mounted']);
    expect(calls).toEqual([]);
  });

  it('are found once where an app or a router is mounted twice', () => {
    const shared = express.Router();
    shared.get('/x', answer);
    const sub = express();
    sub.get('/y', answer);
    const app = express();
    app.use('/a', shared);
    app.use('/b', shared, sub);
    app.use('/c', sub);
    expect(routesOf(app)).toEqual(['GET /a/x', 'GET /b/x', 'GET /b/y', 'GET /c/y']);
  });

  it('made by route() and all() count for what they answer', () => {
    const app = express();
    app.route('/thing').all(pass).get(answer).put(answer);
    app.all('/anything', answer);
    app.head('/only-head', answer);
    app.head('/thing', answer);
    expect(routesOf(app)).toEqual(['GET /thing', 'GET /anything', 'HEAD /only-head']);
    expect(
      routesOf(app, { routes: { 'PUT /thing': {}, 'POST /anything': {} }, include: ['GET /anything'] }),
    ).toEqual(['PUT /thing', 'GET /anything', 'POST /anything']);
  });

  it('registered in several steps are one tool', () => {
    const app = express();
    app.get('/twice', pass);
    app.get('/twice', answer);
    expect(routesOf(app)).toEqual(['GET /twice']);
  });

  it('with a list of paths are one tool for each', () => {
    const app = express();
    app.get(['/a', ['/b']] as unknown as string[], answer);
    expect(routesOf(app)).toEqual(['GET /a', 'GET /b']);
  });

  it('take optional parts and wildcards in the syntax of the version', () => {
    const app = express();
    const [optional, wildcard] = isExpress4 ? ['/o/:a?', '/files/*'] : ['/o{/:a}', '/files/*path'];
    app.get(optional, answer);
    app.get(wildcard, answer);
    expect(toolOf(app, `GET ${wildcard}`).name).toBe(isExpress4 ? 'get_files_any' : 'get_files_path');
    const schemas = [optional, wildcard].map((path) => toolOf(app, `GET ${path}`).inputSchema);
    expect(schemas[0]).toMatchObject({ properties: { a: { type: 'string' } } });
    expect(schemas[0]).not.toHaveProperty('required');
    expect(schemas[1]?.['properties']).toHaveProperty([isExpress4 ? '0' : 'path', 'type'], 'string');
  });

  it('whose path is a regular expression stop the start, with the ways out', () => {
    const app = express();
    app.get('/fine', answer);
    app.get(/^\/year\/(\d{4})$/, answer);
    const [problem] = problemsOf(app);
    expect(problem).toContain('its path is a regular expression');
    expect(problem).toContain('routes');
    expect(problem).toContain('openapi');
    expect(problemsOf(app, { routes: { 'GET /year/:year': {} } })).toEqual([]);
    expect(problemsOf(app, { routes: { 'GET /years/:year': {} } })).toEqual([problem]);
    expect(routesOf(app, { exclude: ['GET /<*'] })).toEqual(['GET /fine']);
    expect(routesOf(app, { include: ['/fine'] })).toEqual(['GET /fine']);
    const [, exclude = ''] = /exclude: \['(.*)'\]/.exec(problem ?? '') ?? [];
    expect(routesOf(app, { exclude: [exclude] })).toEqual(['GET /fine']);
  });

  it('behind a mount that cannot be read stop the start, each by its name', () => {
    const router = express.Router();
    router.get('/list', answer);
    router.get('/item/:id', answer);
    router.post('/list', answer);
    const app = express();
    app.use('/fine', router);
    app.use(/^\/v[12]/ as unknown as string, router);
    const problems = problemsOf(app);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain('/list');
    expect(problems[1]).toContain('/item/:id');
    expect(problemsOf(app, { routes: { 'GET /v3/list': {}, 'GET /v2/item/:id': {} } })).toEqual(
      problems.slice(0, 1),
    );
    expect(routesOf(app, { routes: { 'GET /v1/list': {}, 'GET /v2/item/:id': {} } })).toEqual([
      'GET /fine/list',
      'GET /fine/item/:id',
      'GET /v1/list',
      'GET /v2/item/:id',
    ]);
  });

  it('behind a mount with optional parts stop the start', () => {
    const router = express.Router();
    router.get('/x', answer);
    const app = express();
    app.use(isExpress4 ? '/:lang?' : '{/:lang}', router);
    expect(problemsOf(app)).toHaveLength(1);
  });

  it('stop the start when routers are mounted in each other', () => {
    const router = express.Router();
    router.use('/again', router);
    const app = express();
    app.use(router);
    expect(problemsOf(app)[0]).toContain('without end');
  });

  it('of an app of another kind that is mounted like one are asked for', () => {
    const foreign = Object.assign(answer.bind(undefined), {
      handle: () => {},
      set: () => {},
      emit: () => {},
    });
    const app = express();
    app.get('/x', answer);
    app.use('/foreign', foreign);
    const [problem] = problemsOf(app);
    expect(problem).toContain('GET /foreign/<routes of a mounted app>: an app is mounted here');
    expect(problemsOf(app, { routes: { 'GET /foreign/y': {} } })).toEqual([]);
    expect(problemsOf(app, { exclude: ['/foreign/*'] })).toEqual([]);
  });

  it('that plain functions answer are named by hand or described', async () => {
    const app = express();
    app.use('/legacy', answer);
    const description = { openapi: '3.1.0', paths: { '/legacy/{name}': { get: { summary: 'Old' } } } };
    expect(problemsOf(app)[0]).toContain('no route of the app becomes a tool');
    expect(routesOf(app, { routes: { 'GET /legacy/x': {} } })).toEqual(['GET /legacy/x']);
    const tool = toolOf(app, 'GET /legacy/:name', { openapi: description });
    expect(await tool.toRequest({ name: 'a b' })).toEqual({
      method: 'GET',
      target: '/legacy/a%20b',
      headers: {},
    });
  });

  it('are none at or below the place where tools are served', () => {
    const app = express();
    app.get('/mcp', answer);
    app.get('/mcp/tools', answer);
    app.get('/mcps', answer);
    expect(routesOf(app, { mountPath: '/mcp/' })).toEqual(['GET /mcps']);
  });

  it('where people sign in or out are none unless they are named', () => {
    const app = express();
    for (const path of [
      '/login',
      '/auth/login',
      '/logout',
      '/refresh',
      '/token',
      '/oauth/x',
      '/sign-in/:by',
    ]) {
      app.get(path, answer);
    }
    app.get('/tokens', answer);
    expect(routesOf(app)).toEqual(['GET /tokens']);
    expect(routesOf(app, { include: ['*'] })).toEqual(['GET /tokens']);
    expect(routesOf(app, { include: ['GET /login', '/tokens'], routes: { 'GET /token': {} } })).toEqual([
      'GET /login',
      'GET /token',
      'GET /tokens',
    ]);
  });

  it('follow include and exclude, which has the last word', () => {
    const app = express();
    const router = express.Router();
    app.use('/api', router);
    router.get('/a', answer);
    router.post('/a', answer);
    router.get('/secret', answer);
    app.get('/else', answer);
    expect(routesOf(app, { include: ['/api/*'] })).toEqual(['GET /api/a', 'GET /api/secret']);
    expect(routesOf(app, { include: ['POST /api/*', '/else'] })).toEqual(['POST /api/a', 'GET /else']);
    expect(routesOf(app, { include: ['* /api/a'] })).toEqual(['GET /api/a', 'POST /api/a']);
    const options = { exclude: ['/api/*'], routes: { 'GET /api/secret': {} } };
    expect(routesOf(app, options)).toEqual(['GET /else']);
    expect(problemsOf(app, { include: ['/apo/*'] })[0]).toContain('matches no route');
    expect(problemsOf(app, { include: ['post /x', 'x'] })).toHaveLength(2);
  });

  it('spelled otherwise than in the app are told so', () => {
    const app = express();
    app.get('/users/:id', answer);
    const [problem] = problemsOf(app, { routes: { 'GET /users/:userId': {} } });
    expect(problem).toContain("'GET /users/:id'");
    expect(problemsOf(app, { routes: { 'get /users/:id': {} } })[0]).toContain('is not a method and a path');
    expect(problemsOf(app, { routes: { 'GET /users/:id': { titel: 'x' } as object } })[0]).toContain('titel');
  });

  it('need names of their own that clients can take', () => {
    const app = express();
    app.get('/a/b', answer);
    app.get('/a_b', answer);
    const long = `/${'x'.repeat(64)}`;
    app.get(long, answer);
    const problems = problemsOf(app);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/GET \/a_b: its tool name "get_a_b" is that of GET \/a\/b/);
    expect(problems[1]).toContain('64');
    const routes = { 'GET /a_b': { name: 'other' }, [`GET ${long}`]: { name: 'long' } };
    expect(problemsOf(app, { routes })).toEqual([]);
    expect(problemsOf(app, { routes: { ...routes, 'GET /a_b': { name: 'constructor' } } })[0]).toContain(
      'constructor',
    );
  });

  it('are found for what an app of the other version mounts', () => {
    const other = VERSIONS.find((candidate) => candidate.version !== version)?.express;
    const router = other?.Router();
    router?.get('/:id/x', answer);
    const app = express();
    const mounted = other?.();
    mounted?.get('/y', answer);
    if (router !== undefined && mounted !== undefined) app.use('/other', router, mounted);
    expect(routesOf(app)).toEqual(['GET /other/:id/x', 'GET /other/y']);
  });

  it('say what they are by their method', () => {
    const app = express();
    app.get('/user/profile', answer);
    app.put('/user/profile', answer);
    app.post('/user/profile', answer);
    const options = {
      include: ['* /user/*'],
      routes: { 'POST /user/profile': { annotations: { openWorldHint: false } } },
    };
    const [get, put, post] = ['GET', 'PUT', 'POST'].map((method) =>
      toolOf(app, `${method} /user/profile`, options),
    );
    expect(get).toMatchObject({
      name: 'get_user_profile',
      compatName: 'GET_/user/profile',
      annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    });
    expect(put?.annotations).toMatchObject({
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
    });
    expect(post?.annotations).toMatchObject({ idempotentHint: false, openWorldHint: false });
  });
});

describe('an app whose mounts Express 4 has compiled', () => {
  const [{ express }] = VERSIONS;

  it.each<[string, (app: Express, router: Express) => void]>([
    ['several mounts at once', (app, router) => app.use(['/a', '/b'] as unknown as string, router)],
    ['a wildcard', (app, router) => app.use('/a/*', router)],
    ['a constrained parameter', (app, router) => app.use('/:id(\\d+)', router)],
    ['an optional letter', (app, router) => app.use('/ab?', router)],
    ['a parameter beside text', (app, router) => app.use('/:a-:b', router)],
  ])('is never guessed at: %s', (_name, mount) => {
    const router = express.Router() as unknown as Express;
    router.get('/x', answer);
    const app = express();
    mount(app, router);
    expect(problemsOf(app)[0]).toMatch(/\/x: Express 4 keeps no path of this mount/);
  });
});

describe('a list of mounts of Express 5', () => {
  it('is one mount after the other', () => {
    const { express } = VERSIONS[1];
    const router = express.Router();
    router.get('/x', answer);
    const app = express();
    app.use(['/a', '/b'] as unknown as string, router);
    expect(routesOf(app)).toEqual(['GET /a/x', 'GET /b/x']);
  });
});
