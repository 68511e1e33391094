import { describe, expect, it } from 'vitest';
import { CONTEXT, callerOf, factsOf } from '../../test/support/guard-parts.ts';
import type { MessageFacts } from '../core/admission.ts';
import { TokenResolutionError } from '../core/errors.ts';
import { ANONYMOUS } from '../core/principal.ts';
import type { ResourceTokenResolver, TokenContext } from '../tenancy/token-resolver.ts';
import type { Passage } from './passage.ts';
import { resolveCredential } from './resolve-credential.ts';

async function resolve(
  resolveToken: ResourceTokenResolver['resolveToken'],
  credential: MessageFacts['credential'] = 'required',
  principal = callerOf().principal,
) {
  const passage: Passage = { caller: callerOf(principal), facts: factsOf({ credential }) };
  const options = {
    resolver: { resolveToken },
    resourceType: 'drive',
    toUserId: ({ subject }: { readonly subject: string }) => `user-${subject}`,
    linkUrl: 'https://mcp.example.com/link',
  };
  const refusal = await resolveCredential(options)(passage);
  return { refusal, token: passage.upstreamToken?.reveal() };
}

describe('resolveCredential', () => {
  it('asks for this user, this service and in this request', async () => {
    const asked: [string, string, TokenContext | undefined][] = [];
    const { refusal, token } = await resolve(async (...args) => {
      asked.push([args[0], args[1], args[2]]);
      return 'upstream';
    });
    expect([refusal, token]).toEqual([undefined, 'upstream']);
    expect(asked).toEqual([['user-alice', 'drive', { ...CONTEXT, principal: callerOf().principal }]]);
  });

  it.each([
    ['null', null],
    ['an empty token', ''],
    ['nothing, from plain JavaScript', undefined],
    ['something else, from plain JavaScript', 7],
  ])('refuses a call when the answer is %s, with the remedy', async (_name, answer) => {
    const { refusal, token } = await resolve(async () => answer as string | null);
    expect(token).toBeUndefined();
    expect(refusal).toEqual({
      refused: true,
      code: 'TOKEN_RESOLUTION_FAILED',
      message: 'No drive account is linked for this user',
      remedy: { kind: 'link', resourceType: 'drive', url: 'https://mcp.example.com/link' },
      detail: 'unlinked_account',
    });
  });

  it('says why a resolver has no token when it says so', async () => {
    const { refusal } = await resolve(() =>
      Promise.reject(new TokenResolutionError('Your plan has no drive')),
    );
    expect(refusal).toMatchObject({ message: 'Your plan has no drive', remedy: { kind: 'link' } });
  });

  it('lets a list pass without a token, but not during an outage', async () => {
    expect(await resolve(async () => null, 'optional')).toEqual({ refusal: undefined, token: undefined });
    const outage = () =>
      Promise.reject(new TokenResolutionError('down', { outage: true, detail: 'timeout' }));
    expect((await resolve(outage, 'optional')).refusal).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      detail: 'timeout',
    });
  });

  it('takes a resolver that throws anything else for one that is out of order', async () => {
    for (const reason of [new TypeError('inner reason'), 'inner reason']) {
      const { refusal } = await resolve(() => Promise.reject(reason as Error));
      expect(refusal).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE', retryAfterSeconds: 5 });
      expect(JSON.stringify(refusal)).not.toContain('inner reason');
    }
  });

  it('does not ask for what needs no token, nor for nobody in particular', async () => {
    const never = (): never => expect.fail('it was asked');
    expect((await resolve(never, 'none')).refusal).toBeUndefined();
    expect((await resolve(never, 'required', ANONYMOUS)).refusal).toBeUndefined();
    expect(resolveCredential(undefined)({ caller: callerOf(), facts: factsOf() })).toBeUndefined();
  });
});
