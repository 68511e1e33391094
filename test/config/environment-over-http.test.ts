import { describe, expect, test } from 'vitest';
import { findHttpProblems } from '../../src/config/schema.ts';
import { parseCode, parseFile, problemsOf, SECRET, withAuth, withParts } from './fixtures/options.ts';

const STDIO_ONLY = expect.stringMatching(
  /^auth\[0\]: signs in whoever connects as one user, which is for stdio only/,
);
const LOOPBACK_ONLY =
  'auth[0].dangerouslyAllowEnvOverHttp: is for a loopback `listen.host` and a loopback `publicUrl` only';

describe('[config/environment-over-http]', () => {
  const environment = { type: 'environment' };
  const allowed = { type: 'environment', dangerouslyAllowEnvOverHttp: true };

  test('an environment entry is fine without a listener, and refused with one', () => {
    expect(problemsOf(withAuth(environment))).toEqual([]);
    expect(problemsOf(withParts({ auth: [environment], listen: {} }))).toEqual([STDIO_ONLY]);
  });

  test('on loopback it may be allowed by a loud word', () => {
    expect(problemsOf(withParts({ auth: [allowed], listen: {} }))).toEqual([]);
    expect(
      problemsOf(withParts({ auth: [allowed], listen: {}, publicUrl: 'http://localhost:3000' })),
    ).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ['all addresses', { listen: { host: '0.0.0.0' }, publicUrl: 'http://localhost:3000' }],
    ['an address of the network', { listen: { host: '10.0.0.1' }, publicUrl: 'https://mcp.example.com' }],
    ['a public URL, as behind a proxy', { listen: {}, publicUrl: 'https://mcp.example.com' }],
  ])('the loud word does not count with %s', (_name, parts) => {
    expect(problemsOf(withParts({ auth: [allowed], ...parts }))).toEqual([LOOPBACK_ONLY]);
  });

  test('providers in code that sign everybody in are refused too', () => {
    const provider = { ambient: true, authenticate: async () => ({ authenticated: true, userId: 'me' }) };
    expect(problemsOf(withParts({ auth: [provider] }), parseCode)).toEqual([]);
    expect(problemsOf(withParts({ auth: [provider], listen: {} }), parseCode)).toEqual([STDIO_ONLY]);
  });

  test('a gate that was given no listener can ask before it serves HTTP', () => {
    expect(findHttpProblems(parseFile(withAuth(environment)))).toEqual([STDIO_ONLY]);
    expect(findHttpProblems(parseFile(withAuth(allowed)))).toEqual([]);
    expect(findHttpProblems(parseFile(withAuth({ type: 'jwt', secret: SECRET })))).toEqual([]);
    const provider = { ambient: true, authenticate: async () => ({ authenticated: true, userId: 'me' }) };
    expect(findHttpProblems(parseCode(withParts({ auth: [provider] })))).toEqual([STDIO_ONLY]);
  });

  test('nothing stands after it, as nothing there would ever be asked', () => {
    const jwt = { type: 'jwt', secret: SECRET };
    const tenancy = { toUserId: 'subject' };
    expect(problemsOf(withParts({ auth: [jwt, environment], tenancy }))).toEqual([]);
    expect(problemsOf(withParts({ auth: [environment, jwt], tenancy }))).toEqual([
      'auth[0]: must be the last entry: it always answers, so no later one is ever asked',
    ]);
  });
});
