import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TransportError } from '../core/errors.ts';
import { createPrincipal } from '../core/principal.ts';
import { Secret } from '../core/secret.ts';
import { listAllTools } from './catalog.ts';
import { createInstances, type InstanceOptions, type InstanceRequest, type Instances } from './instances.ts';
import { loadServerSdk } from './sdk.ts';
import type { MCPServerFactory } from './server-factory.ts';

const REQUEST: InstanceRequest = {
  upstreamToken: new Secret('upstream'),
  userId: 'alice',
  extras: {
    principal: createPrincipal({ issuer: 'https://issuer.example', subject: 'alice' }),
    query: {},
    headers: {},
  },
};

const build = (): McpServer => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool('echo', { description: 'Echoes' }, () => ({ content: [] }));
  return server;
};

async function create(
  factory: MCPServerFactory,
  more: Partial<InstanceOptions> = {},
): Promise<Instances & { told: unknown[] }> {
  const told: unknown[] = [];
  const instances = createInstances({
    sdk: await loadServerSdk(),
    factory,
    resourceType: 'notes',
    now: Date.now,
    onError: (error) => told.push(error),
    ...more,
  });
  onTestFinished(() => instances.close());
  return { ...instances, told };
}

const POOL = { max: 1, idleMs: 60_000, lifetimeMs: 60_000 };

describe('instances', () => {
  it.each([undefined, POOL])(
    'of a factory that hangs are given up, and closed when they come after all (pool: %j)',
    async (pool) => {
      let finish = () => {};
      let closed = 0;
      const factory: MCPServerFactory = () =>
        new Promise((resolve) => {
          finish = () => {
            const server = build();
            const close = server.close.bind(server);
            server.close = async () => {
              closed += 1;
              await close();
            };
            resolve(server);
          };
        });
      const instances = await create(factory, { pool, buildTimeoutMs: 20 });
      await expect(instances.open(REQUEST)).rejects.toBeInstanceOf(TransportError);
      // The place in the pool is free again.
      if (pool !== undefined) expect(instances.stats()).toMatchObject({ size: 0, leased: 0 });
      finish();
      await expect.poll(() => closed).toBe(1);
      expect(instances.told).toEqual([]);
    },
  );

  it('are asked for their tools over a link of their own', async () => {
    const instances = await create(build);
    expect((await instances.withLink(REQUEST, listAllTools)).map(({ name }) => name)).toEqual(['echo']);
  });

  it('that are pooled end with a revocation, those of other users stay', async () => {
    const instances = await create(build, { pool: { ...POOL, max: 5 } });
    const bob = createPrincipal({ issuer: 'https://issuer.example', subject: 'bob' });
    await instances.withLink(REQUEST, listAllTools);
    await instances.withLink(
      { ...REQUEST, userId: 'bob', extras: { ...REQUEST.extras, principal: bob } },
      listAllTools,
    );
    expect(instances.stats()).toMatchObject({ size: 2 });
    instances.evict(REQUEST.extras.principal.key);
    expect(instances.stats()).toMatchObject({ size: 1, evicted: 1 });
  });
});
