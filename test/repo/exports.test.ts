import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT, readManifest } from './project-files.ts';

const manifest = readManifest();

const built = [
  ...Object.values(manifest.bin),
  ...Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : [target.types, target.default],
  ),
];

/** The source a built file comes from; files that are not built are their own source. */
function toSource(path: string): string {
  return path.replace(/^\.\/dist\//, './src/').replace(/(\.d\.ts|\.js)$/, '.ts');
}

describe('package.json', () => {
  test.each(built)('%s has a source', (path) => {
    expect(existsSync(join(ROOT, toSource(path)))).toBe(true);
  });

  test.each(built)('%s is there after a build', (path) => {
    expect(existsSync(join(ROOT, path))).toBe(true);
  });

  test('every export gives its types first', () => {
    const conditional = Object.values(manifest.exports).filter((target) => typeof target !== 'string');
    for (const target of conditional) expect(Object.keys(target)).toEqual(['types', 'default']);
  });

  test('every listed file exists', () => {
    expect(manifest.files.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
