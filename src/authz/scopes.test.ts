import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScopeMatcher, hasWildcard } from './scopes.ts';

describe('createScopeMatcher', () => {
  const plain = createScopeMatcher();

  it.each([
    ['tools:x', 'tools:x', true],
    ['tools:x', 'tools:y', false],
    ['tools:x', 'tools:x:y', false],
    ['tools:x:y', 'tools:x', false],
    ['tools:*', 'tools:x', true],
    ['tools:*', 'tools:x:y', true],
    ['tools:*', 'tools', false],
    ['tools:*', 'toolsx:x', false],
    ['tools:*', 'TOOLS:x', false],
    ['a:*:c', 'a:b:c', true],
    ['a:*:c', 'a:b:b:c', false],
    ['a:*:c', 'a:c', false],
    ['a:*:c', 'a:b:c:d', false],
    ['*:read', 'files:read', true],
    ['*:read', 'read', false],
    ['*:read', 'a:b:read', false],
    ['*:*', 'files:read', true],
    ['*:*', 'files', false],
    ['read*', 'readwrite', false],
    ['read*', 'read', false],
    ['read*', 'read*', true],
    ['read:w*', 'read:write', false],
    ['tools:x*', 'tools:xy', false],
    ['*', 'read', false],
    ['*', 'tools:x', false],
    ['*', '*', false],
    ['', '', true],
    ['', 'x', false],
  ])('[config/authorization] %s covers %s: %s', (granted, wanted, expected) => {
    expect(plain.covers([granted], wanted)).toBe(expected);
  });

  it('grants nothing for an empty list, nor for names that every object has', () => {
    expect(plain.covers([], 'read')).toBe(false);
    const matcher = createScopeMatcher({ hierarchy: { a: ['b'] } });
    expect(matcher.covers(['constructor', 'toString', '__proto__'], 'b')).toBe(false);
  });

  it('names what is missing, in the order asked', () => {
    expect(plain.missing(['b', 'x:*'], ['c', 'x:1', 'b', 'a'])).toEqual(['c', 'a']);
  });

  it('[config/authorization] hierarchy: a key includes what it names, at any depth', () => {
    const matcher = createScopeMatcher({
      hierarchy: { 'files:admin': ['files:write'], 'files:write': ['files:read'] },
    });
    expect(matcher.missing(['files:admin'], ['files:admin', 'files:write', 'files:read'])).toEqual([]);
    expect(matcher.covers(['files:write'], 'files:read')).toBe(true);
    expect(matcher.covers(['files:read'], 'files:write')).toBe(false);
  });

  it('[config/authorization] hierarchy: cycles end, and everybody in one holds all of it', () => {
    const matcher = createScopeMatcher({ hierarchy: { a: ['b'], b: ['c'], c: ['a'], d: ['d'] } });
    for (const granted of ['a', 'b', 'c']) expect(matcher.missing([granted], ['a', 'b', 'c'])).toEqual([]);
    expect(matcher.missing(['d'], ['a', 'd'])).toEqual(['a']);
  });

  it('[config/authorization] hierarchy: a wildcard key speaks of its holder, not of those beneath it', () => {
    const matcher = createScopeMatcher({ hierarchy: { 'files:*': ['search'], 'files:admin': ['audit:*'] } });
    expect(matcher.missing(['files:*'], ['search', 'files:x', 'audit:log'])).toEqual([]);
    expect(matcher.missing(['files:read'], ['search'])).toEqual(['search']);
    expect(matcher.missing(['*:*'], ['search'])).toEqual([]);
  });

  it('[config/authorization] hierarchy: says what a lone wildcard includes, and no more', () => {
    const matcher = createScopeMatcher({ hierarchy: { '*': ['tools:*'] } });
    expect(matcher.covers(['*'], 'tools:x')).toBe(true);
    expect(matcher.covers(['*'], 'files:x')).toBe(false);
    expect(matcher.covers(['*:*'], 'tools')).toBe(false);
  });

  it('a scope reached through a wildcard of the hierarchy leads on', () => {
    const matcher = createScopeMatcher({ hierarchy: { root: ['a:*'], 'a:b': ['c'], c: ['d'] } });
    expect(matcher.missing(['root'], ['a:zzz', 'c', 'd'])).toEqual([]);
  });

  it('asks each list on its own, though it keeps what it worked out', () => {
    const first = ['a'];
    const second = ['b'];
    for (let i = 0; i < 3; i += 1) {
      expect([plain.covers(first, 'a'), plain.covers(second, 'a')]).toEqual([true, false]);
    }
  });

  it('answers the same however often and about however much it is asked', () => {
    const granted = ['a:*', '*:c'];
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 400; i += 1) {
        const scopes = [`a:${i}`, `b${i}:c`, `b:${i}`, `${i}`];
        expect(plain.missing(granted, scopes)).toEqual([`b:${i}`, `${i}`]);
      }
    }
  });

  it('agrees with a slow definition for all small cases', () => {
    const segment = fc.constantFrom('a', 'b', '*');
    const scope = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(':'));
    const hierarchy = fc.dictionary(scope, fc.array(scope, { maxLength: 3 }), { maxKeys: 4 });
    const counts = { covered: 0, not: 0 };
    fc.assert(
      fc.property(
        hierarchy,
        fc.array(scope, { minLength: 1, maxLength: 4 }),
        scope,
        (tree, granted, wanted) => {
          const expected = slowCovers(tree, granted, wanted);
          counts[expected ? 'covered' : 'not'] += 1;
          expect(createScopeMatcher({ hierarchy: tree }).covers(granted, wanted)).toBe(expected);
        },
      ),
      { numRuns: 2000 },
    );
    expect(Math.min(counts.covered, counts.not)).toBeGreaterThan(300);
  });
});

/** The definition, by repeating one step until nothing changes. */
function slowCovers(tree: Record<string, string[]>, granted: readonly string[], wanted: string): boolean {
  const held = new Set(granted);
  for (let size = -1; size !== held.size; ) {
    size = held.size;
    for (const [key, included] of Object.entries(tree)) {
      if (held.has(key) || [...held].some((scope) => slowMatch(scope, key))) {
        for (const scope of included) held.add(scope);
      }
    }
  }
  return [...held].some((scope) => slowMatch(scope, wanted));
}

function slowMatch(granted: string, wanted: string): boolean {
  if (granted === '*') return false;
  const [grant, want] = [granted.split(':'), wanted.split(':')];
  for (const [index, segment] of grant.entries()) {
    if (index >= want.length) return false;
    if (segment === '*' && index === grant.length - 1) return true;
    if (segment !== '*' && segment !== want[index]) return false;
  }
  return grant.length === want.length;
}

describe('hasWildcard', () => {
  it.each([
    ['*', true],
    ['a:*', true],
    ['*:a', true],
    ['a*', false],
    ['a:b*', false],
    ['a', false],
  ])('%s: %s', (scope, expected) => {
    expect(hasWildcard(scope)).toBe(expected);
  });
});
