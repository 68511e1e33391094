import { describe, expect, test } from 'vitest';
import { listFiles, readText } from './project-files.ts';

const sources = ['src', 'test'].flatMap((directory) => listFiles(directory, '.ts'));

/** `path:line` of every line that matches. */
function findLines(paths: readonly string[], pattern: RegExp): readonly string[] {
  return paths.flatMap((path) =>
    readText(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  );
}

describe('sources', () => {
  test('are named in kebab-case', () => {
    expect(sources.filter((path) => !/^[a-z0-9./-]+$/.test(path))).toEqual([]);
  });

  test('export names, never whole modules', () => {
    expect(findLines(sources, /^\s*export \* /)).toEqual([]);
  });

  test('switch no check off', () => {
    expect(
      findLines(sources, /\/[/*] *(?:(?:ox|es)lint-disable|biome-ignore|@ts-(?:ignore|nocheck))/),
    ).toEqual([]);
  });
});
