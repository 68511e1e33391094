import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type IConfiguration, type IFlattenedRuleSet } from 'dependency-cruiser';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BREAKING, SOUND, type Tree } from './fixtures/import-rules.ts';
import { ROOT } from './project-files.ts';

const require = createRequire(import.meta.url);
const configuration = require('../../.dependency-cruiser.cjs') as IConfiguration;
const ruleNames = (configuration.forbidden ?? []).map((rule) => rule.name ?? '');

async function findViolations(baseDir: string): Promise<readonly string[]> {
  const ruleSet = { forbidden: configuration.forbidden } as IFlattenedRuleSet;
  const { output } = await cruise(['src'], { ...configuration.options, baseDir, ruleSet, validate: true });
  if (typeof output === 'string') throw new TypeError('dependency-cruiser answered with text');
  return output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
}

async function writeTree(directory: string, tree: Tree): Promise<void> {
  const packages = Object.entries(tree.packages ?? {});
  const versionsOf = (section: string): Record<string, string> =>
    Object.fromEntries(packages.filter(([, at]) => at === section).map(([name]) => [name, '1.0.0']));
  const manifest = {
    name: 'tree',
    type: 'module',
    dependencies: versionsOf('dependencies'),
    devDependencies: versionsOf('devDependencies'),
  };
  const files = new Map(Object.entries(tree.files));
  files.set('package.json', JSON.stringify(manifest));
  for (const [name] of packages) {
    files.set(
      `node_modules/${name}/package.json`,
      JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
    );
    files.set(`node_modules/${name}/index.js`, 'module.exports = {};\n');
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}

describe('import rules', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'import-rules-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  test('every rule has a tree that breaks it', () => {
    expect(Object.keys(BREAKING).sort()).toEqual([...ruleNames].sort());
  });

  test.each(ruleNames)('%s refuses what it is for, and no other rule does', async (name) => {
    const tree = BREAKING[name];
    if (tree === undefined) throw new Error(`no tree breaks ${name}`);
    await writeTree(directory, tree);
    const broken = (await findViolations(directory)).map((violation) => violation.split(':')[0]);
    expect([...new Set(broken)]).toEqual([name]);
  });

  test('the layering as it is meant to be used breaks nothing', async () => {
    await writeTree(directory, SOUND);
    expect(await findViolations(directory)).toEqual([]);
  });

  test('src keeps every rule', async () => {
    expect(await findViolations(ROOT)).toEqual([]);
  });
});
