import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseGateOptions } from '../config/schema.ts';
import { ConfigurationError } from '../core/errors.ts';
import { type BuiltInSource, loadFactory } from './load-factory.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'load-factory-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

function serverOf(source: { readonly module: string } | { readonly factory: () => never }): BuiltInSource {
  const options = { servers: { notes: source }, auth: [{ type: 'jwt', secret: 'x'.repeat(32) }] };
  const [server] = parseGateOptions(options, { allowInstances: true }).servers;
  return (server ?? expect.fail('no server')) as BuiltInSource;
}

async function load(name: string, source: string): Promise<unknown> {
  const path = join(directory, name);
  await writeFile(path, source);
  const factory = await loadFactory(serverOf({ module: path }));
  return (factory as unknown as (...args: readonly unknown[]) => unknown)('token', 'alice', {});
}

describe('loadFactory', () => {
  it('takes a factory as it is given', async () => {
    const factory = (): never => expect.fail('it was called');
    expect(await loadFactory(serverOf({ factory }))).toBe(factory);
  });

  it.each([
    ['createServer', 'a.mjs', 'export function createServer(token, user) { return [token, user]; }'],
    ['a default export', 'b.mjs', 'export default (token, user) => [token, user];'],
    [
      'createServer before the default',
      'c.mjs',
      'export const createServer = (...args) => args.slice(0, 2); export default 1;',
    ],
    ['CommonJS', 'd.cjs', 'exports.createServer = (token, user) => [token, user];'],
  ])('finds %s', async (_name, file, source) => {
    expect(await load(file, source)).toEqual(['token', 'alice']);
  });

  it('finds a path that is relative to the working directory, and one with a space', async () => {
    const odd = join(directory, 'a b');
    await mkdir(odd);
    await writeFile(join(odd, 'e.mjs'), 'export const createServer = () => "odd";');
    expect(await loadFactory(serverOf({ module: join(odd, 'e.mjs') }))).toBeTypeOf('function');
    const path = relative(process.cwd(), join(odd, 'e.mjs'));
    expect(path.startsWith('.')).toBe(true);
    expect(await loadFactory(serverOf({ module: path }))).toBeTypeOf('function');
  });

  it.each([
    ['does not exist', undefined, 'cannot be loaded: '],
    ['throws', 'throw new Error("no licence");', 'cannot be loaded: no licence'],
    ['throws something else', 'throw 1;', 'cannot be loaded: unknown error'],
    ['is broken', 'export const = 1;', 'cannot be loaded: '],
    ['exports nothing', 'export {};', 'must export a function createServer(accessToken, userId)'],
    ['exports something else', 'export const createServer = {};', 'must export a function createServer'],
  ])('says which server names a module that %s', async (name, source, problem) => {
    const path = join(directory, `${name.replaceAll(' ', '-')}.mjs`);
    if (source !== undefined) await writeFile(path, source);
    const loading = loadFactory(serverOf({ module: path }));
    await expect(loading).rejects.toBeInstanceOf(ConfigurationError);
    await expect(loading).rejects.toThrow(`servers.notes.module: ${path} ${problem}`);
  });

  it('says so of a package, too', async () => {
    const module = 'a-package-that-nobody-has-installed';
    await expect(loadFactory(serverOf({ module }))).rejects.toThrow(
      `servers.notes.module: ${module} cannot be loaded`,
    );
  });
});
