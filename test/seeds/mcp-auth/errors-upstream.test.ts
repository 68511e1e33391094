import { describe, expect, it } from 'vitest';
import { APITokenResolver, type ResourceTokenResolver, TokenResolutionError } from '../../../src/index.ts';
import { ERAS, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { startTenantManager } from './support/tenant-manager.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const LINK = { kind: 'link', resourceType: 'notes' };

/** The resolver of a tenant manager that answers every request with this status. */
async function resolverOf(status: number): Promise<ResourceTokenResolver> {
  const { url } = await startTenantManager({}, status);
  return new APITokenResolver({ tenantManagerUrl: url, serviceToken: 'service-token' });
}

const unlinked: readonly [string, () => Promise<ResourceTokenResolver>][] = [
  ['answers null', async () => ({ resolveToken: async () => null })],
  [
    'throws a TokenResolutionError',
    async () => ({
      resolveToken: () => Promise.reject(new TokenResolutionError('Please link your account')),
    }),
  ],
  ['hears 404 from the tenant manager', () => resolverOf(404)],
];

describe('[mcp-auth/error.TOKEN_RESOLUTION_FAILED] a TokenResolutionError', () => {
  it('has the code and status of an unlinked account, or of an outage', () => {
    expect(new TokenResolutionError('x')).toMatchObject({
      name: 'TokenResolutionError',
      code: 'TOKEN_RESOLUTION_FAILED',
      status: 403,
    });
    expect(new TokenResolutionError('x', { outage: true })).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      status: 503,
    });
  });

  describe.each(unlinked)('where the resolver %s', (_name, make) => {
    it.each(ERAS)('lets lists run with an empty token, and is never a 401 (%s)', async (era) => {
      const { url, journal } = await startWrapped({ tokenResolver: await make() });
      const token = await signToken('alice');
      const list = await rpc(url, { era, method: 'tools/list', token });
      expect(list.status).toBe(200);
      expect(list.text).toContain('whoami');
      expect(journal.built.map((built) => built.token)).toEqual(['']);
    });

    it.each(ERAS)('refuses calls with the remedy, inside the answer (%s)', async (era) => {
      const { url, journal } = await startWrapped({ tokenResolver: await make() });
      const answer = await rpc(url, {
        era,
        method: 'tools/call',
        params: { name: 'whoami' },
        token: await signToken('alice'),
      });
      expect(answer.status).toBe(200);
      const content = answer.json?.result?.content as unknown as readonly { readonly text: string }[];
      expect(JSON.parse(content[0]?.text ?? '')).toEqual({
        error: expect.any(String),
        code: 'TOKEN_RESOLUTION_FAILED',
        remedy: LINK,
      });
      expect(answer.json).toMatchObject({ result: { isError: true } });
      expect(journal.ran).toEqual([]);
    });

    it.each(ERAS)(
      'is a 403 with the remedy and without a scope hint for what else needs the account (%s)',
      async (era) => {
        const { url } = await startWrapped({ tokenResolver: await make() });
        const answer = await rpc(url, {
          era,
          method: 'resources/read',
          params: { uri: 'notes://1' },
          token: await signToken('alice'),
        });
        expect(answer.status).toBe(403);
        expect(answer.json).toEqual({
          error: expect.any(String),
          code: 'TOKEN_RESOLUTION_FAILED',
          remedy: LINK,
        });
        expect(String(answer.headers['www-authenticate'])).not.toContain('scope');
      },
    );

    it.each(CLIENTS)('is told to a %s client as a result that a model can pass on', async (version) => {
      const { url } = await startWrapped({ tokenResolver: await make() });
      const client = await connect(version, url, await signToken('alice'));
      expect(await client.tools()).toContain('whoami');
      const answer = await client.call('whoami');
      expect(answer.isError).toBe(true);
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'TOKEN_RESOLUTION_FAILED', remedy: LINK });
    });
  });

  const failing: readonly [string, () => Promise<ResourceTokenResolver>][] = [
    ['500 from the tenant manager', () => resolverOf(500)],
    ['503 from the tenant manager', () => resolverOf(503)],
    ['401 from the tenant manager: our own token is wrong, not the user’s', () => resolverOf(401)],
    [
      'no tenant manager at all',
      async () => new APITokenResolver({ tenantManagerUrl: 'http://127.0.0.1:9', serviceToken: 's' }),
    ],
    [
      'a resolver that throws',
      async () => ({ resolveToken: () => Promise.reject(new Error('password=hunter2')) }),
    ],
    [
      'an outage by name',
      async () => ({
        resolveToken: () => Promise.reject(new TokenResolutionError('Try later', { outage: true })),
      }),
    ],
  ];

  it.each(failing)('of an outage is a 503 with Retry-After: %s', async (_name, make) => {
    const { url, journal } = await startWrapped({ tokenResolver: await make() });
    const token = await signToken('alice');
    for (const era of ERAS) {
      for (const [method, params] of [
        ['tools/list', {}],
        ['tools/call', { name: 'whoami' }],
        ['resources/read', { uri: 'notes://1' }],
      ] as const) {
        const answer = await rpc(url, { era, method, params, token });
        expect({ method, status: answer.status }).toEqual({ method, status: 503 });
        expect(answer.json).toEqual({ error: expect.any(String), code: 'CREDENTIALS_UNAVAILABLE' });
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
        expect(answer.text).not.toMatch(/stack trace|hunter2/);
      }
    }
    expect(journal.built).toEqual([]);
  });

  it('is over as soon as the account is linked', async () => {
    let linked: string | null = null;
    const { url } = await startWrapped({ tokenResolver: { resolveToken: async () => linked } });
    const client = await connect('v1', url, await signToken('alice'));
    expect((await client.call('whoami')).isError).toBe(true);
    linked = 'fresh';
    expect(JSON.parse((await client.call('whoami')).text)).toEqual({ userId: 'alice', token: 'fresh' });
  });
});
