import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseGateOptions } from '../config/schema.ts';
import { ConfigurationError } from '../core/errors.ts';
import { type BuiltInSource, loadFactory } from './load-factory.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-load-factory-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function problemOf(name: string, content: string): Promise<string> {
  const module = join(directory, name);
  await writeFile(module, content);
  const auth = [{ type: 'jwt', secret: 'k'.repeat(32) }];
  const options = parseGateOptions({ servers: { notes: { module } }, auth }, { allowInstances: true });
  const [server] = options.servers;
  if (server === undefined) return expect.fail('there is one server');
  const error: unknown = await loadFactory(server as BuiltInSource).catch((reason: unknown) => reason);
  if (!(error instanceof ConfigurationError)) return expect.fail('it must not load');
  return error.problems.join(' ');
}

describe('[config/servers] a module that cannot be loaded', () => {
  test.each([
    ['quotes what it parsed', 'a.mjs', 'JSON.parse("hunter2");', 'SyntaxError'],
    ['throws text', 'b.mjs', 'throw "hunter2";', 'unknown error'],
    ['names a URL with a password', 'c.mjs', 'throw new Error("no https://u:hunter2@db/");', 'no https://'],
    ['wants a module', 'd.mjs', 'import "/hunter2-is-missing.mjs";', 'cannot be loaded'],
  ])('and %s does not repeat it', async (_name, file, content, reason) => {
    const problem = await problemOf(file, content);
    expect(problem).toContain(reason);
    expect(problem).not.toContain('hunter2');
  });
});
