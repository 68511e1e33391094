import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseGateOptions } from '../../src/config/schema.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { MINIMAL, SECRET } from './fixtures/options.ts';

/** A busy machine takes its time. */
const PATIENT_MS = 60_000;

const FULL = {
  ...MINIMAL,
  publicUrl: 'https://mcp.example.com',
  listen: { host: '127.0.0.1', trustedProxies: ['10.0.0.0/8'] },
  servers: { notes: { module: './notes.js', sessions: { mode: 'stateful' }, extras: { query: ['a'] } } },
  auth: [
    { type: 'jwt', secret: SECRET, claims: { user: 'sub' } },
    { type: 'jwt', issuer: 'https://a.example' },
  ],
  tenancy: { from: 'claim', toUserId: 'key', credentials: { notes: { type: 'env', tokenEnvVar: 'TOKEN' } } },
  authorization: { roles: { admin: { scopes: ['a'] } }, tools: { 'notes/*': { scopes: { anyOf: ['a'] } } } },
  limits: { calls: [{ per: 'principal', rate: '1/s' }] },
  audit: [{ type: 'console' }],
};

/** Every place in a value. */
function placesIn(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, entry]) => placesIn(entry, [...path, key]))];
}

function replaceAt(value: unknown, [key, ...rest]: readonly string[], replacement: unknown): unknown {
  if (key === undefined) return replacement;
  if (Array.isArray(value)) {
    return value.map((entry, index) => (String(index) === key ? replaceAt(entry, rest, replacement) : entry));
  }
  const record = value as Record<string, unknown>;
  return { ...record, [key]: replaceAt(record[key], rest, replacement) };
}

function expectParsedOrRefused(input: unknown): void {
  for (const allowInstances of [true, false]) {
    try {
      expect(parseGateOptions(input, { allowInstances }).version).toBe(1);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      expect(error.problems.length).toBeGreaterThan(0);
    }
  }
}

const anything = fc.anything({
  withNullPrototype: true,
  withBigInt: true,
  withMap: true,
  withSparseArray: true,
});

describe('[config/schema] whatever comes', () => {
  test('the whole sound example is taken', () => {
    expect(parseGateOptions(FULL, { allowInstances: false }).servers).toHaveLength(1);
  });

  test(
    'any value is parsed or refused with its problems',
    () => {
      fc.assert(fc.property(anything, expectParsedOrRefused), { numRuns: 300 });
    },
    PATIENT_MS,
  );

  test(
    'so is any value in any place of a sound configuration',
    () => {
      const places = placesIn(FULL);
      const mutations = fc.array(fc.tuple(fc.constantFrom(...places), anything), {
        minLength: 1,
        maxLength: 3,
      });
      fc.assert(
        fc.property(mutations, (changes) => {
          let input: unknown = FULL;
          for (const [path, value] of changes) {
            if (placesIn(input).some((place) => place.join('.') === path.join('.'))) {
              input = replaceAt(input, path, value);
            }
          }
          expectParsedOrRefused(input);
        }),
        { numRuns: 300 },
      );
    },
    PATIENT_MS,
  );

  test('no secret of any form is repeated', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{12,31}$/), (secret) => {
        try {
          parseGateOptions(
            {
              ...FULL,
              auth: [
                { type: 'jwt', secret },
                { type: 'jwt', issuer: 'i', publicKey: secret },
              ],
            },
            { allowInstances: false },
          );
          expect.unreachable('a short secret was taken');
        } catch (error) {
          if (!(error instanceof ConfigurationError)) throw error;
          expect(error.message).not.toContain(secret);
        }
      }),
    );
  });

  test('instances whose methods cannot be read are refused', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
        getPrototypeOf() {
          throw new Error('no');
        },
      },
    );
    expectParsedOrRefused({ ...FULL, auth: [hostile], audit: [hostile], authorization: hostile });
  });
});
