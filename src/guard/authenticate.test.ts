import { describe, expect, it } from 'vitest';
import { ALICE, CONTEXT, LET } from '../../test/support/guard-parts.ts';
import type { AuthResult } from '../authn/auth-provider.ts';
import type { RequestContext } from '../core/request-context.ts';
import { authenticate } from './authenticate.ts';
import type { Arrival } from './passage.ts';

async function ask(
  answer: AuthResult | (() => never),
  {
    context = CONTEXT,
    allowsAnonymous = false,
  }: { context?: RequestContext; allowsAnonymous?: boolean } = {},
) {
  const failed: string[] = [];
  const failures = {
    keyOf: String,
    isBlocked: () => LET,
    record: (address: string) => void failed.push(address),
  };
  const provider = { authenticate: async () => (typeof answer === 'function' ? answer() : answer) };
  const arrival: Arrival = { context, authenticated: false };
  const refusal = await authenticate({ provider, failures, allowsAnonymous })(arrival);
  return { refusal, arrival, failed };
}

const { credential: _, ...BARE } = CONTEXT;

describe('authenticate', () => {
  it('lets pass whom the provider names', async () => {
    const { refusal, arrival, failed } = await ask({ authenticated: true, principal: ALICE });
    expect(refusal).toBeUndefined();
    expect(arrival).toMatchObject({ principal: ALICE, authenticated: true });
    expect(failed).toEqual([]);
  });

  it.each<[string, AuthResult, RequestContext, string, number]>([
    ['a bad token', { authenticated: false, reason: 'invalid' }, CONTEXT, 'INVALID_TOKEN', 1],
    ['a bad token, without a reason', { authenticated: false }, CONTEXT, 'INVALID_TOKEN', 1],
    [
      'a bad sign of a kind that only the provider knows',
      { authenticated: false, reason: 'invalid' },
      BARE,
      'AUTHENTICATION_FAILED',
      1,
    ],
    ['nothing', { authenticated: false, reason: 'absent' }, BARE, 'MISSING_CREDENTIALS', 0],
    ['nothing, without a reason', { authenticated: false }, BARE, 'MISSING_CREDENTIALS', 0],
    [
      'what cannot be checked',
      { authenticated: false, reason: 'unavailable' },
      CONTEXT,
      'AUTHENTICATION_UNAVAILABLE',
      0,
    ],
    [
      'someone without a name',
      { authenticated: true, userId: 'alice' },
      CONTEXT,
      'AUTHENTICATION_UNAVAILABLE',
      0,
    ],
  ])('refuses %s', async (_name, answer, context, code, failures) => {
    const { refusal, arrival, failed } = await ask(answer, { context });
    expect(refusal).toMatchObject({ code });
    expect(arrival).toEqual({ context, authenticated: false });
    expect(failed).toHaveLength(failures);
  });

  it('counts a failure for the address it came from, and none without one', async () => {
    const bad = { authenticated: false, reason: 'invalid' } as const;
    expect((await ask(bad)).failed).toEqual(['192.0.2.1']);
    const { remoteAddress: __, ...nowhere } = CONTEXT;
    expect((await ask(bad, { context: nowhere })).failed).toEqual([]);
  });

  it('tells the provider’s words about a bad token, and its own otherwise', async () => {
    const said = await ask({ authenticated: false, reason: 'invalid', error: 'The token has expired' });
    expect(said.refusal?.message).toBe('The token has expired');
    const unsaid = await ask({
      authenticated: false,
      reason: 'unavailable',
      error: 'connect ECONNREFUSED 10.0.0.1',
    });
    expect(unsaid.refusal).toMatchObject({
      message: 'Credentials cannot be checked at the moment',
      retryAfterSeconds: 5,
    });
  });

  it('takes a provider that throws for one that could not check', async () => {
    const { refusal, failed } = await ask(() => {
      throw new TypeError('inner reason');
    });
    expect(refusal).toMatchObject({ code: 'AUTHENTICATION_UNAVAILABLE', detail: 'TypeError' });
    expect(failed).toEqual([]);
  });

  it('lets nobody in particular pass where that is allowed, but no bad token', async () => {
    const nobody = await ask(
      { authenticated: false, reason: 'absent' },
      { context: BARE, allowsAnonymous: true },
    );
    expect(nobody).toMatchObject({
      refusal: undefined,
      arrival: { principal: { subject: 'anonymous' }, authenticated: false },
    });
    const bad = await ask({ authenticated: false, reason: 'invalid' }, { allowsAnonymous: true });
    expect(bad.refusal).toMatchObject({ code: 'INVALID_TOKEN' });
    expect(bad.arrival.principal).toBeUndefined();
  });
});
