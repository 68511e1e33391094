import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config/from-file.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { toPrintableConfig } from '../../src/config/printable.ts';
import { parseCode, parseFile, problemsOf, SECRET, withParts } from './fixtures/options.ts';

const validate = new AjvJsonSchemaValidator().getValidator(configJsonSchema());
const CREDENTIALS = { credentials: { files: { type: 'env' } } };

function withServer(server: object, tenancy?: object) {
  return withParts({ servers: { files: server }, ...(tenancy !== undefined && { tenancy }) });
}

function resolved(server: object, tenancy?: object) {
  const [first] = parseFile(withServer(server, tenancy)).servers;
  return first ?? expect.fail('no server');
}

describe('[config/servers-command] a command', () => {
  test('is pooled, with bounds, and has a minute to start', () => {
    expect(resolved({ command: ['npx', '-y', 'x', '.'] })).toMatchObject({
      source: { type: 'command', command: 'npx', args: ['-y', 'x', '.'], env: {}, startTimeoutMs: 60_000 },
      instances: { mode: 'pooled', max: 100, maxPerPrincipal: 10, idleMs: 300_000, lifetimeMs: 3_600_000 },
    });
    const few = resolved({ command: ['x'], instances: { max: 4, mode: 'fresh' } });
    expect(few.instances).toMatchObject({ mode: 'fresh', max: 4, maxPerPrincipal: 4 });
  });

  test.each<[string, object, string]>([
    ['in one text', { command: 'npx x' }, 'servers.files.command: must be a list, not text'],
    ['of nothing', { command: [] }, 'servers.files.command: needs at least 1 entry'],
    [
      'beside a module',
      { command: ['x'], module: './x.js' },
      'needs exactly one of `module`, `command`, `url`',
    ],
    ['with headers', { command: ['x'], headers: {} }, 'servers.files.headers: goes with `url` only'],
    ['misspelled', { comand: ['x'] }, 'Unknown key `comand` (did you mean `command`?)'],
    [
      'with the token in sight',
      { command: ['x', '--token=${credential}'] },
      'servers.files.command[1]: holds',
    ],
    [
      'with a variable of no name',
      { command: ['x'], env: { 'A=B': 'x' } },
      'must be the name of an environment',
    ],
    ['with NUL', { command: ['x'], env: { A: 'x\0' } }, 'servers.files.env.A: must not contain NUL'],
    [
      'with more for one than for all',
      { command: ['x'], instances: { max: 2, maxPerPrincipal: 3 } },
      'servers.files.instances.maxPerPrincipal: must not be more than `instances.max`',
    ],
    [
      'whose token comes from nowhere',
      { command: ['x'], env: { A: '${credential}' } },
      'no `tenancy.credentials.files`',
    ],
  ])('%s is refused', (_name, server, problem) => {
    expect(problemsOf(withServer(server), parseCode).join('\n')).toContain(problem);
  });

  test('options of a command go with a command only', () => {
    expect(problemsOf(withServer({ module: './x.js', env: {}, cwd: '.', startTimeoutMs: 5 }))).toEqual([
      'servers.files.env: goes with `command` only',
      'servers.files.cwd: goes with `command` only',
      'servers.files.startTimeoutMs: goes with `command` or `url` only',
    ]);
    const instances = { maxPerPrincipal: 3 };
    expect(problemsOf(withServer({ module: './x.js', instances }))).toEqual([
      'servers.files.instances.maxPerPrincipal: goes with `command` or `url` only',
    ]);
  });
});

describe('[config/servers-remote] a URL', () => {
  test('is asked with the token of the user as a bearer, where there is one', () => {
    const url = 'https://example.com/mcp?team=1';
    expect(resolved({ url }).source).toMatchObject({ type: 'url', url, headers: {} });
    expect(resolved({ url }, CREDENTIALS).source).toMatchObject({
      headers: { authorization: 'Bearer ${credential}' },
    });
    expect(resolved({ url, headers: { 'X-Key': 'Key ${credential}' } }, CREDENTIALS).source).toMatchObject({
      headers: { 'X-Key': 'Key ${credential}' },
    });
    expect(resolved({ url, headers: {} }, CREDENTIALS).source).toMatchObject({ headers: {} });
  });

  test.each<[string, object, string]>([
    ['without encryption', { url: 'http://example.com/mcp' }, '(or say `dangerouslyAllowHttp: true`)'],
    ['of no web server', { url: 'ftp://example.com' }, 'must be an https: URL'],
    ['with a password', { url: 'https://u:p@example.com' }, 'must not contain a user name or password'],
    ['with a fragment', { url: 'https://example.com/#x' }, 'must not have a fragment'],
    ['with the token in it', { url: 'https://example.com/?t=${credential}' }, 'servers.files.url: holds'],
    [
      'with a header of the protocol',
      { url: 'https://x.example', headers: { 'Mcp-Session-Id': '1' } },
      'writes itself',
    ],
    [
      'with a header of no name',
      { url: 'https://x.example', headers: { 'a b': '1' } },
      'name of an HTTP header',
    ],
    ['with a header twice', { url: 'https://x.example', headers: { A: '1', a: '2' } }, 'is there twice'],
    [
      'with a line break',
      { url: 'https://x.example', headers: { a: '1\r\nb: 2' } },
      'cannot be sent in a header',
    ],
    [
      'with an environment',
      { url: 'https://x.example', env: {} },
      'servers.files.env: goes with `command` only',
    ],
  ])('%s is refused', (_name, server, problem) => {
    expect(problemsOf(withServer(server, CREDENTIALS)).join('\n')).toContain(problem);
  });

  test.each(['http://127.0.0.1:9/mcp', 'http://localhost/mcp', 'http://[::1]/mcp'])(
    '%s is on this machine',
    (url) => {
      expect(problemsOf(withServer({ url }))).toEqual([]);
    },
  );

  test('goes unencrypted where that is said', () => {
    expect(problemsOf(withServer({ url: 'http://example.com/mcp', dangerouslyAllowHttp: true }))).toEqual([]);
  });
});

describe('[config/schema] sources of servers', () => {
  test.each<[object, boolean]>([
    [{ command: ['npx', 'x'], env: { A: 'b' }, cwd: '.', startTimeoutMs: 5 }, true],
    [{ url: 'https://x.example', headers: { a: 'b' }, dangerouslyAllowHttp: false }, true],
    [{ module: './x.js' }, true],
    [{ module: './x.js', url: 'https://x.example' }, false],
    [{ command: 'npx x' }, false],
    [{}, false],
  ])('the JSON Schema says of %j: %s', (server, isValid) => {
    expect(validate(withServer(server)).valid).toBe(isValid);
  });

  async function load(text: string, environment: Record<string, string> = {}) {
    const cwd = await mkdtemp(join(tmpdir(), 'gatehouse-sources-'));
    onTestFinished(() => rm(cwd, { recursive: true, force: true }));
    await writeFile(join(cwd, 'gatehouse.config.yaml'), text);
    return { cwd, config: await loadConfig(undefined, { cwd, environment: { S: SECRET, ...environment } }) };
  }
  const REST =
    'auth: [{ type: jwt, secret: "${env:S}" }]\ntenancy: { credentials: { a: { type: env }, b: { type: env } } }\n';

  test('a file leaves `${credential}` for the time of the request and replaces the rest', async () => {
    const { cwd, config } = await load(
      `version: 1
servers:
  a: { command: [node, ./a.js, "\${env:ARG}"], env: { T: "\${credential}", U: "x\${env:ARG}\${credential}" } }
  b: { url: "https://x.example", headers: { x-key: "\${credential}" } }
  c: { command: [node], cwd: ./c }
${REST}`,
      { ARG: 'hunter2' },
    );
    expect(config.servers).toEqual({
      a: {
        command: ['node', './a.js', 'hunter2'],
        env: { T: '${credential}', U: 'xhunter2${credential}' },
        cwd,
      },
      b: { url: 'https://x.example', headers: { 'x-key': '${credential}' } },
      c: { command: ['node'], cwd: join(cwd, 'c') },
    });
    const printed = toPrintableConfig(config);
    expect(JSON.stringify(printed)).not.toContain('hunter2');
    expect(printed['servers']).toMatchObject({
      a: {
        command: ['node', './a.js', '${env:ARG}'],
        env: { T: '[redacted]' },
        instances: { mode: 'pooled' },
      },
      b: { headers: { 'x-key': '[redacted]' } },
    });
  });

  test.each([
    ['an argument', 'a: { command: [x, "${credential}"] }', 'servers.a.command[1]'],
    ['a URL', 'a: { url: "https://x.example/${credential}" }', 'servers.a.url'],
    ['a path', 'a: { module: "./${credential}.js" }', 'servers.a.module'],
  ])('a file cannot have it in %s', async (_name, server, path) => {
    const loading = load(`version: 1\nservers:\n  ${server}\n  b: { command: [x] }\n${REST}`);
    await expect(loading).rejects.toThrow(`${path}: holds \`\${credential}\`, which can stand in values of`);
  });
});

test('the configurations of the guide are sound', async () => {
  const guide = await readFile(new URL('../../docs/guides/any-server.md', import.meta.url), 'utf8');
  const blocks = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
  expect(blocks.length).toBeGreaterThan(0);
  const cwd = await mkdtemp(join(tmpdir(), 'gatehouse-guide-'));
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  for (const text of blocks) {
    await writeFile(join(cwd, 'guide.yaml'), text);
    const config = await loadConfig('guide.yaml', { cwd, environment: { SERVICE_TOKEN: 'x' } });
    expect(Object.keys(config.servers)).toEqual(['notes', 'files', 'github', 'search', 'tickets']);
  }
});
