import { describe, expect, test } from 'vitest';
import { findNearest, formatPath, formatProblem } from './problem.ts';

describe('formatPath', () => {
  test.each([
    [['auth', 0, 'issuer'], 'auth[0].issuer'],
    [['servers', 'my-notes', 'module'], 'servers.my-notes.module'],
    [['authorization', 'tools', 'files/*'], 'authorization.tools["files/*"]'],
    [['a\nb'], '["a\\nb"]'],
    [['x'.repeat(100)], `["${'x'.repeat(61)}..."]`],
  ])('%j reads %s', (path, expected) => {
    expect(formatPath(path)).toBe(expected);
  });

  test('a problem of the whole stands without a path', () => {
    expect(formatProblem({ path: [], message: 'is wrong' })).toBe('is wrong');
  });
});

describe('findNearest', () => {
  const known = ['issuer', 'audience', 'publicUrl', 'jwksUri'];
  test.each([
    ['isuer', 'issuer'],
    ['isseur', 'issuer'],
    ['public_url', 'publicUrl'],
    ['PUBLIC-URL', 'publicUrl'],
    ['jwksURL', 'jwksUri'],
    ['colour', undefined],
    ['', undefined],
    ['issuer'.repeat(20), undefined],
  ])('%j was meant to be %s', (word, expected) => {
    expect(findNearest(word, known)).toBe(expected);
  });
});
