import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listFiles, readJson, readText } from './project-files.ts';

const rowsSchema = z.array(
  z.strictObject({
    id: z.string().regex(/^[a-z-]+\/[A-Za-z0-9_.-]+$/),
    requirement: z.string().min(20).endsWith('.'),
    since: z.enum(['0.1', 'planned']),
  }),
);

const rows = listFiles('test/contracts', '.json').flatMap((path) => rowsSchema.parse(readJson(path)));
const contracts = [...new Set(rows.map(({ id }) => id.slice(0, id.indexOf('/'))))];

// Tags are written out in test titles, so that a search for one finds its test.
const tagPattern = new RegExp(`\\[((?:${contracts.join('|')})/[^\\]\\s]+)\\]`, 'g');

function findTags(text: string): readonly string[] {
  return [...text.matchAll(tagPattern)].map((match) => match[1] ?? '');
}

/**
 * Whether a tag names a row. In the title of a table test `%i` or `$id` stands for one word, so that the
 * tag names every row it can become; that the table has them all is for the table's own file to test.
 */
function namesRow(tag: string, id: string): boolean {
  const [head = '', tail] = tag.split(/%[a-z]|\$[A-Za-z]+/);
  if (tail === undefined) return tag === id;
  const word = id.slice(head.length, id.length - tail.length);
  return id === `${head}${word}${tail}` && /^[A-Za-z0-9_-]+$/.test(word);
}

const used = new Map<string, string>();
for (const path of [...listFiles('src', '.test.ts'), ...listFiles('test', '.test.ts')]) {
  for (const tag of findTags(readText(path))) used.set(tag, path);
}

function isNamed(id: string): boolean {
  return [...used.keys()].some((tag) => namesRow(tag, id));
}

describe('contract rows', () => {
  test('have ids of their own', () => {
    const ids = rows.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test('that hold are named by a test', () => {
    const missing = rows.filter(({ id, since }) => since !== 'planned' && !isNamed(id));
    expect(missing.map(({ id }) => id)).toEqual([]);
  });

  test('exist for every tag in a test title', () => {
    const unknown = [...used].filter(([tag]) => !rows.some(({ id }) => namesRow(tag, id)));
    expect(unknown).toEqual([]);
  });

  test.each([
    ['a/b.1', 'a/b.1', true],
    ['a/b.1', 'a/b.12', false],
    ['a/b.%i', 'a/b.12', true],
    ['a/b.$id', 'a/b.c', true],
    ['a/b.$id', 'a/b.', false],
    ['a/b.%i', 'a/b.c.d', false],
  ])('are named by tags: %s names %s: %s', (tag, id, expected) => {
    expect(namesRow(tag, id)).toBe(expected);
  });

  test('are found by their tags', () => {
    const [contract] = contracts;
    expect(findTags(`test('[${contract}/a.b-c] and [${contract}/1] and [other/2]')`)).toEqual([
      `${contract}/a.b-c`,
      `${contract}/1`,
    ]);
  });
});
