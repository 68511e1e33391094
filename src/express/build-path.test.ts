import { describe, expect, it } from 'vitest';
import { createPathBuilder } from './build-path.ts';
import { type PathDialect, parsePath } from './parse-path.ts';
import { createTemplate } from './route-path.ts';

function template(path: string, dialect: PathDialect = 'express5') {
  return createTemplate(path, parsePath(path, dialect));
}

function build(path: string, values: Record<string, string>, dialect?: PathDialect) {
  return createPathBuilder(template(path, dialect))(new Map(Object.entries(values)));
}

describe('createPathBuilder', () => {
  it.each([
    ['/', {}, '/'],
    ['/users/:id', { id: 'a/b'.replace('/', ' ') }, '/users/a%20b'],
    ['/users/:id', { id: '..x' }, '/users/..x'],
    ['/users/:id', { id: '%2e%2e' }, '/users/%252e%252e'],
    ['/users/:id', { id: 'auth0|5?x#y' }, '/users/auth0%7C5%3Fx%23y'],
    ['/users/:id', { id: '\u{1F600}' }, '/users/%F0%9F%98%80'],
    ['/:from-:to', { from: 'a-b', to: 'c' }, '/a%2Db-c'],
    ['/f/*path', { path: 'a b/c' }, '/f/a%20b/c'],
    ['/u{/:id}', {}, '/u'],
    ['/u{/:id}', { id: '1' }, '/u/1'],
    ['/docs{.:ext}', { ext: 'md' }, '/docs.md'],
    ['{/:a}{/:b}', {}, '/'],
    ['/v:version', { version: 'v1' }, '/vv1'],
    ['/:file.json', { file: 'a.json' }, '/a%2Ejson.json'],
    ['/:"a"xx:b', { a: 'x1', b: '2' }, '/%781xx2'],
  ])('fills %s with %j in', (path, values, expected) => {
    expect(build(path, values as Record<string, string>)).toMatchObject({ path: expected });
  });

  it.each([
    ['', 'empty'],
    ['.', '"."'],
    ['..', '".."'],
    ['a/b', '"/"'],
    ['a\0', 'NUL'],
    ['\ud800', 'Unicode'],
    ['x'.repeat(2049), 'longer'],
  ])('refuses %j as a parameter', (value, word) => {
    const built = build('/users/:id', { id: value });
    expect(built).toMatchObject({ issues: [{ path: ['id'] }] });
    expect('issues' in built && built.issues[0]?.message).toContain(word);
  });

  it.each(['/a', 'a/', 'a//b', 'a/../b', './a', '', '..'])('refuses %j as the rest of a path', (value) => {
    expect(build('/files/*path', { path: value })).toHaveProperty('issues');
    expect(build('/files/*', { 0: value }, 'express4')).toHaveProperty('issues');
  });

  it('names a parameter that is missing, and one that needs another', () => {
    expect(build('/a/:b', {})).toEqual({ issues: [{ path: ['b'], message: 'is missing' }] });
    expect(build('/a{/:b{/:c}}', { c: '1' })).toEqual({ issues: [{ path: ['b'], message: 'is missing' }] });
    expect(build('{/:a}{/:b}', { b: '1' })).toMatchObject({
      issues: [{ message: expect.stringContaining('told apart') }],
    });
  });
});

describe('templates', () => {
  it.each<[string, PathDialect, string]>([
    ['/ab?cd', 'express4', 'regular expression'],
    ['/ab+cd', 'express4', 'regular expression'],
    ['/(ab)', 'express4', 'regular expression'],
    ['/:id(.*)', 'express4', 'regular expression'],
    ['/:id([^a])', 'express4', 'single segment'],
    ['/:id([+-9])', 'express4', 'single segment'],
    ['/:id((a))', 'express4', 'regular expression'],
    ['/:id*', 'express4', 'repeated'],
    ['/:id+', 'express4', 'repeated'],
    ['/*/:x?', 'express4', 'follows a wildcard'],
    ['/*/*', 'express4', 'follows a wildcard'],
    ['/:a:b', 'express4', 'nothing stands before'],
    ['/x?y', 'express5', 'escaped'],
    ['/(x)', 'express5', 'escaped'],
    ['/:', 'express5', 'no name'],
    ['/{x', 'express5', 'missing'],
    ['/*a/*b', 'express5', 'more than one wildcard'],
    ['/:a:b', 'express5', 'nothing stands before'],
    ['/:"a"2:b', 'express5', 'clearly'],
    ['/:id/:id', 'express5', 'twice'],
    ['/:__proto__', 'express5', 'cannot be named'],
    ['x', 'express5', 'does not begin'],
    ['//x', 'express5', '"//"'],
    ['/é', 'express5', 'no URL has'],
    ['/a b', 'express5', 'no URL has'],
    ['{/a}{/b}{/c}{/d}{/e}{/f}{/g}', 'express5', 'too many'],
  ])('refuse %s of %s', (path, dialect, reason) => {
    expect(() => template(path, dialect)).toThrow(reason);
  });

  it('take characters that are escaped, and quoted names', () => {
    expect(build('/a\\:b/:"x y"', { 'x y': '1' })).toMatchObject({ path: '/a:b/1' });
    expect(build('/a\\:b', {}, 'express4')).toMatchObject({ path: '/a:b' });
  });
});
