import { Client } from '@modelcontextprotocol/client';
import * as sdk from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FixtureOptions } from '../../test/fixtures/mcp-servers/behaviour.ts';
import {
  type BridgedServer,
  type OpenFront,
  serveStateless,
} from '../../test/fixtures/mcp-servers/bridged.ts';
import { callRaw, connectClient } from '../../test/fixtures/mcp-servers/clients.ts';
import { createV1McpServer } from '../../test/fixtures/mcp-servers/v1-servers.ts';
import { type BridgeOptions, bridgeServer } from './bridge.ts';
import { connectInner, type InnerLink } from './inner-link.ts';
import { createInstancePool } from './instance-pool.ts';
import type { InnerLinkOptions } from './link-contract.ts';

let cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

/** A v1 server that counts how often it is connected and closed. */
function countedServer(options: FixtureOptions = {}) {
  const server = createV1McpServer(options);
  const counts = { connects: 0, closes: 0 };
  const connect = server.connect.bind(server);
  const close = server.close.bind(server);
  server.connect = async (transport) => {
    counts.connects += 1;
    await connect(transport);
  };
  server.close = async () => {
    counts.closes += 1;
    await close();
  };
  return { server, counts };
}

async function serve(open: OpenFront): Promise<BridgedServer> {
  const server = await serveStateless(createV1McpServer, open);
  cleanups.push(() => server.close());
  return server;
}

const TOLD_CAPABILITIES = { elicitation: { form: {} }, roots: {} };

/** A 2025-era connection in this process, with client, front and link within reach. */
async function connectInProcess(options: Partial<BridgeOptions> = {}, linkOptions: InnerLinkOptions = {}) {
  const { server, counts } = countedServer();
  const link = await connectInner(server, { capabilities: TOLD_CAPABILITIES, ...linkOptions });
  const front = bridgeServer(link, { sdk, ownsLink: true, ...options });
  const [clientSide, serverSide] = sdk.InMemoryTransport.createLinkedPair();
  const client = new Client(
    { name: 'test-client', version: '1.0.0' },
    { capabilities: { elicitation: { form: {} }, roots: { listChanged: true } } },
  );
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///home' }] }));
  await front.connect(serverSide);
  await client.connect(clientSide);
  cleanups.push(async () => {
    await client.close();
    await link.close();
  });
  return { server, counts, link, front, client };
}

const echo = (text: string) => ({ name: 'echo', arguments: { text } });

describe('a front that owns its link', () => {
  it.each(['modern', 'legacy'] as const)(
    'closes the server when the exchange is over, %s era',
    async (era) => {
      const { server, counts } = countedServer();
      const onDetach = vi.fn();
      const { url } = await serve(async () =>
        bridgeServer(await connectInner(server), { sdk, ownsLink: true, onDetach }),
      );
      const messages = await callRaw(url, { era, user: 'alice', params: echo('x') });
      expect(messages.at(-1)).toMatchObject({ result: { content: [{ text: 'x' }] } });
      await vi.waitFor(() => expect(onDetach.mock.calls).toEqual([[0]]));
      expect(counts).toEqual({ connects: 1, closes: 1 });
    },
  );

  it('closes the server even when it was never connected itself', async () => {
    const { server, counts } = countedServer();
    const onDetach = vi.fn();
    const front = bridgeServer(await connectInner(server), { sdk, ownsLink: true, onDetach });
    await front.close();
    await front.close();
    expect(counts.closes).toBe(1);
    expect(onDetach.mock.calls).toEqual([[0]]);
  });

  it.each(['modern', 'legacy'] as const)(
    'still answers calls that end with the server, %s era',
    async (era) => {
      const { url } = await serve(async () => {
        const { server } = countedServer({ onEvent: () => void server.close() });
        return bridgeServer(await connectInner(server), { sdk, ownsLink: true });
      });
      const messages = await callRaw(url, { era, user: 'alice', params: { name: 'wait' } });
      expect(messages.at(-1)).toMatchObject({ id: 1, error: { code: -32000, message: 'Connection closed' } });
    },
  );

  it('ends with the server', async () => {
    const { server, client, link } = await connectInProcess();
    const onclose = vi.fn();
    client.onclose = onclose;
    await server.close();
    await vi.waitFor(() => expect(onclose).toHaveBeenCalledTimes(1));
    expect(link.closed).toBe(true);
  });
});

describe('a front on a borrowed link', () => {
  it('leaves the server open, and hears it no more', async () => {
    const { server, counts, client, link, front } = await connectInProcess({ ownsLink: false });
    await client.callTool(echo('x'));
    await front.close();
    expect(counts.closes).toBe(0);
    expect(await link.request('tools/call', echo('y'))).toMatchObject({ content: [{ text: 'y' }] });
    const onerror = vi.fn();
    front.onerror = onerror;
    await server.server.sendToolListChanged();
    expect(onerror).not.toHaveBeenCalled();
  });

  it('tells how many calls it had to abandon, and cancels them', async () => {
    const events: string[] = [];
    const onDetach = vi.fn((abandoned: number) => void events.push(`abandoned ${abandoned}`));
    const links: InnerLink[] = [];
    const { url } = await serve(async () => {
      const link = await connectInner(countedServer({ onEvent: (event) => events.push(event) }).server);
      links.push(link);
      return bridgeServer(link, { sdk, ownsLink: false, onDetach });
    });
    const { client, callTool } = await connectClient('modern', { url, user: 'alice' });
    cleanups.push(async () => {
      await client.close();
      await Promise.all(links.map((link) => link.close()));
    });
    await vi.waitFor(() => expect(events).toEqual(['abandoned 0']));
    const controller = new AbortController();
    const running = callTool({ name: 'wait' }, { signal: controller.signal }).catch(() => undefined);
    await vi.waitFor(() => expect(events).toContain('waiting'));
    controller.abort();
    await running;
    await vi.waitFor(() => {
      expect(events.slice(2).toSorted()).toEqual(['abandoned 1', 'cancelled']);
    });
  });
});

describe('a pooled server', () => {
  async function servePooled() {
    const built: ReturnType<typeof countedServer>[] = [];
    const pool = createInstancePool<InnerLink>({
      maxSize: 10,
      idleTimeoutMs: 60_000,
      maxLifetimeMs: 600_000,
      now: Date.now,
      create: () => {
        const counted = countedServer();
        built.push(counted);
        return connectInner(counted.server);
      },
      destroy: (link) => link.close(),
      isAlive: (link) => !link.closed,
    });
    cleanups.push(() => pool.close());
    const server = await serve(async (user) => {
      const { instance, release, discard } = await pool.lease(user);
      const onDetach = (abandoned: number): void => (abandoned === 0 ? release() : discard());
      return bridgeServer(instance, { sdk, ownsLink: false, onDetach });
    });
    return { ...server, pool, built };
  }

  it.each(['modern', 'legacy'] as const)(
    'is connected once and serves request after request, %s era [mcp-auth/defect.pool-double-connect]',
    async (era) => {
      const { url, built, pool, errors } = await servePooled();
      for (const text of ['1', '2', '3', '4', '5']) {
        const messages = await callRaw(url, { era, user: 'alice', params: echo(text) });
        expect(messages.at(-1)).toMatchObject({ result: { content: [{ text }] } });
        await vi.waitFor(() => expect(pool.stats()).toMatchObject({ idle: 1, leased: 0 }));
      }
      expect(built.map(({ counts }) => counts)).toEqual([{ connects: 1, closes: 0 }]);
      expect(pool.stats()).toMatchObject({ created: 1, reused: 4 });
      expect(errors).toEqual([]);
    },
  );

  it('is nobody else’s, however many calls come at once', async () => {
    const { url, built, pool } = await servePooled();
    const users = Array.from({ length: 30 }, (_, index) => `user-${index % 3}`);
    const answers = await Promise.all(
      users.map((user) => callRaw(url, { era: 'modern', user, params: { name: 'whoami' } })),
    );
    for (const [index, messages] of answers.entries()) {
      const userId = users[index] ?? '';
      const text = JSON.stringify({ userId, trace: `trace-${userId}` });
      expect(messages.at(-1)).toMatchObject({ result: { content: [{ text }] } });
    }
    await vi.waitFor(() => expect(pool.stats().leased).toBe(0));
    expect(built.every(({ counts }) => counts.connects === 1)).toBe(true);
  });
});

describe('a connection of either era', () => {
  it.each(['modern', 'legacy'] as const)('is served by one front, %s era', async (era) => {
    const closes: (() => number)[] = [];
    const [clientSide, serverSide] = sdk.InMemoryTransport.createLinkedPair();
    const errors: unknown[] = [];
    const serving = serveStdio(
      async () => {
        const { server, counts } = countedServer();
        closes.push(() => counts.closes);
        return bridgeServer(await connectInner(server), { sdk, ownsLink: true });
      },
      { transport: serverSide, onerror: (error) => errors.push(error) },
    );
    cleanups.push(() => serving.close());
    const client = new Client(
      { name: 'test-client', version: '1.0.0' },
      era === 'modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {},
    );
    await client.connect(clientSide);
    const seen: number[] = [];
    const params = { name: 'burst', arguments: { count: 100 } };
    await client.callTool(params, { onprogress: ({ progress }) => void seen.push(progress) });
    await client.callTool(echo('again'));
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    await client.close();
    await vi.waitFor(() => expect(closes.map((count) => count())).toEqual([1]));
    expect(errors).toEqual([]);
  });
});

describe('a slow connection', () => {
  it('carries all progress before the result', async () => {
    const link = await connectInner(createV1McpServer());
    const front = bridgeServer(link, { sdk, ownsLink: true });
    const [clientSide, serverSide] = sdk.InMemoryTransport.createLinkedPair();
    const arrived: unknown[] = [];
    clientSide.onmessage = (message) => {
      if ('method' in message) arrived.push(message.params?.['progress']);
      else arrived.push('result');
    };
    const send = serverSide.send.bind(serverSide);
    serverSide.send = async (message, options) => {
      if ('method' in message) await new Promise((resolve) => setTimeout(resolve, 1));
      await send(message, options);
    };
    await front.connect(serverSide);
    cleanups.push(() => front.close());
    const params = { name: 'burst', arguments: { count: 5 }, _meta: { progressToken: 0 } };
    await clientSide.send({ jsonrpc: '2.0', id: 0, method: 'tools/call', params });
    await vi.waitFor(() => expect(arrived).toEqual([1, 2, 3, 4, 5, 'result']));
  });
});

describe('what a server tells its client outside of calls', () => {
  it('passes on in both directions', async () => {
    const { server, client } = await connectInProcess();
    const heard: string[] = [];
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void heard.push(params.uri),
    );
    await server.server.sendResourceUpdated({ uri: 'fixture://static' });
    await vi.waitFor(() => expect(heard).toEqual(['fixture://static']));
    const changed = vi.fn(async () => undefined);
    server.server.fallbackNotificationHandler = changed;
    await client.sendRootsListChanged();
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1));
  });

  it('asks the client, and gives a question up when the server does', async () => {
    const { server, client } = await connectInProcess();
    expect(await server.server.listRoots()).toEqual({ roots: [{ uri: 'file:///home' }] });
    const events: string[] = [];
    client.setRequestHandler('elicitation/create', (_request, { mcpReq }) => {
      events.push('asked');
      return new Promise((resolve) => {
        mcpReq.signal.addEventListener('abort', () => {
          events.push('taken back');
          resolve({ action: 'cancel' });
        });
      });
    });
    const controller = new AbortController();
    const requestedSchema = { type: 'object' as const, properties: {} };
    const asking = server.server
      .elicitInput({ message: '?', requestedSchema }, { signal: controller.signal })
      .catch((error: unknown) => error);
    await vi.waitFor(() => expect(events).toEqual(['asked']));
    controller.abort('enough');
    expect(await asking).toBeInstanceOf(Error);
    await vi.waitFor(() => expect(events).toEqual(['asked', 'taken back']));
  });

  it('gives the client’s own error back', async () => {
    const { server, client } = await connectInProcess();
    client.setRequestHandler('roots/list', () => {
      throw new sdk.ProtocolError(-1, 'The user said no', { by: 'user' });
    });
    await expect(server.server.listRoots()).rejects.toMatchObject({ code: -1, data: { by: 'user' } });
  });
});

describe('a v1 server that wants an URL opened first', () => {
  async function callLink(era: 'modern' | 'legacy', meta: Record<string, unknown> = {}) {
    const { url } = await serve(async () =>
      bridgeServer(await connectInner(createV1McpServer()), { sdk, ownsLink: true }),
    );
    const messages = await callRaw(url, { era, user: 'alice', params: { name: 'link', _meta: meta } });
    return messages.at(-1);
  }

  it('says so in the words of the 2026 era to a client that can', async () => {
    const clientCapabilities = { elicitation: { url: {} } };
    const answer = await callLink('modern', {
      'io.modelcontextprotocol/clientCapabilities': clientCapabilities,
    });
    const params = { mode: 'url', url: 'https://accounts.example/link', message: 'Link your account' };
    expect(answer).toMatchObject({
      result: {
        resultType: 'input_required',
        inputRequests: { 'url-1': { method: 'elicitation/create', params } },
      },
    });
  });

  it('keeps its error for every other client', async () => {
    const error = { code: -32042, data: { elicitations: [{ url: 'https://accounts.example/link' }] } };
    expect(await callLink('legacy')).toMatchObject({ error });
    expect(await callLink('modern')).toMatchObject({ error });
  });
});
