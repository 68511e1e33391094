import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { algorithmsOfKey } from './algorithms.ts';
import { findVerificationKey } from './jwk-set.ts';
import { JWTAuthProvider } from './jwt.ts';
import type { JWTAuthOptions } from './jwt-options.ts';

const SECRET = 'a secret that is long enough, by far';
const PEM = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString();

function problemsOf(options: unknown): readonly string[] {
  try {
    void new JWTAuthProvider(options as JWTAuthOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('[config/jwt-rules] jwtSecret', () => {
  it.each<[string, unknown, RegExp]>([
    ['bytes', new TextEncoder().encode(SECRET), /jwtSecret must be a string/],
    ['an object', { toString: () => SECRET }, /jwtSecret must be a string/],
    ['a number', 1e33, /jwtSecret must be a string/],
    ['null', null, /jwtSecret must be a string/],
    ['a public key', PEM, /jwtSecret is a PEM.*publicKey/],
    ['a key after a blank', ` \n${PEM}`, /jwtSecret is a PEM.*publicKey/],
    ['a reference', `\${env:JWT_SECRET_OF_THE_GATE_IN_PRODUCTION}`, /jwtSecret holds an unresolved/],
    [
      'a reference in a text',
      `prefix-\${file:/run/secrets/jwt}-suffix-suffix`,
      /jwtSecret holds an unresolved/,
    ],
  ])('cannot be %s', (_, jwtSecret, expected) => {
    const problems = problemsOf({ jwtSecret });
    expect(problems).toEqual([expect.stringMatching(expected)]);
    expect(problems.join()).not.toMatch(/BEGIN PUBLIC|PRODUCTION|run\/secrets/);
  });

  it('may hold any other text', () => {
    expect(problemsOf({ jwtSecret: `${SECRET} $ { env: } \${x}` })).toEqual([]);
  });
});

describe('[config/jwt-rules] options of no such name', () => {
  it.each(['audiences', 'isuer', 'algorithm', 'clientIds', 'constructor', '__proto__x'])('%s', (name) => {
    const problems = problemsOf({ jwtSecret: SECRET, [name]: 'value-of-it' });
    expect(problems).toEqual([expect.stringContaining(`"${name}" is no option`)]);
    expect(problems[0]).toMatch(/issuer, name, audience, algorithms/);
    expect(problems[0]).not.toContain('value-of-it');
  });

  it('are named with every other problem, at bounded length', () => {
    const problems = problemsOf({ jwtSecret: 'short', ['x'.repeat(5000)]: 1, '\n': 1 });
    expect(problems).toHaveLength(3);
    for (const problem of problems) {
      expect(problem.length).toBeLessThan(400);
      expect(problem).not.toContain('\n');
    }
  });
});

describe('[config/jwt-rules] the exponent of an RSA key', () => {
  const { n = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  const keyWith = (e: string) => ({ kty: 'RSA', n, e });

  it.each([
    ['1', 'AQ'],
    ['2', 'Ag'],
    ['4', 'BA'],
    ['65536', 'AQAA'],
  ])('%s is refused: whoever has the key could sign with it', (_, e) => {
    expect(findVerificationKey(keyWith(e))).toBeUndefined();
    const jwk = keyWith(e);
    expect(problemsOf({ issuer: 'https://a.example', publicKey: jwk })).toEqual([
      expect.stringContaining('publicKey must be'),
    ]);
  });

  it.each([
    ['3', 'Aw'],
    ['65537', 'AQAB'],
  ])('%s is accepted', (_, e) => {
    expect(algorithmsOfKey(createPublicKey({ key: keyWith(e), format: 'jwk' }))).toContain('RS256');
  });
});
