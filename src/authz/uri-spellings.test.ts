import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uriSpellings } from './uri-spellings.ts';

describe('uriSpellings', () => {
  it.each([
    ['FILE:///secret/x', 'file:///secret/x'],
    ['file:///%73ecret/x', 'file:///secret/x'],
    ['file:///%2573ecret/x', 'file:///secret/x'],
    ['file:////secret//x', 'file:///secret/x'],
    ['file:/secret/x', 'file:///secret/x'],
    ['file://localhost/secret/x', 'file:///secret/x'],
    ['file:///secret/x?v=1', 'file:///secret/x'],
    ['file:///secret/x#top', 'file:///secret/x'],
    ['file:///secret%2fx', 'file:///secret/x'],
    ['file:///secret/x/', 'file:///secret/x'],
    ['https://Example.COM:443/x', 'https://example.com/x'],
    ['https://example.com./x', 'https://example.com/x'],
    ['https://user:pw@example.com/x', 'https://example.com/x'],
    ['notes://h/%C3%BC', 'notes://h/ü'],
    ['notes://h/ü', 'notes://h/%C3%BC'],
    ['notes://h/%ff%41', 'notes://h/%ffA'],
  ])('[resource-server/15] takes %s for %s too', (uri, spelling) => {
    const spellings = uriSpellings(uri);
    expect(spellings?.[0]).toBe(uri);
    expect(spellings).toContain(spelling);
  });

  it.each([
    'file:///public/../secret',
    'file:///public/%2e%2E/secret',
    'file:///public/%252e%252e/secret',
    'file:///public/./x',
    'file:///public%2f..%2fsecret',
    '..',
    'file:///public/..',
    'file:///a/..?x',
    'file:///public\\..\\secret',
    'file:///public%5csecret',
    'file:///x\ny',
    'file:///x%00',
    'file:///%25252541',
    `file:///${'a'.repeat(8192)}`,
  ])('[resource-server/15] gives none for what cannot be judged: %s', (uri) => {
    expect(uriSpellings(uri)).toBeUndefined();
  });

  it('takes ordinary URIs, templates and plain words', () => {
    for (const uri of [
      'file:///a/b.txt',
      'notes://today',
      'db://t/{id}',
      'word',
      '',
      'urn:x:..y',
      'a://b/100%',
    ]) {
      expect(uriSpellings(uri)?.[0]).toBe(uri);
    }
  });

  it('is total, and its spellings are few', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true })), (text) => {
        const spellings = uriSpellings(text);
        expect(spellings === undefined || (spellings[0] === text && spellings.length <= 64)).toBe(true);
      }),
    );
  });
});
