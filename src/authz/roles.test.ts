import { describe, expect, it } from 'vitest';
import { compileRoles } from './roles.ts';

describe('compileRoles', () => {
  const expand = compileRoles({
    admin: { inherits: ['editor', 'auditor'], permissions: ['users:*'] },
    editor: { inherits: ['viewer'], scopes: ['files:write'] },
    viewer: { scopes: ['files:read'], permissions: ['files:view'] },
    auditor: { inherits: ['admin'], permissions: ['log:read'] },
    self: { inherits: ['self'] },
  });

  it('[config/authorization] roles: takes over what inherited roles are and grant, at any depth', () => {
    const grants = expand(['editor']);
    expect([...grants.names].sort()).toEqual(['editor', 'viewer']);
    expect([...grants.scopes].sort()).toEqual(['files:read', 'files:write']);
    expect(grants.permissions).toEqual(['files:view']);
  });

  it('[config/authorization] roles: cycles end', () => {
    const everything = ['admin', 'auditor', 'editor', 'viewer'];
    expect([...expand(['admin']).names].sort()).toEqual(everything);
    expect([...expand(['auditor']).names].sort()).toEqual(everything);
    expect([...expand(['self']).names]).toEqual(['self']);
  });

  it('counts an undefined role as held and grants nothing for it', () => {
    const grants = expand(['guest', '__proto__', 'constructor']);
    expect(grants.names.has('guest')).toBe(true);
    expect([grants.scopes, grants.permissions]).toEqual([[], []]);
  });

  it('gives the same frozen answer for the same list', () => {
    const held = ['admin'];
    expect(expand(held)).toBe(expand(held));
    expect(Object.isFrozen(expand(held).scopes)).toBe(true);
  });
});
