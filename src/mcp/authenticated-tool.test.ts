import { describe, expect, it } from 'vitest';
import { ConfigurationError, MissingCredentialsError } from '../core/errors.ts';
import { createPrincipal } from '../core/principal.ts';
import { AuthenticatedTool, type ClassTool } from './authenticated-tool.ts';
import { createStandaloneContext } from './tool-handler.ts';

class GetProfile implements ClassTool<{ profileId: string }> {
  readonly name = 'get_profile';
  readonly description = 'Gets a profile';
  readonly inputSchema = {
    type: 'object',
    properties: { profileId: { type: 'string' } },
    required: ['profileId'],
  };
  calls = 0;

  async execute(args: { profileId: string }, accessToken: string, userId: string): Promise<unknown> {
    this.calls += 1;
    return { profileId: args.profileId, accessToken, userId };
  }
}

describe('AuthenticatedTool', () => {
  it('[mcp-auth/shape.authenticated-tool] wraps a class-based tool and shows what it is', async () => {
    const inner = new GetProfile();
    const tool = new AuthenticatedTool(inner);
    expect(tool.name).toBe('get_profile');
    expect(tool.description).toBe('Gets a profile');
    expect(tool.inputSchema).toBe(inner.inputSchema);
    expect(tool.requiresAuth).toBe(true);
    expect(await tool.execute({ profileId: 'p1' }, 'token', 'alice')).toEqual({
      profileId: 'p1',
      accessToken: 'token',
      userId: 'alice',
    });
  });

  it('[mcp-auth/shape.authenticated-tool] asks for authentication unless told otherwise', async () => {
    const inner = new GetProfile();
    const tool = new AuthenticatedTool(inner);
    await expect(tool.execute({ profileId: 'p1' }, 'token', '')).rejects.toThrow(MissingCredentialsError);
    await expect(tool.handler({ profileId: 'p1' }, 'token', '')).rejects.toThrow(MissingCredentialsError);
    expect(inner.calls).toBe(0);

    const open = new AuthenticatedTool(inner, { requiresAuth: false });
    expect(await open.execute({ profileId: 'p1' }, '', '')).toEqual({
      profileId: 'p1',
      accessToken: '',
      userId: '',
    });
  });

  it('gives a tool without authentication neither token nor user id', async () => {
    const open = new AuthenticatedTool(new GetProfile(), { requiresAuth: false });
    expect(await open.execute({ profileId: 'p1' }, 'token', 'alice')).toEqual({
      profileId: 'p1',
      accessToken: '',
      userId: '',
    });
  });

  it('demands scopes and roles', async () => {
    const tool = new AuthenticatedTool(new GetProfile(), { scopes: ['profile:read'], roles: ['member'] });
    const principal = createPrincipal({
      issuer: 'i',
      subject: 'alice',
      scopes: ['profile:read'],
      roles: ['member'],
    });
    const context = { ...createStandaloneContext('alice'), principal };
    await expect(tool.execute({ profileId: 'p1' }, 'token', 'alice')).rejects.toMatchObject({
      code: 'INSUFFICIENT_SCOPE',
    });
    expect(await tool.execute({ profileId: 'p1' }, 'token', 'alice', context)).toMatchObject({
      userId: 'alice',
    });
  });

  it('refuses contradictions and what is no tool', () => {
    expect(() => new AuthenticatedTool(new GetProfile(), { requiresAuth: false, scopes: ['a'] })).toThrow(
      ConfigurationError,
    );
    const noTool = { name: 'x' } as unknown as ClassTool;
    expect(() => new AuthenticatedTool(noTool)).toThrow(ConfigurationError);
  });
});
