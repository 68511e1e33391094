import { describe, expect, onTestFinished, test } from 'vitest';
import type { GateOptions } from '../../src/config/options.ts';
import { createGate, type Gate } from '../../src/gate.ts';
import { notesFactory } from '../support/notes-server.ts';

const NOTES = { factory: notesFactory() };

async function createOwner(options: Partial<GateOptions>): Promise<Gate> {
  const gate = await createGate({
    publicUrl: 'https://mcp.example.com/gw',
    servers: { notes: NOTES },
    auth: [{ type: 'jwt', issuer: 'https://login.example.com' }],
    ...options,
  });
  onTestFinished(() => gate.close());
  return gate;
}

function owned(gate: Gate, paths: readonly string[]): readonly string[] {
  return paths.filter((path) => gate.owns(path));
}

const METADATA = '/.well-known/oauth-protected-resource';

describe('[config/gate-api] owns', () => {
  test('tells the paths at which something is served, and no others', async () => {
    const yes = ['/mcp', '/mcp/message', '/mcp/health', '/mcp/progress/stats', '/mcp/progress/metrics'];
    const metadata = [METADATA, `${METADATA}/gw/mcp`];
    const no = ['/', '', '*', '/mcp/', '/MCP', '/mc%70', '/mcp/other', '/gw/mcp', `${METADATA}/mcp`, '//mcp'];
    const strange = ['/mcp?a=1', 'http://mcp.example.com/mcp', '/__proto__', '/constructor', '/../mcp'];
    const gate = await createOwner({});
    expect(owned(gate, [...yes, ...metadata, ...no, ...strange])).toEqual([...yes, ...metadata]);
  });

  test('tells those of several servers', async () => {
    const gate = await createOwner({ servers: { notes: NOTES, mail: NOTES }, listen: { path: '/' } });
    const yes = ['/notes', '/mail', '/mail/health', `${METADATA}/gw/notes`, `${METADATA}/gw/mail`];
    expect(owned(gate, [...yes, '/', '/mcp', '/notes/mail', METADATA])).toEqual(yes);
  });

  test('tells those of tenants', async () => {
    const tenancy = { from: 'path', prefix: '/t/', toUserId: 'key' } as const;
    const gate = await createOwner({ tenancy });
    const yes = ['/t/acme/mcp', '/t/other/mcp/health'];
    expect(owned(gate, [...yes, '/t/acme', '/t/acme/', '/t//other', '/u/acme/mcp'])).toEqual(yes);
  });
});
