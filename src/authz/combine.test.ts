import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { AccessRequest } from '../core/access.ts';
import { ALLOW, type Decision, deny } from '../core/decision.ts';
import { ConfigurationError } from '../core/errors.ts';
import { ANONYMOUS, createPrincipal } from '../core/principal.ts';
import type { Authorizer } from './authorizer.ts';
import { combineAuthorizers } from './combine.ts';

const principal = createPrincipal({ issuer: 'https://issuer.example.com', subject: 'ann' });
const request: AccessRequest = {
  principal,
  action: 'tools/call',
  target: { server: 'files', kind: 'tool', name: 'read' },
};
const needs = (...scopes: string[]) => deny('insufficient_scope', { kind: 'scopes', scopes });
const link = deny('unlinked_account', { kind: 'link', resourceType: 'drive' });
const policy = deny('policy');
const login = deny('authentication_required');

function answering(decision: Decision, more: Omit<Authorizer, 'decide'> = {}): Authorizer {
  return { decide: () => decision, ...more };
}

describe('combineAuthorizers', () => {
  it.each<[string, Decision[], Decision]>([
    ['all allow', [ALLOW, ALLOW], ALLOW],
    ['one denies', [ALLOW, policy], policy],
    ['a final denial after one with a remedy', [needs('a'), policy], policy],
    ['a final denial before one with a remedy', [policy, needs('a')], policy],
    ['the first of two final denials', [policy, deny('wrong_tenant')], policy],
    ['scopes of several', [needs('a', 'b'), ALLOW, needs('b', 'c')], needs('a', 'b', 'c')],
    ['the first of different remedies', [link, needs('a')], link],
    ['the first of different remedies, the other way', [needs('a'), link], needs('a')],
  ])('[config/authorization] %s', async (_, decisions, expected) => {
    expect(combineAuthorizers(decisions.map((each) => answering(each))).decide(request)).toEqual(expected);
    const late = decisions.map((each) => ({ decide: () => Promise.resolve(each) }));
    expect(await combineAuthorizers(late).decide(request)).toEqual(expected);
    const mixed = decisions.map((each, index) => (index % 2 === 0 ? answering(each) : late[index]!));
    expect(await combineAuthorizers(mixed).decide(request)).toEqual(expected);
  });

  it('tells someone who has not signed in to do so, whatever else is wrong', () => {
    const anonymous = { ...request, principal: ANONYMOUS };
    expect(combineAuthorizers([answering(policy), answering(login)]).decide(anonymous)).toEqual(login);
    expect(combineAuthorizers([answering(login), answering(policy)]).decide(anonymous)).toEqual(login);
    for (const other of [ALLOW, needs('a'), deny('wrong_tenant')]) {
      expect(combineAuthorizers([answering(policy), answering(other)]).decide(anonymous)).toEqual(policy);
    }
  });

  it('asks nobody further once the answer is certain', () => {
    const never: Authorizer = {
      decide: () => {
        throw new Error('asked');
      },
    };
    expect(combineAuthorizers([answering(policy), never]).decide(request)).toEqual(policy);
  });

  it('fails when an authorizer fails, and never allows instead', async () => {
    const failing: Authorizer = {
      decide: () => {
        throw new Error('broken');
      },
    };
    const rejecting: Authorizer = { decide: () => Promise.reject(new Error('broken')) };
    const silent = { decide: () => undefined } as unknown as Authorizer;
    expect(() => combineAuthorizers([answering(ALLOW), failing]).decide(request)).toThrow('broken');
    expect(() => combineAuthorizers([silent, answering(ALLOW)]).decide(request)).toThrow();
    await expect(combineAuthorizers([rejecting, answering(ALLOW)]).decide(request)).rejects.toThrow('broken');
  });

  it('waits for anything with `then`, so that it cannot hide those after it', async () => {
    // A promise of another realm is no instance of this one's Promise.
    const foreign: unknown = runInNewContext('Promise.resolve({ effect: "allow" })');
    const lazy = { decide: () => foreign } as unknown as Authorizer;
    expect(await combineAuthorizers([lazy, answering(policy)]).decide(request)).toEqual(policy);
  });

  it('[resource-server/10] speaks for all: scopes together, anonymity only where all allow it', () => {
    const first = answering(ALLOW, {
      scopesSupported: () => ['b', 'a'],
      endpointScopes: ['b'],
      allowsAnonymous: true,
    });
    const second = answering(ALLOW, { scopesSupported: () => ['a', 'c'], endpointScopes: ['c'] });
    const both = combineAuthorizers([first, second]);
    expect(both.scopesSupported?.('s')).toEqual(['a', 'b', 'c']);
    expect(both).toMatchObject({
      endpointScopes: ['b', 'c'],
      allowsAnonymous: false,
    });
    expect(combineAuthorizers([first, first]).allowsAnonymous).toBe(true);
  });

  it('refuses to be nobody, and adds nothing to a single one', () => {
    expect(() => combineAuthorizers([])).toThrow(ConfigurationError);
    const only = answering(ALLOW);
    expect(combineAuthorizers([only])).toBe(only);
  });
});
