import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ServerPoolError } from '../../core/errors.ts';
import { createPrincipal } from '../../core/principal.ts';
import { Secret } from '../../core/secret.ts';
import { findLinkUse } from '../bridge.ts';
import { connectInner, type InnerLink } from '../inner-link.ts';
import type { InstanceRequest } from '../instances.ts';
import { loadServerSdk } from '../sdk.ts';
import { createUpstreamInstances, type UpstreamLimits } from './upstream-instances.ts';

const LIMITS: UpstreamLimits = {
  max: 10,
  maxPerPrincipal: 3,
  idleMs: 60_000,
  lifetimeMs: 60_000,
  keeps: true,
};

function requestOf(subject: string, token = 'token'): InstanceRequest {
  return {
    upstreamToken: new Secret(token),
    userId: subject,
    extras: {
      principal: createPrincipal({ issuer: 'https://issuer.example', subject }),
      query: {},
      headers: {},
    },
  };
}

async function create(limits: Partial<UpstreamLimits> = {}) {
  const tokens: string[] = [];
  const links: InnerLink[] = [];
  const instances = createUpstreamInstances({
    sdk: await loadServerSdk(),
    connect: async ({ upstreamToken }) => {
      tokens.push(upstreamToken.reveal());
      const link = await connectInner(new McpServer({ name: 'x', version: '1' }));
      links.push(link);
      return link;
    },
    limits: { ...LIMITS, ...limits },
    now: Date.now,
    onError: () => undefined,
  });
  onTestFinished(() => instances.close());
  return { instances, tokens, links };
}

describe('servers elsewhere', () => {
  test('are kept for their user and their token alone', async () => {
    const { instances, tokens } = await create();
    for (const [subject, token] of [
      ['alice', 'a'],
      ['alice', 'a'],
      ['alice', 'b'],
      ['bob', 'a'],
      ['alice', 'a'],
    ] as const) {
      await (await instances.open(requestOf(subject, token))).close();
    }
    expect(tokens).toEqual(['a', 'b', 'a']);
  });

  test('of sessions are nobody else’s, and leave a place for what does not last', async () => {
    const { instances, links } = await create();
    const own = [await instances.openOwn(requestOf('alice')), await instances.openOwn(requestOf('alice'))];
    await expect(instances.openOwn(requestOf('alice'))).rejects.toThrow(ServerPoolError);
    await instances.withLink(requestOf('alice'), async (link) => expect(link).toBe(links[2]));
    await own[0]?.close();
    await expect.poll(() => links[0]?.closed).toBe(true);
    const again = await instances.openOwn(requestOf('alice'));
    expect(links.length).toBe(4);
    for (const server of [own[1], again]) await server?.close();
  });

  test('of sessions leave a place to others also when their users are many', async () => {
    const { instances } = await create({ max: 3 });
    const own = [await instances.openOwn(requestOf('alice')), await instances.openOwn(requestOf('bob'))];
    await expect(instances.openOwn(requestOf('carol'))).rejects.toThrow(ServerPoolError);
    await (await instances.open(requestOf('carol'))).close();
    for (const server of own) await server.close();
  });

  test('of sessions are replaced when they end, with the same token and in the same place', async () => {
    const { instances, links, tokens } = await create();
    const own = await instances.openOwn(requestOf('alice', 'a'));
    const use = findLinkUse(own);
    for (const count of [1, 2, 3]) {
      expect(await use?.link.request('ping')).toEqual({});
      expect([links.length, instances.stats()?.leased]).toEqual([count, 1]);
      await links.at(-1)?.close();
      await expect.poll(() => instances.stats()?.size).toBe(0);
    }
    expect(tokens).toEqual(['a', 'a', 'a']);
    await own.close();
    const more = [await instances.openOwn(requestOf('alice')), await instances.openOwn(requestOf('alice'))];
    await expect(instances.openOwn(requestOf('alice'))).rejects.toThrow(ServerPoolError);
    for (const server of more) await server.close();
  });

  test('that cannot be connected hold no place', async () => {
    const { instances } = await create();
    const broken = createUpstreamInstances({
      sdk: await loadServerSdk(),
      connect: () => Promise.reject(new Error('no')),
      limits: { ...LIMITS, max: 1, maxPerPrincipal: 1 },
      now: Date.now,
      onError: () => undefined,
    });
    for (let count = 0; count < 3; count += 1) {
      await expect(broken.openOwn(requestOf('alice'))).rejects.toThrow('no');
      await expect(broken.open(requestOf('alice'))).rejects.toThrow('no');
    }
    await broken.close();
    expect(instances.stats()).toMatchObject({ size: 0 });
  });

  test('are not kept where that is not wanted', async () => {
    const { instances, links } = await create({ keeps: false });
    for (let count = 0; count < 2; count += 1) await (await instances.open(requestOf('alice'))).close();
    expect(links.length).toBe(2);
    await expect.poll(() => links.every(({ closed }) => closed)).toBe(true);
  });
});
