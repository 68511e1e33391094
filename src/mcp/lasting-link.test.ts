import { describe, expect, test, vi } from 'vitest';
import { ServerUnavailableError } from '../core/errors.ts';
import type { InnerLink } from './inner-link.ts';
import { createLastingLink, MIN_LIFE_MS, type OpenedLink } from './lasting-link.ts';
import type { LinkPeer } from './link-contract.ts';
import { RpcError } from './rpc-error.ts';
import type { JsonObject } from './server-product.ts';

/** A link to a server that the test plays. */
function playLink(number: number) {
  const peers = new Set<LinkPeer>();
  const asked: [string, JsonObject | undefined][] = [];
  let isClosed = false;
  const link: InnerLink = {
    protocolVersion: '2025-11-25',
    capabilities: {
      tools: { listChanged: true },
      prompts: {},
      resources: { subscribe: true, listChanged: true },
    },
    serverInfo: { name: `server-${number}`, version: '1' },
    instructions: undefined,
    get closed() {
      return isClosed;
    },
    request: async (method, params) => {
      if (isClosed) throw new RpcError(-32000, 'Connection closed');
      asked.push([method, params]);
      return { by: number };
    },
    notify: () => undefined,
    attach(peer) {
      peers.add(peer);
      return () => void peers.delete(peer);
    },
    close: async () => void (isClosed = true),
  };
  const end = vi.fn(() => undefined);
  const die = (): void => {
    isClosed = true;
    for (const peer of [...peers]) peer.onClose();
  };
  return { link, end, die, asked, peers };
}

function setUp({ refuse }: { readonly refuse?: Error } = {}) {
  const played = [playLink(0)];
  const heard: string[] = [];
  const errors: unknown[] = [];
  const onEnd = vi.fn();
  const onClose = vi.fn();
  const clock = { now: 0 };
  const last = () => played.at(-1) as ReturnType<typeof playLink>;
  const link = createLastingLink(last(), {
    reopen: async (): Promise<OpenedLink> => {
      if (refuse !== undefined) throw refuse;
      played.push(playLink(played.length));
      return last();
    },
    onEnd,
    now: () => clock.now,
    onError: (error) => errors.push(error),
  });
  const leave = link.attach({
    onNotification: ({ method, params }) => void heard.push([method, params?.['uri']].join(' ').trim()),
    onRequest: async () => ({}),
    onClose,
  });
  return { link, leave, played, last, heard, errors, onEnd, onClose, clock };
}

const CHANGED = ['notifications/tools/list_changed', 'notifications/resources/list_changed'];

describe('a link that outlasts its server', () => {
  test('opens another with the next request, once for all that come together', async () => {
    const { link, last, played, heard, onClose } = setUp();
    last().die();
    expect(played[0]?.end).toHaveBeenCalled();
    expect([played.length, link.closed]).toEqual([1, false]);
    expect(await Promise.all([link.request('a'), link.request('b')])).toEqual([{ by: 1 }, { by: 1 }]);
    expect(played.length).toBe(2);
    expect(last().asked.map(([method]) => method)).toEqual(['a', 'b']);
    expect(heard).toEqual(CHANGED);
    expect(link.serverInfo.name).toBe('server-0');
    expect(onClose).not.toHaveBeenCalled();
    last().die();
    expect(await link.request('c')).toEqual({ by: 2 });
  });

  test('hands a request over at once while its server lives', () => {
    const { link, last } = setUp();
    void link.request('a');
    expect(last().asked.length).toBe(1);
  });

  test('gives the new server the log level and the subscriptions of the old one', async () => {
    const { link, last, heard, clock } = setUp();
    await link.request('logging/setLevel', { level: 'debug' });
    for (const uri of ['x://1', 'x://2']) await link.request('resources/subscribe', { uri });
    await link.request('resources/unsubscribe', { uri: 'x://1' });
    clock.now = MIN_LIFE_MS;
    last().die();
    // Without a request: whoever has subscribed may make no other.
    await expect
      .poll(() => last().asked)
      .toEqual([
        ['logging/setLevel', { level: 'debug' }],
        ['resources/subscribe', { uri: 'x://2' }],
      ]);
    await expect.poll(() => heard).toEqual([...CHANGED, 'notifications/resources/updated x://2']);
  });

  test('ends with a server that had subscriptions and hardly lived', async () => {
    const { link, last, played, onClose, clock } = setUp();
    await link.request('resources/subscribe', { uri: 'x://1' });
    clock.now = MIN_LIFE_MS - 1;
    last().die();
    expect(onClose).toHaveBeenCalledOnce();
    expect(played.length).toBe(1);
  });

  test('says why there is no other, and of what is no failure of the service only that it failed', async () => {
    const unavailable = setUp({ refuse: new ServerUnavailableError('not yet', { retryAfterSeconds: 7 }) });
    unavailable.last().die();
    await expect(unavailable.link.request('a')).rejects.toMatchObject({
      message: 'not yet',
      data: { code: 'SERVER_UNAVAILABLE', retryAfterSeconds: 7 },
    });
    const broken = setUp({ refuse: new Error('inner reason') });
    broken.last().die();
    await expect(broken.link.request('a')).rejects.toMatchObject({ code: -32603, message: 'Internal error' });
    expect(broken.errors).toEqual([expect.objectContaining({ message: 'inner reason' })]);
  });

  test('that is closed ends its server, opens no other and gives its place back once', async () => {
    const { link, last, played, onEnd } = setUp();
    await link.close();
    await link.close();
    expect(last().end).toHaveBeenCalledOnce();
    expect(onEnd).toHaveBeenCalledOnce();
    await expect(link.request('a')).rejects.toThrow('Connection closed');
    expect([played.length, link.closed]).toEqual([1, true]);
  });

  test('that is closed while another is opened ends that one too', async () => {
    const { link, last, played } = setUp();
    last().die();
    const asked = link.request('a');
    await link.close();
    await expect(asked).rejects.toThrow('Connection closed');
    expect(played.length).toBe(2);
    expect(last().end).toHaveBeenCalled();
  });

  test('lets go of whoever leaves', async () => {
    const { link, leave, last, heard } = setUp();
    leave();
    last().die();
    await link.request('a');
    expect([heard, last().peers.size]).toEqual([[], 0]);
  });
});
