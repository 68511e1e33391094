import { describe, expect, it } from 'vitest';
import {
  AuthenticationError,
  ConfigurationError,
  MCPAuthError,
  MissingCredentialsError,
} from '../../core/errors.ts';
import { ANONYMOUS, createPrincipal } from '../../core/principal.ts';
import { createStandaloneContext, type ToolContext, type ToolHandler } from '../tool-handler.ts';
import { compose } from './compose.ts';
import { findRequirement } from './requirement.ts';
import { withAuth } from './with-auth.ts';

const alice = createPrincipal({
  issuer: 'https://issuer.example',
  subject: 'alice',
  scopes: ['notes:read', 'notes:write'],
  roles: ['editor'],
});

function contextOf(more: Partial<ToolContext>): ToolContext {
  return { ...createStandaloneContext('alice'), principal: alice, ...more };
}

async function codeOf(call: unknown): Promise<string> {
  const error = await Promise.resolve(call).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MCPAuthError);
  return (error as MCPAuthError).code;
}

describe('withAuth', () => {
  it('[mcp-auth/tool-level.with-auth] hands arguments, token, user and context to the handler', async () => {
    const tool = withAuth(async (...received) => received);
    const context = contextOf({});
    expect(await tool({ id: 1 }, 'token', 'alice', context)).toEqual([{ id: 1 }, 'token', 'alice', context]);
  });

  it('[mcp-auth/tool-level.with-auth] works around a handler, with options, and without anything', async () => {
    const handler: ToolHandler = async () => 'ran';
    const tools = [
      withAuth(handler),
      withAuth(handler, { scopes: ['notes:read'] }),
      withAuth()(handler),
      withAuth({})(handler),
      withAuth({ scopes: ['notes:read'], roles: ['editor'] })(handler),
      compose(withAuth(), handler),
    ];
    for (const tool of tools) {
      expect(await tool({}, 'token', 'alice', contextOf({}))).toBe('ran');
      expect(await codeOf(tool({}, 'token', ''))).toBe('MISSING_CREDENTIALS');
    }
  });

  it('[mcp-auth/tool-level.with-auth] never runs the handler for an unknown caller', async () => {
    let runs = 0;
    const tool = withAuth(() => (runs += 1));
    const anonymous = contextOf({ authenticated: false, principal: ANONYMOUS });
    await expect(tool({}, 'token', '')).rejects.toThrow(MissingCredentialsError);
    await expect(tool({}, '', 'anonymous', anonymous)).rejects.toThrow(MissingCredentialsError);
    await expect(tool({}, 'token', '', contextOf({}))).rejects.toThrow(MissingCredentialsError);
    expect(runs).toBe(0);
    expect(new MissingCredentialsError().status).toBe(new AuthenticationError().status);
  });

  it('demands every scope, compared exactly, and names those that are missing', async () => {
    const tool = withAuth(async () => 'ran', { scopes: ['notes:read', 'notes', 'files:read'] });
    const call = tool({}, 'token', 'alice', contextOf({}));
    await expect(call).rejects.toThrow('This tool needs more scope: notes files:read');
    expect(await codeOf(call)).toBe('INSUFFICIENT_SCOPE');
  });

  it('demands every role and does not name them', async () => {
    const tool = withAuth(async () => 'ran', { roles: ['editor', 'auditor'] });
    const call = tool({}, 'token', 'alice', contextOf({}));
    expect(await codeOf(call)).toBe('ACCESS_DENIED');
    await expect(call).rejects.toThrow(/^Access denied$/);
  });

  it('denies scopes and roles when the principal is not known', async () => {
    const tool = withAuth(async () => 'ran', { scopes: ['notes:read'] });
    expect(await codeOf(tool({}, 'token', 'alice'))).toBe('INSUFFICIENT_SCOPE');
    expect(await codeOf(withAuth(async () => 'ran', { roles: ['editor'] })({}, 'token', 'alice'))).toBe(
      'ACCESS_DENIED',
    );
  });

  it('does not check again what was granted before dispatch, and only that', async () => {
    const granted = { scopes: ['files:read'], roles: [] };
    const tool = withAuth(async () => 'ran', { scopes: ['files:read'] });
    expect(await tool({}, 'token', 'alice', contextOf({ granted }))).toBe('ran');
    const stricter = withAuth(async () => 'ran', { scopes: ['files:read', 'files:write'] });
    expect(await codeOf(stricter({}, 'token', 'alice', contextOf({ granted })))).toBe('INSUFFICIENT_SCOPE');
    expect(await codeOf(tool({}, 'token', '', contextOf({ granted })))).toBe('MISSING_CREDENTIALS');
  });

  it('collects what a stack of checks demands, so that it can be told to a gate', () => {
    const tool = compose(
      withAuth({ scopes: ['a'] }),
      withAuth({ roles: ['r'] }),
      withAuth(async () => 'ran', { scopes: ['a', 'b'] }),
    );
    expect(findRequirement(tool)).toEqual({ scopes: ['a', 'b'], roles: ['r'] });
    expect(findRequirement(async () => 'ran')).toBeUndefined();
  });

  it('refuses middleware in the place of a handler', () => {
    const wrong = withAuth as (handler: unknown) => unknown;
    expect(() => wrong(withAuth())).toThrow(ConfigurationError);
  });
});
