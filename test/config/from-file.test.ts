import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoadOptions, loadConfig } from '../../src/config/from-file.ts';
import type { GateConfig } from '../../src/config/options.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { MINIMAL, SECRET } from './fixtures/options.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-from-file-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function write(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

function load(path?: string, options: LoadOptions = {}): Promise<GateConfig> {
  return loadConfig(path, { cwd: directory, environment: { JWT_SECRET: SECRET }, ...options });
}

async function problemsOf(path?: string, options?: LoadOptions): Promise<readonly string[]> {
  const error: unknown = await load(path, options).then(
    () => new ConfigurationError([]),
    (reason: unknown) => reason,
  );
  if (error instanceof ConfigurationError) return error.problems;
  throw error;
}

const YAML = `
version: 1
servers:
  notes: { module: ./notes.js }
auth:
  - { type: jwt, secret: "\${env:JWT_SECRET}" }
`;

describe('[config/from-file]', () => {
  const loaded = {
    version: 1,
    servers: { notes: { module: expect.stringMatching(/^\/.*notes\.js$/) } },
    auth: [{ type: 'jwt', secret: SECRET }],
  };
  const object = `{ version: 1, servers: { notes: { module: './notes.js' } }, auth: [{ type: 'jwt', secret: '\${env:JWT_SECRET}' }] }`;

  test.each([
    ['gatehouse.config.yaml', YAML],
    ['gatehouse.config.yml', YAML],
    [
      'gatehouse.config.json',
      JSON.stringify({ ...MINIMAL, auth: [{ type: 'jwt', secret: '${env:JWT_SECRET}' }] }),
    ],
    ['gatehouse.config.js', `module.exports = ${object};`],
    ['gatehouse.config.mjs', `export default ${object};`],
    [
      'gatehouse.config.ts',
      `const config: { readonly version: 1 } & object = ${object};\nexport default config;`,
    ],
  ])('finds and reads %s', async (name, content) => {
    await write(name, content);
    expect(await load()).toEqual(loaded);
    expect(await load(name)).toEqual(loaded);
  });

  test('a file in TypeScript may import others', async () => {
    await write('secret.ts', `export const secret: string = '${SECRET}';`);
    await write(
      'gatehouse.config.ts',
      `import { secret } from './secret.ts';
       export default { version: 1, servers: { notes: { module: './notes.js' } }, auth: [{ type: 'jwt', secret }] };`,
    );
    expect(await load()).toEqual(loaded);
  });

  test('no file, or two, are problems', async () => {
    expect(await problemsOf()).toEqual([
      expect.stringMatching(/^No configuration file here: looked for gatehouse/),
    ]);
    await write('gatehouse.config.yaml', YAML);
    await write('gatehouse.config.ts', 'export default {}');
    expect(await problemsOf()).toEqual([
      'Both gatehouse.config.ts and gatehouse.config.yaml are here: say which one is meant, or remove one',
    ]);
    expect(await problemsOf('gatehouse.config.yaml')).toEqual([]);
  });

  test('references and paths are relative to the file', async () => {
    await mkdir(join(directory, 'etc'));
    await write('etc/jwt-secret', `${SECRET}\n`);
    await write(
      'etc/gate.yaml',
      `
version: 1
servers:
  a: { module: ./a.js }
  b: { module: ../b.js }
  c: { module: "@example/server" }
  d: { module: /srv/d.js }
auth: [{ type: jwt, secret: "\${file:jwt-secret}" }]
audit: [{ type: file, path: logs/audit.log }, { type: console }]
`,
    );
    const config = await load('etc/gate.yaml');
    expect(config.servers).toEqual({
      a: { module: join(directory, 'etc/a.js') },
      b: { module: join(directory, 'b.js') },
      c: { module: '@example/server' },
      d: { module: '/srv/d.js' },
    });
    expect(config.auth).toEqual([{ type: 'jwt', secret: SECRET }]);
    expect(config.audit).toEqual([
      { type: 'file', path: join(directory, 'etc/logs/audit.log') },
      { type: 'console' },
    ]);
  });

  test('missing references and other mistakes come together, each place once', async () => {
    await write(
      'gatehouse.config.yaml',
      `
version: 1
publicUrl: "\${env:PUBLIC_URL}"
servers: { notes: { modul: ./notes.js } }
auth: [{ type: jwt, secret: "\${file:absent}" }]
`,
    );
    expect(await problemsOf()).toEqual([
      'publicUrl: the environment variable PUBLIC_URL is not set',
      'auth[0].secret: the file "absent" does not exist',
      'servers.notes: Unknown key `modul` (did you mean `module`?)',
      'servers.notes: needs exactly one of `module`, `command`, `url`',
    ]);
  });

  test('listen options of the caller win, and say that HTTP is meant', async () => {
    await write('gatehouse.config.yaml', `${YAML}listen: { host: 127.0.0.2, port: 4000, path: /x }\n`);
    expect((await load(undefined, { listen: { port: 5000 } })).listen).toEqual({
      host: '127.0.0.2',
      port: 5000,
      path: '/x',
    });
    await write(
      'gatehouse.config.yaml',
      'version: 1\nservers: { notes: { module: ./notes.js } }\nauth: [{ type: environment }]\n',
    );
    expect(await problemsOf()).toEqual([]);
    expect(await problemsOf(undefined, { listen: {} })).toEqual([
      expect.stringMatching(/^auth\[0\]: signs in whoever connects/),
    ]);
    expect(await problemsOf(undefined, { listen: { host: '0.0.0.0' } })).toContain(
      'publicUrl: is required when `listen.host` is not a loopback address',
    );
  });

  test.each<[string, string, string, string]>([
    [
      'a key given twice in YAML',
      'c.yaml',
      'version: 1\nauth: []\nauth: [x]\n',
      'c.yaml: gives the same key twice (line 3, column 1)',
    ],
    [
      'a key given twice in JSON',
      'c.json',
      '{"version": 1,\n "auth": [{"secret": "a", "secret": "b"}]}',
      'c.json: gives the same key twice (line 2, column 27)',
    ],
    ['bad YAML', 'c.yaml', 'version: [1\nauth: hunter2', 'c.yaml: is not valid YAML (line 2, column 1)'],
    [
      'two documents',
      'c.yaml',
      'version: 1\n---\nversion: 1\n',
      'c.yaml: holds more than one document (line 2, column 1)',
    ],
    [
      'a tag',
      'c.yaml',
      'version: !!js/function "hunter2"\n',
      'c.yaml: holds a tag (`!…`), which is not used here (line 1, column 10)',
    ],
    [
      'an unknown ending',
      'c.toml',
      'version = 1',
      'c.toml: must end in .ts, .js, .mjs, .json, .yaml or .yml',
    ],
    ['a huge file', 'c.yaml', `# ${'x'.repeat(1_048_576)}`, 'c.yaml: is larger than 1048576 bytes'],
    [
      'a file that throws',
      'c.mjs',
      'throw new Error("no luck\\nat all")',
      'c.mjs: could not be run: Error (line 1)',
    ],
    [
      'a file that throws what is not an error',
      'c.mjs',
      'throw { name: "hunter2", message: "hunter2" }',
      'c.mjs: could not be run: unknown error',
    ],
    [
      'a file with an error that quotes a value',
      'c.mjs',
      '\nJSON.parse("hunter2-12:34")',
      'c.mjs: could not be run: SyntaxError (line 2)',
    ],
  ])('refuses %s', async (_name, file, content, problem) => {
    await write(file, content);
    expect(await problemsOf(file)).toEqual([problem]);
  });

  test('bad JSON is told by its place, without any of its text', async () => {
    await write('c.json', '{"secret": "hunter2",\n "a": hunter2}');
    const [problem = ''] = await problemsOf('c.json');
    expect(problem).toMatch(/^c\.json: is not valid JSON/);
    expect(problem).not.toContain('hunter2');
  });

  test('refuses a file that is not there, and a directory', async () => {
    expect(await problemsOf('absent.yaml')).toEqual(['absent.yaml: does not exist']);
    await mkdir(join(directory, 'd.yaml'));
    expect(await problemsOf('d.yaml')).toEqual(['d.yaml: is not a regular file']);
  });

  test('aliases that multiply are refused, a few are not', async () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const before = level === 0 ? '"x"' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array.from({ length: 10 }, () => before).join(', ')}]`;
    });
    await write('c.yaml', levels.join('\n'));
    expect(await problemsOf('c.yaml')).toEqual([
      'c.yaml: is not usable YAML: it nests or repeats itself too deeply',
    ]);
    await write('c.yaml', `${YAML}audit: [&sink { type: console }, *sink]\n`);
    expect((await load('c.yaml')).audit).toEqual([{ type: 'console' }, { type: 'console' }]);
  });

  test('deep nesting is refused', async () => {
    const depth = 5_000;
    const refused = /levels deep|too deeply/;
    await write('c.json', `${'['.repeat(depth)}${']'.repeat(depth)}`);
    expect((await problemsOf('c.json'))[0]).toMatch(refused);
    await write('c.yaml', `a: ${'['.repeat(depth)}${']'.repeat(depth)}`);
    expect((await problemsOf('c.yaml'))[0]).toMatch(refused);
  });

  test.each([
    ['c.yaml', `${YAML}limits: { __proto__: { bodyBytes: 5 } }\n`],
    [
      'c.json',
      '{"version":1,"limits":{"__proto__":{"bodyBytes":5}},"servers":{"n":{"module":"m"}},"auth":[]}',
    ],
  ])('`__proto__` is no key (%s)', async (file, content) => {
    await write(file, content);
    expect(await problemsOf(file)).toContain('limits: `__proto__` is not allowed as a key');
    expect(Reflect.get({}, 'bodyBytes')).toBeUndefined();
  });

  test('what is not an object is refused', async () => {
    await write('c.mjs', 'export default () => ({})');
    expect(await problemsOf('c.mjs')).toEqual(['The configuration must be an object, not a function']);
    await write('c.yaml', '');
    expect(await problemsOf('c.yaml')).toEqual(['The configuration must be an object, not null']);
  });
});

describe('[config/from-file] what a file that cannot be run says', () => {
  test('a syntax error is told with its place, without the line', async () => {
    await write('c.mjs', "\nexport default { secret: 'hunter2'hunter2' };\n");
    const [problem, ...rest] = await problemsOf('c.mjs');
    expect(rest).toEqual([]);
    expect(problem).toMatch(/^c\.mjs: could not be run: \w*Error \(line 2\)$/);
  });

  test('a module that is missing is told by its code', async () => {
    await write('c.mjs', "import 'hunter2-is-no-package';\nexport default {};\n");
    const [problem] = await problemsOf('c.mjs');
    expect(problem).toContain('MODULE_NOT_FOUND');
    expect(problem).not.toContain('hunter2');
  });
});
