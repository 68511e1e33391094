import { describe, expect, it } from 'vitest';
import { findCredential } from './credentials.ts';

function kindOf(headers: Record<string, string | string[]>): string | undefined {
  const found = findCredential(headers);
  return 'refused' in found ? found.code : found.credential?.kind;
}

describe('findCredential', () => {
  it.each([
    [{ authorization: 'Bearer abc' }, 'bearer'],
    [{ authorization: 'bEaReR abc' }, 'bearer'],
    [{ authorization: 'Bearer mcp_0123_abc' }, 'apiKey'],
    [{ authorization: 'ApiKey abc' }, 'apiKey'],
    [{ 'x-api-key': 'abc' }, 'apiKey'],
    [{ 'x-session-id': 'abc' }, 'session'],
    [{ authorization: 'DPoP abc', dpop: 'proof' }, 'dpop'],
    [{ authorization: 'Basic abc' }, undefined],
    [{}, undefined],
  ])('%j is %s', (headers, kind) => {
    expect(kindOf(headers as Record<string, string>)).toBe(kind);
  });

  it.each([
    [{ authorization: ['Bearer a', 'Bearer b'] }],
    [{ authorization: 'Bearer a, Bearer b' }],
    [{ authorization: 'Bearer a', 'x-api-key': 'b' }],
    [{ authorization: 'Bearer a', 'x-session-id': 'b' }],
    [{ 'x-api-key': 'a', 'x-session-id': 'b' }],
    [{ 'x-api-key': ['a', 'b'] }],
    [{ 'x-session-id': ['a', 'b'] }],
    [{ authorization: 'DPoP a', dpop: ['x', 'y'] }],
  ])('refuses %j: two at once are not ranked', (headers) => {
    expect(kindOf(headers as Record<string, string | string[]>)).toBe('AMBIGUOUS_CREDENTIALS');
  });

  it('keeps what it found out of logs', () => {
    const found = findCredential({ authorization: 'Bearer very-secret' });
    expect(JSON.stringify(found)).not.toContain('very-secret');
  });
});
