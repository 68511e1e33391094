import { describe, expect, it } from 'vitest';
import type { Action, Target } from '../core/access.ts';
import { ALLOW, deny, isReachable } from '../core/decision.ts';
import { ConfigurationError } from '../core/errors.ts';
import { ANONYMOUS, createPrincipal, type Principal, type PrincipalInit } from '../core/principal.ts';
import { createRuleAuthorizer } from './rule-authorizer.ts';
import type { Rule, RuleAuthorizerOptions } from './tool-rules.ts';

const LOGIN = deny('authentication_required');
const UNKNOWN = deny('unknown_target');
const needs = (...scopes: string[]) => deny('insufficient_scope', { kind: 'scopes', scopes });

function user(more: Partial<PrincipalInit> = {}): Principal {
  return createPrincipal({ issuer: 'https://issuer.example.com', subject: 'ann', ...more });
}

function ask(options: RuleAuthorizerOptions, principal: Principal, name = 'read') {
  return call(options, { principal, action: 'tools/call', kind: 'tool', name });
}

interface Question {
  readonly principal: Principal;
  readonly action: Action;
  readonly kind: Target['kind'];
  readonly name?: string;
  readonly server?: string;
}

function call(
  options: RuleAuthorizerOptions,
  { principal, action, kind, name = '', server = 'files' }: Question,
) {
  return createRuleAuthorizer(options).decide({ principal, action, target: { server, kind, name } });
}

const forRead = (rule: Rule): RuleAuthorizerOptions => ({ tools: { 'files/read': rule } });

describe('createRuleAuthorizer', () => {
  it('[config/authorization] nothing declared: anyone who has signed in, and nobody else', () => {
    for (const options of [{}, { tools: { 'files/write': { scopes: ['w'] } } }]) {
      expect(ask(options, user())).toEqual(ALLOW);
      expect(ask(options, ANONYMOUS)).toEqual(LOGIN);
    }
  });

  it.each<[string, Rule, Partial<PrincipalInit>, unknown]>([
    ['scopes, all held', { scopes: ['a', 'b'] }, { scopes: ['a', 'b'] }, ALLOW],
    ['scopes, one missing', { scopes: ['a', 'b'] }, { scopes: ['a'] }, needs('a', 'b')],
    ['scopes allOf', { scopes: { allOf: ['a', 'b'] } }, { scopes: ['b'] }, needs('a', 'b')],
    ['scopes anyOf, one held', { scopes: { anyOf: ['a', 'b'] } }, { scopes: ['b'] }, ALLOW],
    ['scopes anyOf, none held', { scopes: { anyOf: ['a', 'b'] } }, {}, needs('a')],
    [
      'scopes of both kinds',
      { scopes: { allOf: ['c'], anyOf: ['a', 'b'] } },
      { scopes: ['c'] },
      needs('c', 'a'),
    ],
    [
      'an alternative held already',
      { scopes: { allOf: ['c'], anyOf: ['a', 'b'] } },
      { scopes: ['b'] },
      needs('c', 'b'),
    ],
    ['an alternative asked for anyway', { scopes: { allOf: ['b'], anyOf: ['a', 'b'] } }, {}, needs('b')],
    ['scopes through a wildcard', { scopes: ['t:x'] }, { scopes: ['t:*'] }, ALLOW],
    ['no scope through a prefix', { scopes: ['readwrite'] }, { scopes: ['read*'] }, needs('readwrite')],
    ['roles, held', { roles: ['r'] }, { roles: ['r'] }, ALLOW],
    ['roles, missing', { roles: ['r', 's'] }, { roles: ['r'] }, deny('missing_role')],
    ['roles anyOf, held', { roles: { anyOf: ['r', 's'] } }, { roles: ['s'] }, ALLOW],
    ['roles anyOf, missing', { roles: { anyOf: ['r', 's'] } }, { roles: ['t'] }, deny('missing_role')],
    ['permissions, held', { permissions: ['p:read'] }, { permissions: ['p:read'] }, ALLOW],
    ['permissions through a wildcard', { permissions: ['p:read'] }, { permissions: ['p:*'] }, ALLOW],
    [
      'permissions, missing',
      { permissions: ['p:read'] },
      { permissions: ['p:rea*'] },
      deny('missing_permission'),
    ],
    ['permissions anyOf', { permissions: { anyOf: ['p:a', 'p:b'] } }, { permissions: ['p:b'] }, ALLOW],
    [
      'kinds do not stand in for each other',
      { roles: ['x'] },
      { scopes: ['x'], permissions: ['x'] },
      deny('missing_role'),
    ],
    ['groups grant nothing', { roles: ['x'] }, { groups: ['x'] }, deny('missing_role')],
    ['access required alone', { access: 'required' }, {}, ALLOW],
  ])('[config/authorization] %s', (_, rule, init, expected) => {
    expect(ask(forRead(rule), user(init))).toEqual(expected);
  });

  it('[config/authorization] all declared kinds must hold together', () => {
    const options = forRead({ scopes: ['s'], roles: ['r'], permissions: ['p:q'] });
    const everything = { scopes: ['s'], roles: ['r'], permissions: ['p:q'] };
    expect(ask(options, user(everything))).toEqual(ALLOW);
    expect(ask(options, user({ ...everything, scopes: [] }))).toEqual(needs('s'));
    expect(ask(options, user({ ...everything, roles: [] }))).toEqual(deny('missing_role'));
    expect(ask(options, user({ ...everything, permissions: [] }))).toEqual(deny('missing_permission'));
  });

  it('[resource-server/7] a missing role or permission is final, even if scopes are missing as well', () => {
    for (const rule of [{ roles: ['r'] }, { permissions: ['p:q'] }]) {
      const decision = ask({ endpoint: { scopes: ['e'] }, ...forRead({ ...rule, scopes: ['s'] }) }, user());
      expect(decision).not.toHaveProperty('remedy');
      expect(isReachable(decision)).toBe(false);
    }
  });

  it('[resource-server/7] asks for all scopes of the operation at once, those held included', () => {
    const options: RuleAuthorizerOptions = {
      endpoint: { scopes: ['mcp'] },
      tools: {
        'files/*': { scopes: ['files:read'] },
        '*/write': { scopes: { allOf: ['files:write'], anyOf: ['x', 'y'] } },
      },
    };
    expect(ask(options, user({ scopes: ['mcp', 'files:read'] }), 'write')).toEqual(
      needs('mcp', 'files:read', 'files:write', 'x'),
    );
    expect(ask(options, user(), 'read')).toEqual(needs('mcp', 'files:read'));
    expect(ask(options, user(), 'read')).toEqual(needs('mcp', 'files:read'));
  });

  it('[resource-server/7] honours the hierarchy, cycles and all', () => {
    const options: RuleAuthorizerOptions = {
      hierarchy: {
        'files:admin': ['files:write'],
        'files:write': ['files:read'],
        'files:read': ['files:admin'],
      },
      ...forRead({ scopes: ['files:read'] }),
    };
    expect(ask(options, user({ scopes: ['files:admin'] }))).toEqual(ALLOW);
    expect(ask(options, user({ scopes: ['files'] }))).toEqual(needs('files:read'));
  });

  it('[config/authorization] roles grant scopes and permissions through what they inherit', () => {
    const options: RuleAuthorizerOptions = {
      roles: {
        chief: { inherits: ['editor'] },
        editor: { inherits: ['chief', 'viewer'], scopes: ['files:*'] },
        viewer: { permissions: ['files:view'] },
      },
      ...forRead({ scopes: ['files:read'], roles: ['viewer'], permissions: ['files:view'] }),
    };
    expect(ask(options, user({ roles: ['chief'] }))).toEqual(ALLOW);
    expect(ask(options, user({ roles: ['viewer'] }))).toEqual(needs('files:read'));
    expect(ask(options, user({ roles: ['other'] }))).toEqual(deny('missing_role'));
  });

  it('[config/authorization] every rule that matches must hold', () => {
    const options: RuleAuthorizerOptions = {
      tools: {
        '*/*': { roles: ['staff'] },
        'files/*': { scopes: ['files'] },
        'files/delete_*': { permissions: ['x:delete'] },
      },
    };
    const ann = user({ roles: ['staff'], scopes: ['files'] });
    expect(ask(options, ann)).toEqual(ALLOW);
    expect(ask(options, ann, 'delete_all')).toEqual(deny('missing_permission'));
    expect(ask(options, user({ scopes: ['files'] }))).toEqual(deny('missing_role'));
    expect(
      call(options, {
        principal: user({ roles: ['staff'] }),
        action: 'tools/call',
        kind: 'tool',
        name: 'x',
        server: 'mail',
      }),
    ).toEqual(ALLOW);
  });

  it('[config/authorization] a pattern is literal but for *, and ends where the name ends', () => {
    const options: RuleAuthorizerOptions = {
      tools: { 'files/re.d': { roles: ['r'] }, 'files/a/b': { roles: ['r'] } },
    };
    expect(ask(options, user(), 'read')).toEqual(ALLOW);
    expect(ask(options, user(), 're.d')).toEqual(deny('missing_role'));
    expect(ask(options, user(), 're.d2')).toEqual(ALLOW);
    expect(ask(options, user(), 'a/b')).toEqual(deny('missing_role'));
  });
});

describe('public targets', () => {
  const publicRead = forRead({ access: 'public' });

  it('[config/authorization] are served to everyone, everything else to nobody without credentials', () => {
    expect(ask(publicRead, ANONYMOUS)).toEqual(ALLOW);
    expect(ask(publicRead, user())).toEqual(ALLOW);
    expect(ask(publicRead, ANONYMOUS, 'write')).toEqual(LOGIN);
  });

  it.each<[string, Rule]>([
    ['requires access', { access: 'required' }],
    ['demands a scope', { scopes: ['s'] }],
    ['demands any of two roles', { roles: { anyOf: ['r', 's'] } }],
    ['demands a permission', { permissions: ['p:q'] }],
  ])('[config/authorization] stay closed where another matching rule %s', (_, rule) => {
    const options: RuleAuthorizerOptions = { tools: { 'files/read': { access: 'public' }, 'files/*': rule } };
    expect(ask(options, ANONYMOUS)).toEqual(LOGIN);
  });

  it('[config/authorization] stay open where every other matching rule demands nothing', () => {
    const options: RuleAuthorizerOptions = {
      tools: { 'files/read': { access: 'public' }, 'files/*': { access: 'public' } },
    };
    expect(ask(options, ANONYMOUS)).toEqual(ALLOW);
  });

  it('[config/authorization] open the lists and protocol of their own server, and no stream', () => {
    const anonymous = (action: Action, server: string) =>
      call(publicRead, { principal: ANONYMOUS, action, kind: 'server', server });
    for (const action of ['tools/list', 'resources/list', 'prompts/list', 'protocol'] as const) {
      expect(anonymous(action, 'files')).toEqual(ALLOW);
      expect(anonymous(action, 'mail')).toEqual(LOGIN);
    }
    expect(anonymous('subscriptions/listen', 'files')).toEqual(LOGIN);
  });

  it('[config/authorization] still ask those who have signed in for the scopes of the endpoint', () => {
    const options = { ...publicRead, endpoint: { scopes: ['mcp'] } };
    expect(ask(options, ANONYMOUS)).toEqual(ALLOW);
    expect(ask(options, user())).toEqual(needs('mcp'));
  });

  it('say whether there are any', () => {
    expect(createRuleAuthorizer(publicRead).allowsAnonymous).toBe(true);
    expect(createRuleAuthorizer({ prompts: { 'a/b': { access: 'public' } } }).allowsAnonymous).toBe(true);
    expect(createRuleAuthorizer(forRead({ access: 'required' })).allowsAnonymous).toBe(false);
    expect(createRuleAuthorizer().allowsAnonymous).toBe(false);
  });
});

describe('actions', () => {
  const closed: RuleAuthorizerOptions = {
    endpoint: { scopes: ['mcp'] },
    tools: { 'files/x': { roles: ['tool'] } },
    resources: { 'files/x': { roles: ['resource'] } },
    prompts: { 'files/x': { roles: ['prompt'] } },
  };
  const onX = (action: Action, kind: Target['kind'], role: string) =>
    call(closed, { principal: user({ scopes: ['mcp'], roles: [role] }), action, kind, name: 'x' });

  it.each<[Action, Target['kind']]>([
    ['tools/call', 'tool'],
    ['resources/read', 'resource'],
    ['resources/subscribe', 'resource'],
    ['subscriptions/listen', 'resource'],
    ['prompts/get', 'prompt'],
    ['completion/complete', 'prompt'],
    ['completion/complete', 'resource'],
  ])('[resource-server/15] %s is judged by the rules of its %s', (action, kind) => {
    expect(onX(action, kind, kind)).toEqual(ALLOW);
    expect(onX(action, kind, 'other')).toEqual(deny('missing_role'));
    expect(call(closed, { principal: user({ roles: [kind] }), action, kind, name: 'x' })).toEqual(
      needs('mcp'),
    );
  });

  it.each<Action>(['tools/list', 'resources/list', 'prompts/list', 'subscriptions/listen', 'protocol'])(
    '[resource-server/7] %s on the server needs the scopes of the endpoint alone',
    (action) => {
      const onServer = (scopes: string[]) =>
        call(closed, { principal: user({ scopes }), action, kind: 'server' });
      expect(onServer(['mcp'])).toEqual(ALLOW);
      expect(onServer([])).toEqual(needs('mcp'));
    },
  );

  it('denies for good what is unknown, and what does not belong together', () => {
    const ann = user({ scopes: ['mcp'], roles: ['tool', 'resource', 'prompt'] });
    const odd = [
      ['tools/drop', 'tool'],
      ['tools/call', 'server'],
      ['tools/call', 'prompt'],
      ['protocol', 'tool'],
      ['constructor', 'server'],
      ['completion/complete', 'tool'],
    ] as [Action, Target['kind']][];
    for (const [action, kind] of odd) {
      expect(call(closed, { principal: ann, action, kind, name: 'x' })).toEqual(UNKNOWN);
      expect(call(closed, { principal: ANONYMOUS, action, kind, name: 'x' })).toEqual(LOGIN);
    }
  });

  it('answers the same with and without arguments, as often as it is asked', () => {
    const authorizer = createRuleAuthorizer(forRead({ scopes: ['s'] }));
    const target: Target = { server: 'files', kind: 'tool', name: 'read' };
    for (let i = 0; i < 3; i += 1) {
      const request = { principal: user(), action: 'tools/call' as const, target };
      expect(authorizer.decide(request)).toEqual(needs('s'));
      expect(authorizer.decide({ ...request, arguments: { path: '/' } })).toEqual(needs('s'));
    }
  });

  it('keeps answering rightly when clients make up more names than it remembers', () => {
    const authorizer = createRuleAuthorizer({ tools: { 'files/secret*': { roles: ['r'] } } });
    const decide = (name: string) =>
      authorizer.decide({
        principal: user(),
        action: 'tools/call',
        target: { server: 'files', kind: 'tool', name },
      });
    for (let i = 0; i < 25_000; i += 1) {
      const name = i % 2 === 0 ? `secret${i}` : `open${i}`;
      if (decide(name).effect !== (i % 2 === 0 ? 'deny' : 'allow')) expect.fail(name);
    }
    expect(decide('secret0')).toEqual(deny('missing_role'));
    expect(decide(`secret${'x'.repeat(5000)}`)).toEqual(deny('missing_role'));
  });
});

describe('resources', () => {
  const options: RuleAuthorizerOptions = {
    resources: {
      'files/file:///public/*': { access: 'public' },
      'files/file:///secret/*': { roles: ['keeper'] },
    },
  };
  const read = (principal: Principal, name: string) =>
    call(options, { principal, action: 'resources/read', kind: 'resource', name });

  it.each([
    'file:///secret/x',
    'FILE:///secret/x',
    'file:///%73ecret/x',
    'file:////secret//x',
    'file://localhost/secret/x',
    'file:/secret/x',
    'file:///secret%2Fx',
    'file:///secret/x?raw',
  ])('[resource-server/15] no spelling slips past a rule: %s', (uri) => {
    expect(read(user(), uri)).toEqual(deny('missing_role'));
    expect(read(user({ roles: ['keeper'] }), uri)).toEqual(ALLOW);
  });

  it.each(['file:///public/../secret/x', 'file:///public/%2e%2e/secret/x', 'file:///public\\..\\secret'])(
    '[resource-server/15] nobody reads by a path that climbs: %s',
    (uri) => {
      expect(read(user({ roles: ['keeper'] }), uri)).toEqual(UNKNOWN);
      expect(read(ANONYMOUS, uri)).toEqual(LOGIN);
    },
  );

  it('[resource-server/15] a public rule opens what is spelled as it is, and nothing else', () => {
    expect(read(ANONYMOUS, 'file:///public/a%20b')).toEqual(ALLOW);
    expect(read(ANONYMOUS, 'file:///%70ublic/a')).toEqual(LOGIN);
    expect(read(ANONYMOUS, 'FILE:///public/a')).toEqual(LOGIN);
    expect(read(ANONYMOUS, 'file:///secret/a')).toEqual(LOGIN);
  });
});

describe('what the authorizer says of itself', () => {
  it('[resource-server/10] scopesSupported: all scopes of endpoint and rules, sorted, each once', () => {
    const authorizer = createRuleAuthorizer({
      endpoint: { scopes: ['mcp', 'mcp'] },
      hierarchy: { 'z:*': ['files:read'] },
      roles: { admin: { scopes: ['role:scope'] } },
      tools: { 'a/b': { scopes: { allOf: ['t1'], anyOf: ['t2', 'a3'] } } },
      resources: { 'a/*': { scopes: ['res', 'mcp'] } },
      prompts: { 'a/*': { scopes: ['prompt'] } },
    });
    expect(authorizer.scopesSupported('a')).toEqual(['a3', 'mcp', 'prompt', 'res', 't1', 't2']);
    expect(authorizer.scopesSupported('other')).toEqual(['mcp']);
    expect(authorizer.endpointScopes).toEqual(['mcp']);
  });

  it('does not change with the options it was made from', () => {
    const scopes = ['s'];
    const options = { endpoint: { scopes: ['s'] }, tools: { 'files/read': { scopes } } };
    const authorizer = createRuleAuthorizer(options);
    scopes.length = 0;
    options.endpoint.scopes.push('mcp');
    const request = {
      principal: user(),
      action: 'tools/call',
      target: { server: 'files', kind: 'tool', name: 'read' },
    } as const;
    expect(authorizer.decide(request)).toEqual(needs('s'));
  });
});

function problemsOf(options: unknown): readonly string[] {
  try {
    createRuleAuthorizer(options as RuleAuthorizerOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('options', () => {
  it.each<[string, unknown, string]>([
    [
      'a scope with a space',
      { endpoint: { scopes: ['a b'] } },
      'authorization.endpoint.scopes: "a b" is not a scope',
    ],
    ['a scope with a quote', { tools: { 'a/b': { scopes: ['a"'] } } }, 'is not a scope'],
    ['a scope with a backslash', { tools: { 'a/b': { scopes: ['a\\'] } } }, 'is not a scope'],
    ['a scope beyond ASCII', { hierarchy: { ü: [] } }, 'is not a scope'],
    ['an empty scope', { tools: { 'a/b': { scopes: [''] } } }, 'must be a list of names'],
    ['offline_access at the endpoint', { endpoint: { scopes: ['offline_access'] } }, 'offline_access'],
    [
      'offline_access in a rule',
      { tools: { 'a/b': { scopes: { anyOf: ['offline_access'] } } } },
      'offline_access',
    ],
    ['offline_access in the hierarchy', { hierarchy: { a: ['offline_access'] } }, 'offline_access'],
    ['offline_access as a key', { hierarchy: { offline_access: ['a'] } }, 'offline_access'],
    ['offline_access in a role', { roles: { r: { scopes: ['offline_access'] } } }, 'offline_access'],
    ['a wildcard demanded', { tools: { 'a/b': { scopes: ['t:*'] } } }, 'holds a wildcard'],
    ['a lone wildcard demanded', { endpoint: { scopes: ['*'] } }, 'holds a wildcard'],
    ['a wildcard permission demanded', { tools: { 'a/b': { permissions: ['t:*'] } } }, 'holds a wildcard'],
    [
      'an unknown role inherited',
      { roles: { r: { inherits: ['toString'] } } },
      'there is no role "toString"',
    ],
    [
      'a pattern without a slash',
      { tools: { read: { access: 'required' } } },
      'authorization.tools["read"]: the pattern must read',
    ],
    ['a pattern without a server', { resources: { '/x': { access: 'required' } } }, 'the pattern must read'],
    ['a pattern without a name', { prompts: { 'x/': { access: 'required' } } }, 'the pattern must read'],
    [
      'a public rule with scopes',
      { tools: { 'a/b': { access: 'public', scopes: ['s'] } } },
      'a public rule cannot demand',
    ],
    [
      'a public rule with roles',
      { tools: { 'a/b': { access: 'public', roles: { anyOf: ['r'] } } } },
      'a public rule cannot demand',
    ],
    ['an unknown access', { tools: { 'a/b': { access: 'Public' } } }, '"required" or "public"'],
    ['a misspelt key of a rule', { tools: { 'a/b': { scope: ['s'] } } }, 'unknown key "scope"'],
    ['a misspelt table', { tool: {} }, 'authorization: unknown key "tool"'],
    [
      'a misspelt kind of demand',
      { tools: { 'a/b': { scopes: { allOf: ['s'], all: ['s'] } } } },
      'unknown key "all"',
    ],
    ['an empty demand', { tools: { 'a/b': { roles: {} } } }, 'needs allOf or anyOf'],
    ['an empty list', { tools: { 'a/b': { roles: [] } } }, '.roles: is empty'],
    ['an empty allOf', { tools: { 'a/b': { scopes: { allOf: [] } } } }, '.scopes.allOf: is empty'],
    ['no scopes of the endpoint', { endpoint: { scopes: [] } }, '.endpoint.scopes: is empty'],
    ['a rule that states nothing', { tools: { 'a/b': {} } }, 'states nothing'],
    ['a rule of undefined', { tools: { 'a/b': { roles: undefined } } }, 'states nothing'],
    ['a map of rules', { tools: new Map([['a/b', { roles: ['r'] }]]) }, '.tools: must be a plain object'],
    ['a map as a rule', { tools: { 'a/b': new Map([['roles', ['r']]]) } }, 'must be a plain object'],
    ['a map of roles', { roles: new Map([['r', {}]]) }, '.roles: must be a plain object'],
    [
      'an instance of a class',
      new (class {
        get tools() {
          return { 'a/b': { roles: ['r'] } };
        }
      })(),
      'authorization: must be a plain object',
    ],
    ['a blank in a pattern', { tools: { 'a/ b': { roles: ['r'] } } }, 'blanks or control characters'],
    ['a line break in a role', { roles: { 'r\n': {} } }, 'blanks or control characters'],
    ['no alternative', { tools: { 'a/b': { roles: { anyOf: [] } } } }, 'is empty'],
    ['a scope in place of a list', { tools: { 'a/b': { scopes: 's' } } }, 'must be an object'],
    ['a list of something else', { tools: { 'a/b': { roles: [1] } } }, 'must be a list of names'],
    ['a rule that is none', { tools: { 'a/b': true } }, 'must be an object'],
    ['an endpoint without scopes', { endpoint: {} }, 'authorization.endpoint.scopes: must be a list'],
    ['nothing at all', null, 'must be an object'],
  ])('[config/authorization] refuses %s', (_, options, problem) => {
    const problems = problemsOf(options);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('[config/all-problems] reports every problem at once', () => {
    const problems = problemsOf({
      endpoint: { scopes: ['offline_access', 'a b'] },
      hierarchy: { 'a b': ['c d'] },
      roles: { r: { inherits: ['x', 'y'] } },
      tools: { nope: { scope: [] }, 'a/b': { access: 'public', scopes: ['s'] } },
    });
    expect(problems).toHaveLength(9);
    expect(problems.every((problem) => problem.startsWith('authorization.'))).toBe(true);
  });

  it('[config/authorization] takes wildcards where they are granted, and empty lists where they grant nothing', () => {
    const options = {
      hierarchy: { '*': ['tools:*'], 'files:*': ['a:*:b'] },
      roles: { admin: { inherits: [], scopes: ['*:*'], permissions: ['*:*'] } },
      tools: { 'a/b': { access: 'public' } },
    };
    expect(problemsOf(options)).toEqual([]);
  });
});
