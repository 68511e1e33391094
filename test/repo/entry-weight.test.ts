import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT } from './project-files.ts';

/** Packages that importing `mcp-gatehouse` may load. Whatever else is needed is imported when it is used. */
const LIGHT = ['@opentelemetry/api', 'jose', 'zod'];

const run = promisify(execFile);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'entry-weight-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** URLs of every file that a fresh process loads for `import(path)`, as V8's own coverage report lists them. */
async function findLoaded(path: string): Promise<readonly string[]> {
  const source = `await import(${JSON.stringify(pathToFileURL(path).href)})`;
  const env = { ...process.env, NODE_V8_COVERAGE: directory };
  await run(process.execPath, ['--input-type=module', '--eval', source], { cwd: ROOT, env });
  const reports = await readdir(directory);
  const texts = await Promise.all(reports.map((name) => readFile(join(directory, name), 'utf8')));
  const results = texts.flatMap((text) => (JSON.parse(text) as { result: { url: string }[] }).result);
  return results.map(({ url }) => url).filter((url) => url.startsWith('file:'));
}

function toPackage(url: string): string | undefined {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
}

test('the main entry loads nothing heavy', async () => {
  const loaded = await findLoaded(join(ROOT, 'dist/index.js'));
  const packages = new Set(loaded.map(toPackage).filter((name) => name !== undefined));
  console.log(
    `mcp-gatehouse loads ${loaded.length} modules, of ${packages.size === 0 ? 'no package' : [...packages].join(', ')}`,
  );
  expect(loaded).toContain(pathToFileURL(join(ROOT, 'dist/index.js')).href);
  expect([...packages].filter((name) => !LIGHT.includes(name))).toEqual([]);
});

test('what a module loads is seen, in both module systems', async () => {
  const loaded = await findLoaded(join(ROOT, 'node_modules/commander/esm.mjs'));
  expect(loaded.filter((url) => toPackage(url) === 'commander').map((url) => url.split('/').pop())).toEqual(
    expect.arrayContaining(['esm.mjs', 'index.js', 'command.js']),
  );
});
