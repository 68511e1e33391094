import { describe, expect, it, vi } from 'vitest';
import { TransportError } from '../core/errors.ts';
import { createCatalogs, listAllTools, type ToolDefinition } from './catalog.ts';
import type { InnerLink } from './inner-link.ts';
import type { JsonObject } from './server-product.ts';

const tool = (name: string, more: JsonObject = {}): ToolDefinition => ({
  name,
  inputSchema: { type: 'object' },
  ...more,
});

describe('createCatalogs', () => {
  it('loads once per key and time to live', async () => {
    let now = 0;
    const catalogs = createCatalogs({ ttlMs: 1_000, now: () => now });
    const load = vi.fn(async () => [tool('a')]);
    expect(catalogs.peek('alice')).toBeUndefined();
    const [first, second] = await Promise.all([catalogs.get('alice', load), catalogs.get('alice', load)]);
    expect(second).toBe(first);
    now = 999;
    expect(catalogs.peek('alice')).toBe(first);
    expect(await catalogs.get('alice', load)).toBe(first);
    expect(load).toHaveBeenCalledTimes(1);
    now = 1_000;
    expect(catalogs.peek('alice')).toBeUndefined();
    await catalogs.get('alice', load);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('knows tools by name and nothing else', async () => {
    const catalogs = createCatalogs({ now: Date.now });
    const catalog = await catalogs.get('alice', async () => [tool('a', { title: 'A' }), tool('b')]);
    expect(catalog.has('a')).toBe(true);
    expect(catalog.find('a')).toEqual(tool('a', { title: 'A' }));
    expect(catalog.tools.map(({ name }) => name)).toEqual(['a', 'b']);
    for (const name of ['c', 'constructor', '__proto__', '']) {
      expect(catalog.has(name)).toBe(false);
      expect(catalog.find(name)).toBeUndefined();
    }
  });

  it('shares one object between all who are offered the same, whatever the order of members', async () => {
    const catalogs = createCatalogs({ now: Date.now });
    const one = await catalogs.get('alice', async () => [
      { name: 'a', inputSchema: { type: 'object', x: 1 } },
    ]);
    const two = await catalogs.get('bob', async () => [{ inputSchema: { x: 1, type: 'object' }, name: 'a' }]);
    const other = await catalogs.get('carol', async () => [tool('a'), tool('b')]);
    expect(two).toBe(one);
    expect(other.fingerprint).not.toBe(one.fingerprint);
    expect(one.fingerprint).toMatch(/^[\w-]{43}$/);
  });

  it('shares even what is loaded at the same time', async () => {
    const catalogs = createCatalogs({ now: Date.now });
    const all = await Promise.all(['a', 'b', 'c'].map((key) => catalogs.get(key, async () => [tool('t')])));
    expect(new Set(all).size).toBe(1);
  });

  it('holds copies that neither the server nor a reader can change', async () => {
    const catalogs = createCatalogs({ now: Date.now });
    const live = { name: 'a', annotations: { readOnlyHint: true } };
    const catalog = await catalogs.get('alice', async () => [live]);
    live.annotations.readOnlyHint = false;
    expect(catalog.find('a')).toEqual({ name: 'a', annotations: { readOnlyHint: true } });
    expect(Object.isFrozen(catalog.find('a')?.['annotations'])).toBe(true);
    expect(Object.isFrozen(catalog.tools)).toBe(true);
  });

  it('remembers no failure, and tells it to all who wait', async () => {
    const catalogs = createCatalogs({ now: Date.now });
    const failure = new Error('down');
    const load = vi.fn(async () => [tool('a')]).mockRejectedValueOnce(failure);
    const results = await Promise.allSettled([catalogs.get('alice', load), catalogs.get('alice', load)]);
    expect(results).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
    ]);
    expect((await catalogs.get('alice', load)).has('a')).toBe(true);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('keeps the most recently used within its bound', async () => {
    const catalogs = createCatalogs({ maxEntries: 2, now: Date.now });
    for (const key of ['alice', 'bob']) await catalogs.get(key, async () => [tool(key)]);
    catalogs.peek('alice');
    await catalogs.get('carol', async () => [tool('carol')]);
    expect(catalogs.peek('bob')).toBeUndefined();
    expect(catalogs.peek('alice')?.has('alice')).toBe(true);
    expect(catalogs.peek('carol')?.has('carol')).toBe(true);
  });

  it('forgets what is invalidated, also what is just being loaded', async () => {
    const catalogs = createCatalogs({ now: Date.now });
    await catalogs.get('alice', async () => [tool('a')]);
    await catalogs.get('bob', async () => [tool('b')]);
    let finish: (tools: ToolDefinition[]) => void = () => undefined;
    const stale = catalogs.get('carol', () => new Promise<ToolDefinition[]>((resolve) => (finish = resolve)));
    catalogs.invalidate((key) => key !== 'bob');
    const fresh = await catalogs.get('carol', async () => [tool('new')]);
    finish([tool('old')]);
    expect((await stale).has('old')).toBe(true);
    expect(catalogs.peek('alice')).toBeUndefined();
    expect(catalogs.peek('bob')?.has('b')).toBe(true);
    expect(catalogs.peek('carol')).toBe(fresh);
    catalogs.invalidate();
    expect(catalogs.peek('bob')).toBeUndefined();
  });
});

describe('listAllTools', () => {
  type Page = { readonly tools: unknown; readonly nextCursor?: string };

  function linkOf(pages: (cursor: unknown) => Page, capabilities: JsonObject = { tools: {} }) {
    const request = vi.fn<InnerLink['request']>(async (_method, params) => ({
      ...pages(params?.['cursor']),
    }));
    return { capabilities, request };
  }

  it('collects every page', async () => {
    const link = linkOf((cursor) =>
      cursor === undefined ? { tools: [tool('a')], nextCursor: 'n' } : { tools: [tool('b')] },
    );
    const authInfo = { token: '' };
    expect(await listAllTools(link, { extra: { authInfo } })).toEqual([tool('a'), tool('b')]);
    expect(link.request.mock.calls.map(([method, params]) => [method, params])).toEqual([
      ['tools/list', {}],
      ['tools/list', { cursor: 'n' }],
    ]);
    expect(link.request.mock.calls.every(([, , options]) => options?.extra?.authInfo === authInfo)).toBe(
      true,
    );
  });

  it('asks no server that has no tools', async () => {
    const link = linkOf(() => ({ tools: [] }), { prompts: {} });
    expect(await listAllTools(link)).toEqual([]);
    expect(link.request).not.toHaveBeenCalled();
  });

  it('gives up on a list without end', async () => {
    const endless = linkOf(() => ({ tools: [tool('a')], nextCursor: 'again' }));
    await expect(listAllTools(endless)).rejects.toThrow(TransportError);
    expect(endless.request).toHaveBeenCalledTimes(100);
    const huge = linkOf(() => ({ tools: Array.from({ length: 5_001 }, (_, index) => tool(`t${index}`)) }));
    await expect(listAllTools(huge)).rejects.toThrow('too many tools');
  });

  it.each([[{ tools: 'none' }], [{ tools: [{ title: 'nameless' }] }]])(
    'refuses what is no list: %j',
    async (page) => {
      await expect(listAllTools(linkOf(() => page))).rejects.toThrow(TransportError);
    },
  );

  it('spends one time limit on all pages', async () => {
    const link = linkOf(() => ({ tools: [] }));
    await listAllTools(link, { timeoutMs: 500 });
    const timeoutMs = link.request.mock.calls[0]?.[2]?.timeoutMs ?? 0;
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(500);
  });
});
