import { describe, expect, it } from 'vitest';
import { AuthenticationError } from '../core/errors.ts';
import { createPrincipal } from '../core/principal.ts';
import { toPrincipal } from './to-principal.ts';

const ISSUER = 'urn:gatehouse:provider';

describe('who a result names', () => {
  it('is its principal', () => {
    const principal = createPrincipal({ issuer: 'a', subject: 'b' });
    expect(toPrincipal({ authenticated: true, userId: 'c', principal }, ISSUER)).toBe(principal);
  });

  it('is its userId, scoped to the issuer that stands for its provider', () => {
    expect(toPrincipal({ authenticated: true, userId: 'alice' }, ISSUER)).toMatchObject({
      issuer: ISSUER,
      subject: 'alice',
    });
  });

  it('[mcp-auth/defect.ids-cleaned] is nobody when there is neither, or the id is unusable', () => {
    for (const userId of [undefined, '', 'alice\r\n', 'x'.repeat(257), 7 as unknown as string]) {
      expect(() => toPrincipal({ authenticated: true, userId }, ISSUER)).toThrow(AuthenticationError);
    }
    expect(() => toPrincipal({ authenticated: false, userId: 'alice' }, ISSUER)).toThrow(AuthenticationError);
  });
});
