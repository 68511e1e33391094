import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob } from './glob.ts';

describe('compileGlob', () => {
  it.each([
    ['files/read', 'files/read', true],
    ['files/read', 'files/reads', false],
    ['files/read', 'Files/read', false],
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'anything/at all', true],
    ['files/*', 'files/', true],
    ['files/*', 'files/a/b', true],
    ['files/*', 'file', false],
    ['*/delete_*', 'files/delete_all', true],
    ['*/delete_*', 'delete_all', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'ac', false],
    ['a*bc*c', 'abc', false],
    ['**', 'x', true],
    ['a**b', 'ab', true],
    ['a.c', 'abc', false],
    ['a?c', 'abc', false],
    ['[ab]', 'a', false],
  ])('%j on %j is %j', (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected);
  });

  it('agrees with trying every possibility', () => {
    const words = (letters: string, maxLength: number) =>
      fc.string({ unit: fc.constantFrom(...letters), maxLength });
    fc.assert(
      fc.property(words('ab*', 8), words('ab', 10), (pattern, text) => {
        expect(compileGlob(pattern)(text)).toBe(matchesByTrying(pattern, text));
      }),
      { numRuns: 2000 },
    );
  });
});

function matchesByTrying(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) {
    return (
      matchesByTrying(pattern.slice(1), text) || (text !== '' && matchesByTrying(pattern, text.slice(1)))
    );
  }
  return pattern[0] === text[0] && text !== '' && matchesByTrying(pattern.slice(1), text.slice(1));
}
