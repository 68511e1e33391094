import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError, TokenResolutionError } from '../core/errors.ts';
import { SimpleTokenResolver } from './env-token.ts';

const env = { GITHUB_PAT: 'pat', API_TOKEN: 'general', MY_API_ACCESS_TOKEN: 'conventional', EMPTY: '' };

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('SimpleTokenResolver', () => {
  it('[mcp-auth/providers.simple-token] reads the variable of the type, then the general one', async () => {
    const resolver = new SimpleTokenResolver({
      resourceTokenEnvVars: { github: 'GITHUB_PAT' },
      tokenEnvVar: 'API_TOKEN',
      env,
    });
    expect(await resolver.resolveToken('anyone', 'github')).toBe('pat');
    expect(await resolver.resolveToken('anyone', 'my-api')).toBe('general');
  });

  it('[mcp-auth/providers.simple-token] falls back to <TYPE>_ACCESS_TOKEN', async () => {
    expect(await new SimpleTokenResolver({ env }).resolveToken('anyone', 'my-api')).toBe('conventional');
    const unset = new SimpleTokenResolver({ tokenEnvVar: 'NOT_SET', env });
    expect(await unset.resolveToken('anyone', 'my-api')).toBe('conventional');
  });

  it('[mcp-auth/providers.simple-token] [mcp-auth/defect.token-env-var] honours tokenEnvVar', async () => {
    vi.stubEnv('SOME_API_TOKEN', 'from the process');
    const resolver = new SimpleTokenResolver({ tokenEnvVar: 'SOME_API_TOKEN' });
    expect(await resolver.resolveToken('anyone', 'myapi')).toBe('from the process');
  });

  it('answers null for what is missing or empty', async () => {
    expect(await new SimpleTokenResolver({ env }).resolveToken('anyone', 'other')).toBeNull();
    expect(
      await new SimpleTokenResolver({ tokenEnvVar: 'EMPTY', env }).resolveToken('anyone', 'other'),
    ).toBeNull();
    const inherited = new SimpleTokenResolver({ tokenEnvVar: 'toString', env });
    expect(await inherited.resolveToken('anyone', 'other')).toBeNull();
    expect(await new SimpleTokenResolver({ env }).resolveToken('anyone', 'constructor')).toBeNull();
  });

  it('never gives a type with a variable of its own the general token', async () => {
    const resolver = new SimpleTokenResolver({
      resourceTokenEnvVars: { github: 'NOT_SET' },
      tokenEnvVar: 'API_TOKEN',
      env,
    });
    expect(await resolver.resolveToken('anyone', 'github')).toBeNull();
  });

  it('[mcp-auth/defect.ids-cleaned] refuses a type it cannot spell as a variable', async () => {
    const resolver = new SimpleTokenResolver({ tokenEnvVar: 'API_TOKEN', env });
    for (const type of ['', 'my api', 'my.api', 'é', '../x']) {
      await expect(resolver.resolveToken('anyone', type)).rejects.toThrow(TokenResolutionError);
    }
  });

  it('[mcp-auth/providers.simple-token] reads the environment again after 300 s, or when told', async () => {
    const clock = { ms: 0 };
    vi.stubEnv('ROTATED_TOKEN', 'old');
    const resolver = new SimpleTokenResolver({ tokenEnvVar: 'ROTATED_TOKEN', now: () => clock.ms });
    vi.stubEnv('ROTATED_TOKEN', 'new');
    clock.ms = 299_999;
    expect(await resolver.resolveToken('anyone', 'x')).toBe('old');
    clock.ms = 300_000;
    expect(await resolver.resolveToken('anyone', 'x')).toBe('new');
    vi.stubEnv('ROTATED_TOKEN', 'newest');
    expect(await resolver.resolveToken('anyone', 'x')).toBe('new');
    resolver.invalidate();
    expect(await resolver.resolveToken('anyone', 'x')).toBe('newest');
  });

  it('names every wrong option at once', () => {
    const make = () =>
      new SimpleTokenResolver({ resourceTokenEnvVars: { a: '' }, tokenEnvVar: '', cacheTtl: -1, env });
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(/resourceTokenEnvVars\.a[^]*tokenEnvVar must[^]*cacheTtl/);
  });
});
