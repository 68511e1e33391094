import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refuse } from '../core/refusal.ts';
import { quoted, toRefusalResponse } from './challenge.ts';

const FACTS = {
  resourceMetadataUrl: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
  scopes: ['a', 'b'],
};

function challengeOf(refusal: ReturnType<typeof refuse>): string | null {
  return toRefusalResponse(refusal, FACTS).headers.get('www-authenticate');
}

describe('toRefusalResponse', () => {
  it('names no error when nothing was sent', async () => {
    const response = toRefusalResponse(refuse('MISSING_CREDENTIALS', 'A credential is required'), FACTS);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer scope="a b", resource_metadata="${FACTS.resourceMetadataUrl}"`,
    );
    expect(await response.json()).toEqual({ error: 'A credential is required', code: 'MISSING_CREDENTIALS' });
  });

  it('says invalid_token for a bad one', () => {
    expect(challengeOf(refuse('INVALID_TOKEN', 'The token has expired'))).toContain(
      'error="invalid_token", error_description="The token has expired"',
    );
  });

  it('asks for the scopes of the operation, not those of the endpoint', () => {
    const challenge = challengeOf(
      refuse('INSUFFICIENT_SCOPE', 'More scope is needed', {
        remedy: { kind: 'scopes', scopes: ['x', 'y'] },
      }),
    );
    expect(challenge).toContain('error="insufficient_scope"');
    expect(challenge).toContain('scope="x y"');
    expect(challenge).toContain('resource_metadata=');
  });

  it('gives no hint where no scope could help', () => {
    expect(challengeOf(refuse('ACCESS_DENIED', 'Access denied'))).toBeNull();
  });

  it('says when to come back', () => {
    const response = toRefusalResponse(
      refuse('RATE_LIMIT_EXCEEDED', 'Later', { retryAfterSeconds: 7 }),
      FACTS,
    );
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
  });

  it('names a realm where there is nothing else to say', () => {
    const response = toRefusalResponse(refuse('MISSING_CREDENTIALS', 'x'), { scopes: [] });
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="mcp"');
  });
});

describe('quoted', () => {
  it('is one quoted-string whatever goes in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(quoted(text)).toMatch(/^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/);
      }),
    );
  });
});
