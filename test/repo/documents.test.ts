import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  findAnchors,
  findCodeSpans,
  findFences,
  findPaths,
  findTreePaths,
  isPresent,
  withoutFences,
} from './documents.ts';
import { listFiles, ROOT, readManifest, readText } from './project-files.ts';

const documents = listFiles('.', '.md');

/** Documents that describe the source: what they name must be there. */
const DESCRIPTIONS = [
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...listFiles('docs/decisions', '.md'),
];

/** The target of a relative link and what follows the `#`, or undefined for links that leave the project. */
function findTarget(document: string, href: string): { path: string; anchor: string } | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(href)) return undefined;
  const [path = '', anchor = ''] = href.split('#');
  return { path: path === '' ? document : normalize(join(dirname(document), path)), anchor };
}

/** Scripts of package.json that a document tells its reader to run. */
function findScripts(text: string): readonly string[] {
  const names = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name);
  return /\bnpm (?:test|t)\b/.test(text) ? [...names, 'test'] : names;
}

describe('documents', () => {
  test.each(DESCRIPTIONS)('%s names files and folders that exist', (document) => {
    const text = readText(document);
    const trees = findFences(text).filter(({ language }) => language === '' || language === 'text');
    const named = [
      ...findCodeSpans(text).flatMap(findPaths),
      ...trees.flatMap((fence) => findTreePaths(fence.text)),
    ];
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !isPresent(path))).toEqual([]);
  });

  test.each(documents)('%s links to what exists', (document) => {
    const links = withoutFences(readText(document)).matchAll(/\]\(([^)\s]+)\)/g);
    const broken = [...links].flatMap(([, href = '']) => {
      const target = findTarget(document, href);
      if (target === undefined) return [];
      if (!existsSync(join(ROOT, target.path))) return [href];
      if (target.anchor === '') return [];
      return findAnchors(readText(target.path)).has(target.anchor) ? [] : [href];
    });
    expect(broken).toEqual([]);
  });

  test.each(documents)('%s runs scripts that exist', (document) => {
    const { scripts } = readManifest();
    expect(findScripts(readText(document)).filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  test('README.md says how to try it and how to test it', () => {
    expect(findScripts(readText('README.md'))).toEqual(expect.arrayContaining(['demo', 'test']));
  });
});

describe('reading documents', () => {
  test('a tree gives the paths of its levels', () => {
    const tree = 'src/\n  index.ts   entry\n  core/      words\n    secret.ts\n  guard.ts\ntest/   more\n';
    expect(findTreePaths(tree)).toEqual([
      'src/',
      'src/index.ts',
      'src/core/',
      'src/core/secret.ts',
      'src/guard.ts',
      'test/',
    ]);
  });

  test('a code span gives the files it names and nothing else', () => {
    expect(findPaths('adapters/node.ts → guard.ts, authn/')).toEqual([
      'adapters/node.ts',
      'guard.ts',
      'authn/',
    ]);
    expect(findPaths('<folder>/<singular>.ts src/*.ts node:crypto @modelcontextprotocol/server')).toEqual([]);
  });

  test('headings give anchors as GitHub writes them', () => {
    const anchors = findAnchors('# One, two\n\n```sh\n# not this\n```\n\n## `code` here\n\n## One two\n');
    expect([...anchors]).toEqual(['one-two', 'code-here', 'one-two-1']);
  });
});
