import { describe, expect, test } from 'vitest';
import { parseCode, problemsOf, withAuth, withParts } from './fixtures/options.ts';

describe('[config/authorization] what would protect nothing', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['an empty rule', { tools: { 'notes/x': {} } }, 'tools["notes/x"]: states nothing'],
    ['no scopes of the endpoint', { endpoint: { scopes: [] } }, 'endpoint.scopes: needs at least 1 entry'],
    [
      'a blank in a pattern',
      { tools: { 'notes/ x': { roles: ['a'] } } },
      'tools["notes/ x"]: must be written',
    ],
    ['a blank in a role', { roles: { 'a b': {} } }, 'roles["a b"]: must not contain blanks'],
    [
      'a control character in a demand',
      { tools: { 'notes/x': { roles: ['a\u0000'] } } },
      'must not contain blanks',
    ],
    ['a blank in a scope', { hierarchy: { 'a b': ['c'] } }, 'hierarchy["a b"]: must be one scope'],
  ])('%s is refused', (_name, authorization, problem) => {
    expect(problemsOf(withParts({ authorization }))).toEqual([expect.stringContaining(problem)]);
  });

  test.each([
    new Map([['tools', {}]]),
    new (class Rules {
      readonly tools = {};
    })(),
  ])('so is %o, which is no plain object', (value) => {
    expect(problemsOf(withParts({ authorization: value }), parseCode)).toEqual([
      expect.stringContaining('authorization: must be a plain object'),
    ]);
  });

  test('a limit for a tool with a blank is refused', () => {
    const limits = { calls: [{ per: 'tool', rate: '1/day', tool: 'notes/purge ' }] };
    expect(problemsOf(withParts({ limits }))).toEqual([
      expect.stringContaining('limits.calls[0].tool: must'),
    ]);
  });
});

describe('[config/tenancy] tenants without a source', () => {
  test.each(['required', 'dangerouslyTrustClient'])('%s is refused', (key) => {
    for (const value of [true, false]) {
      expect(problemsOf(withParts({ tenancy: { [key]: value } }))).toEqual([
        expect.stringContaining(`tenancy.${key}: has no effect without \`from`),
      ]);
    }
  });

  test('an undefined source is refused', () => {
    expect(problemsOf(withParts({ tenancy: { from: undefined } }), parseCode)).toEqual([
      'tenancy.from: is undefined: set it, or leave the key out (is an environment variable not set?)',
    ]);
  });
});

describe('[config/instances]', () => {
  const authenticate = async () => ({ authenticated: false });

  test.each([
    [['https://a.example', 'https://b.example'], 1],
    [['https://a.example'], 0],
    [undefined, 0],
  ])('a provider for the issuers %j asks for toUserId %i times', (authorizationServers, times) => {
    const problems = problemsOf(withAuth({ authenticate, authorizationServers }), parseCode);
    expect(problems).toHaveLength(times);
    for (const problem of problems) expect(problem).toContain('is required with several issuers');
  });

  test.each<[Record<string, unknown>, string]>([
    [{ write: () => undefined }, 'is an audit sink without flush and close'],
    [{ write: () => undefined, flush: async () => undefined }, 'is an audit sink without close'],
    [{ flush: async () => undefined, close: async () => undefined }, 'is an audit sink without write'],
  ])('an audit sink says what it lacks: %o', (sink, problem) => {
    expect(problemsOf(withParts({ audit: [sink] }), parseCode)).toEqual([`audit[0]: ${problem}`]);
  });

  test('keys are not fetched from a URL that carries a secret', () => {
    const entry = { type: 'jwt', issuer: 'https://a.example', jwksUri: 'https://a.example/k?token=x' };
    expect(problemsOf(withAuth(entry))).toEqual(['auth[0].jwksUri: must not have a query (`?…`)']);
  });
});
