import { describe, expect, it } from 'vitest';
import type { WrapServerConfig } from './wrap-config.ts';
import { findKeyProblems } from './wrap-keys.ts';

const problemsOf = (config: object) => findKeyProblems(config as Partial<WrapServerConfig>);

describe('findKeyProblems', () => {
  it('takes every key that there is, and those of a server whose tools are registered', () => {
    const transport = { type: 'http', port: 1, cors: false, publicUrl: undefined };
    expect(
      problemsOf({ resourceType: 'a', instructions: 'b', transport, middleware: { logging: true } }),
    ).toEqual([]);
  });

  it('names what would protect nothing, and what was meant', () => {
    expect(
      problemsOf({ authorisation: {}, middleware: { ratelimit: {} }, transport: { trustedproxies: [] } }),
    ).toEqual([
      'authorisation: unknown key (did you mean `authorization`?)',
      'transport.trustedproxies: unknown key (did you mean `trustedProxies`?)',
      'middleware.ratelimit: unknown key (did you mean `rateLimit`?)',
    ]);
  });

  it('demands switches that are on or off', () => {
    expect(problemsOf({ middleware: { logging: 'true', enableTracing: 1 } })).toEqual([
      'middleware.logging: must be true or false',
      'middleware.enableTracing: must be true or false',
    ]);
  });
});
