import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import type { MCPServerFactory } from '../../../src/index.ts';
import { type Call, ERAS, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { createJournal, FACTORIES, type FactoryKind, factoryOf } from './support/factories.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const POOL = { maxSize: 10, idleTimeout: 60_000, maxLifetime: 60_000 };
const POOLED = { instanceMode: 'pooled', instancePool: POOL } as const;

const whoami = async (era: Call['era'], subject = 'alice', claims = {}): Promise<Call> => ({
  era,
  method: 'tools/call',
  params: { name: 'whoami' },
  token: await signToken(subject, claims),
});

/** Counts the servers of a factory, and how often one was connected that was connected already. */
function watching(kind: FactoryKind) {
  const seen = { built: 0, connects: 0, overlaps: 0 };
  const make = factoryOf(kind);
  const factory: MCPServerFactory = async (...args) => {
    const product = await make(...args);
    seen.built += 1;
    const connectIt = product.connect.bind(product);
    let isConnected = false;
    product.connect = async (transport) => {
      seen.connects += 1;
      if (isConnected) seen.overlaps += 1;
      isConnected = true;
      await connectIt(transport);
      const { onclose } = transport;
      transport.onclose = () => {
        isConnected = false;
        onclose?.();
      };
    };
    return product;
  };
  return { factory, seen };
}

describe('[mcp-auth/wrap.instance-mode] instances', () => {
  it.each(ERAS)('are made for each request by default (%s)', async (era) => {
    const { server, url, journal } = await startWrapped();
    const call = await whoami(era);
    await rpc(url, call);
    const first = journal.built.length;
    await rpc(url, call);
    await rpc(url, call);
    expect(journal.built.length).toBe(first + 2);
    expect(server.getPoolStats()).toBeUndefined();
  });

  it('that are pooled are used again by the same user, and never by another', async () => {
    const journal = createJournal();
    const { server, url } = await startWrapped({
      ...POOLED,
      serverFactory: factoryOf('v2 McpServer', journal),
    });
    for (const subject of ['alice', 'bob', 'alice', 'bob', 'alice']) {
      expect((await rpc(url, await whoami('2026-07-28', subject))).text).toContain(`upstream-of-${subject}`);
    }
    expect(journal.built.map(({ userId }) => userId)).toEqual(['alice', 'bob']);
    expect(server.getPoolStats()).toMatchObject({ size: 2, idle: 2, created: 2 });
  });

  it('that are pooled serve one request at a time', async () => {
    const { server, url, journal } = await startWrapped(POOLED);
    const call = { ...(await whoami('2026-07-28')), params: { name: 'hold' } };
    const answers = [rpc(url, call), rpc(url, call), rpc(url, call)];
    await expect.poll(() => journal.ran).toHaveLength(3);
    expect(server.getPoolStats()).toMatchObject({ size: 3, leased: 3 });
    journal.release();
    for (const answer of await Promise.all(answers)) expect(answer.text).toContain('released');
    await expect.poll(() => server.getPoolStats()).toMatchObject({ size: 3, leased: 0, idle: 3 });
  });

  it('that are pooled are not told of the one request that they were made for', async () => {
    const { url, journal } = await startWrapped(POOLED);
    await rpc(url, {
      ...(await whoami('2026-07-28')),
      params: { name: 'whoami', _meta: { progressToken: 1 } },
    });
    const told = Object.keys(journal.built[0]?.extras ?? {}).toSorted();
    expect(told).toEqual(['headers', 'needs', 'principal', 'query']);
  });

  it('that are pooled end when they lie idle, when they are old, and to make room', async () => {
    const shortLived = { maxSize: 10, idleTimeout: 50, maxLifetime: 60_000 };
    const { server, url } = await startWrapped({ instanceMode: 'pooled', instancePool: shortLived });
    await rpc(url, await whoami('2026-07-28'));
    await expect.poll(() => server.getPoolStats()).toMatchObject({ size: 0, evicted: 1 });

    const small = { maxSize: 1, idleTimeout: 60_000, maxLifetime: 60_000 };
    const { server: second, url: other } = await startWrapped({
      instanceMode: 'pooled',
      instancePool: small,
    });
    for (const subject of ['alice', 'bob', 'alice']) await rpc(other, await whoami('2026-07-28', subject));
    expect(second.getPoolStats()).toMatchObject({ size: 1, created: 3, evicted: 2 });
  });
});

describe('[mcp-auth/defect.pool-double-connect] a pooled server', () => {
  it.each(FACTORIES.flatMap((kind) => CLIENTS.map((client) => ({ kind, client }))))(
    'of a $kind is never connected twice at once, and serves a $client client again and again',
    async ({ kind, client: version }) => {
      const { factory, seen } = watching(kind);
      const { url } = await startWrapped({ ...POOLED, serverFactory: factory });
      const token = await signToken('alice');
      for (let round = 0; round < 3; round++) {
        const client = await connect(version, url, token);
        const updates: number[] = [];
        await client.call('work', {}, { onprogress: ({ progress }) => updates.push(progress) });
        expect(updates).toEqual([1, 2, 3]);
        await client.close();
      }
      expect(seen.overlaps).toBe(0);
      // Those of SDK v1 stay connected to their link. Others remember a handshake, and are not used after one.
      if (kind.startsWith('v1')) expect(seen).toMatchObject({ built: 1, connects: 1 });
      else expect(seen.built).toBe(version === 'v2 auto' ? 1 : 4);
    },
  );
});

describe('[mcp-auth/defect.pool-rotation] a pooled server', () => {
  it.each(['stateless', 'stateful'] as const)(
    'is not used with a rotated token (%s)',
    async (sessionMode) => {
      let version = 1;
      const { server, url } = await startWrapped({
        ...POOLED,
        sessionMode,
        tokenResolver: { resolveToken: async (userId) => `${userId}-v${version}` },
      });
      const token = await signToken('alice');
      const tokenSeen = async () => {
        const client = await connect('v1', url, token);
        return (JSON.parse((await client.call('whoami')).text) as { readonly token: string }).token;
      };
      expect(await tokenSeen()).toBe('alice-v1');
      version = 2;
      expect(await tokenSeen()).toBe('alice-v2');
      expect(await tokenSeen()).toBe('alice-v2');
      version = 1;
      expect(await tokenSeen()).toBe('alice-v1');
      // Sessions have servers of their own; the pool then only answers what tools there are.
      expect(server.getPoolStats()?.created).toBeGreaterThanOrEqual(sessionMode === 'stateless' ? 2 : 1);
    },
  );

  it('is not used with other extras', async () => {
    const { url, journal } = await startWrapped({ ...POOLED, extraHeaders: ['x-workspace'] });
    const call = await whoami('2026-07-28');
    await rpc(`${url}?project=a`, call);
    await rpc(`${url}?project=b`, call);
    await rpc(`${url}?project=a`, { ...call, headers: [['x-workspace', 'w']] });
    await rpc(`${url}?project=a`, call);
    const built = journal.built.map(({ extras }) => [extras.query['project'], extras.headers['x-workspace']]);
    expect(built).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['a', 'w'],
    ]);
  });

  /** A factory that builds the rights of its user into the server. */
  const byRights: MCPServerFactory = (_token, _userId, { principal }) => {
    const server = new McpServer({ name: 'rights', version: '1.0.0' });
    const text = principal.scopes.join(' ');
    server.registerTool('rights', { description: 'Tells them' }, () => ({
      content: [{ type: 'text', text }],
    }));
    return server;
  };

  it.each(['stateless', 'stateful'] as const)(
    'is not used with other rights of the same user (%s)',
    async (sessionMode) => {
      const { server, url } = await startWrapped({ ...POOLED, sessionMode, serverFactory: byRights });
      for (const scope of ['notes:admin', 'notes:read', 'notes:admin']) {
        const client = await connect('v1', url, await signToken('alice', { scope }));
        expect((await client.call('rights')).text).toBe(scope);
        const { sessionId } = client;
        if (sessionId === undefined) continue;
        // Another token of the same user, with other rights, on this very session.
        const token = await signToken('alice', { scope: 'notes:other' });
        const headers = [['mcp-session-id', sessionId]] as const;
        const params = { name: 'rights' };
        expect(
          (await rpc(url, { era: '2025-11-25', method: 'tools/call', params, token, headers })).status,
        ).toBe(404);
      }
      expect(server.getPoolStats()?.created).toBeGreaterThanOrEqual(2);
    },
  );
});
