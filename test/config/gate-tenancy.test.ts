import { describe, expect, test } from 'vitest';
import type { TenancyOptions } from '../../src/config/tenancy-options.ts';
import type { TokenInit } from '../../src/testing/local-issuer.ts';
import { startNotes } from '../support/notes-gate.ts';
import { startTenantManager, upstreamTokenOf } from '../support/tenant-manager.ts';
import { ERAS, type Era, type HeaderPairs, rpc } from '../support/wire.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami' } } as const;

interface Asking {
  readonly path?: string;
  readonly headers?: HeaderPairs;
  readonly era?: Era;
}

async function startTenants(tenancy: TenancyOptions, listen = {}) {
  const notes = await startNotes({ tenancy: { toUserId: 'subject', ...tenancy }, listen });
  const ask = async (
    init: Partial<TokenInit>,
    { path = '/mcp', headers = [], era = '2025-11-25' }: Asking = {},
  ) => {
    const token = await notes.token(init);
    const answer = await rpc(`${notes.origin}${path}`, { era, token, headers, ...WHOAMI });
    return { answer, status: answer.status, tenant: notes.runs.built.at(-1)?.extras.principal.tenantId };
  };
  return { ...notes, ask };
}

const member = (...tenants: readonly string[]): Partial<TokenInit> => ({ claims: { tenants } });

describe('[config/tenancy] the tenant', () => {
  test.each(ERAS)('is taken from a claim (%s)', async (era) => {
    const { ask, events } = await startTenants({ from: 'claim', claim: 'org' });
    expect(await ask({ claims: { org: 'acme' } }, { era })).toMatchObject({ status: 200, tenant: 'acme' });
    expect(events.at(-1)).toMatchObject({ outcome: 'allow', tenantId: 'acme' });
  });

  test('is required unless told otherwise', async () => {
    const strict = await startTenants({ from: 'claim' });
    const { answer } = await strict.ask({});
    expect(answer).toMatchObject({
      status: 403,
      json: { code: 'ACCESS_DENIED', error: 'No tenant was named' },
    });
    // No scope, login or link would help.
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(strict.runs.built).toEqual([]);
    const loose = await startTenants({ from: 'claim', required: false });
    expect(await loose.ask({})).toMatchObject({ status: 200, tenant: undefined });
  });

  test.each<[string, unknown]>([
    ['a list', ['acme']],
    ['a number', 7],
    ['nothing', ''],
    ['a path', '../acme'],
    ['too long', 'a'.repeat(64)],
    ['an object', { name: 'acme' }],
  ])('is refused when the claim is %s', async (_name, tenant) => {
    const { ask, runs } = await startTenants({ from: 'claim', claim: 'org' });
    expect((await ask({ claims: { org: tenant } })).status).toBe(403);
    expect(runs.built).toEqual([]);
  });

  const hosts = {
    allowedHosts: ['acme.example.com', 'globex.example.com', 'a.b.example.com', 'example.com'],
  };
  const host = (name: string): Asking => ({ headers: [['host', name]] });

  test('is taken from the host, for members only', async () => {
    const { ask, runs } = await startTenants({ from: 'host', pattern: '{tenant}.example.com' }, hosts);
    expect(await ask(member('acme'), host('acme.example.com'))).toMatchObject({
      status: 200,
      tenant: 'acme',
    });
    expect(await ask(member('acme', 'globex'), host('GLOBEX.example.com:443'))).toMatchObject({
      tenant: 'globex',
    });
    const served = runs.built.length;
    const refused: readonly (readonly [Partial<TokenInit>, string])[] = [
      [member('acme'), 'globex.example.com'],
      [{}, 'acme.example.com'],
      [member('acme'), 'example.com'],
      [member('a.b', 'a', 'b'), 'a.b.example.com'],
      [member('acme'), '127.0.0.1'],
    ];
    for (const [token, name] of refused) expect((await ask(token, host(name))).status).toBe(403);
    expect(runs.built).toHaveLength(served);
  });

  test('is not taken from a forwarded host of someone who is no trusted proxy', async () => {
    const { ask } = await startTenants({ from: 'host', pattern: '{tenant}.example.com' }, hosts);
    const headers: HeaderPairs = [
      ['host', 'acme.example.com'],
      ['x-forwarded-host', 'globex.example.com'],
      ['forwarded', 'host=globex.example.com'],
    ];
    expect(await ask(member('acme', 'globex'), { headers })).toMatchObject({ status: 200, tenant: 'acme' });
  });

  test('is taken from the path, for members only', async () => {
    const { ask, runs } = await startTenants({ from: 'path', prefix: '/t/' });
    expect(await ask(member('acme'), { path: '/t/acme/mcp' })).toMatchObject({ status: 200, tenant: 'acme' });
    const served = runs.built.length;
    for (const path of ['/t/globex/mcp', '/mcp', '/t//mcp', '/t/%61cme/mcp', '/t/acme%2f/mcp']) {
      expect([path, (await ask(member('acme'), { path })).status]).toEqual([path, 403]);
    }
    for (const path of ['/t/acme/other', '/t/acme', '/t/acme/t/globex/mcp', '/x/acme/mcp']) {
      expect([path, (await ask(member('acme'), { path })).status]).toEqual([path, 404]);
    }
    expect(runs.built).toHaveLength(served);
  });

  test('is taken from a header, for members only', async () => {
    const { ask, runs } = await startTenants({ from: 'header' });
    const named = (...names: readonly string[]): Asking => ({
      headers: names.map((name) => ['x-tenant-id', name] as const),
    });
    expect(await ask(member('acme'), named('acme'))).toMatchObject({ status: 200, tenant: 'acme' });
    const served = runs.built.length;
    for (const asking of [named('globex'), named('acme', 'acme'), named(), named('acme,globex'), named('')]) {
      expect((await ask(member('acme'), asking)).status).toBe(403);
    }
    expect(runs.built).toHaveLength(served);
  });

  test('is the client’s word only where that is dangerously trusted', async () => {
    const { ask } = await startTenants({ from: 'header', dangerouslyTrustClient: true });
    expect(await ask({}, { headers: [['x-tenant-id', 'globex']] })).toMatchObject({
      status: 200,
      tenant: 'globex',
    });
  });

  test('is what a resolver in code says', async () => {
    const resolveTenant = (principal: { readonly subject: string }) =>
      principal.subject === 'alice'
        ? ({ kind: 'tenant', tenantId: 'wonderland' } as const)
        : ({ kind: 'refused', message: 'Unknown here' } as const);
    const { ask } = await startTenants({ from: { resolveTenant } });
    expect(await ask({})).toMatchObject({ status: 200, tenant: 'wonderland' });
    expect((await ask({ subject: 'bob' })).answer).toMatchObject({
      status: 403,
      json: { error: 'Unknown here' },
    });
  });

  test('that cannot be found out is a failure, never a pass', async () => {
    const resolveTenant = () => Promise.reject(new Error('database of tenants is down'));
    const { ask, runs } = await startTenants({ from: { resolveTenant } });
    const { answer } = await ask({});
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(answer.text).not.toContain('database');
    expect(runs.built).toEqual([]);
  });

  test('keeps users of the same name apart', async () => {
    const { ask, runs } = await startTenants({ from: 'claim', toUserId: 'key' });
    await ask({ tenant: 'acme' });
    await ask({ tenant: 'globex' });
    const users = new Set(runs.calls.map(({ userId }) => userId));
    expect(users.size).toBe(2);
    for (const user of users) expect(user).toContain('alice');
  });
});

describe('[config/tenancy] upstream credentials', () => {
  test('are resolved per user and resource type', async () => {
    const manager = await startTenantManager();
    const api = {
      type: 'api',
      tenantManagerUrl: manager.url,
      serviceToken: 'x',
      cacheTtlMs: 60_000,
    } as const;
    const server = { resourceType: 'drive' };
    const notes = await startNotes({ server, tenancy: { credentials: { drive: api } } });
    for (const subject of ['alice', 'bob', 'alice']) {
      const token = await notes.token({ subject });
      expect(await rpc(notes.url, { era: '2025-11-25', token, ...WHOAMI })).toMatchObject({ status: 200 });
    }
    expect(notes.runs.calls).toMatchObject(
      ['alice', 'bob', 'alice'].map((userId) => ({ userId, token: upstreamTokenOf(userId) })),
    );
    expect(manager.requests.map(({ path }) => path)).toEqual([
      '/api/credentials/alice/drive',
      '/api/credentials/bob/drive',
    ]);
  });

  test('come out of the caller’s own token where it carries them', async () => {
    const notes = await startNotes({
      auth: (issuer) => [
        { type: 'jwt', issuer: issuer.issuer, jwksUri: issuer.jwksUri, extractTokens: true },
      ],
      tenancy: { credentials: { notes: { type: 'jwt' } } },
    });
    for (const subject of ['alice', 'bob']) {
      const token = await notes.token({ subject, claims: { tokens: { notes: `carried-by-${subject}` } } });
      expect(await rpc(notes.url, { era: '2025-11-25', token, ...WHOAMI })).toMatchObject({ status: 200 });
    }
    expect(notes.runs.calls.map(({ token }) => token)).toEqual(['carried-by-alice', 'carried-by-bob']);
    const without = await rpc(notes.url, { era: '2025-11-25', token: await notes.token(), ...WHOAMI });
    expect(without.text).toContain('TOKEN_RESOLUTION_FAILED');
    expect(notes.runs.calls).toHaveLength(2);
  });
});
