import { describe, expect, test } from 'vitest';
import { ConfigurationError, EnvAuthProvider, wrapServer } from '../../src/index.ts';
import { signToken } from '../seeds/mcp-auth/support/tokens.ts';
import { startWrapped, type WrapOverrides, wrapConfig } from '../seeds/mcp-auth/support/wrapped.ts';
import { connectV2 } from '../support/clients.ts';
import {
  askTicket,
  createWebSocketTransport,
  openRawSocket,
  type UpgradeRefused,
} from '../support/websocket-client.ts';

const KINDS = ['v1 McpServer', 'v1 Server', 'v2 McpServer', 'v2 Server'] as const;
const start = (overrides: WrapOverrides = {}) =>
  startWrapped({ ...overrides, transport: { type: 'websocket', ...overrides.transport } });

const httpUrl = (url: string): string => url.replace(/^ws/, 'http').replace(/\/ws$/, '');

describe('[mcp-auth/wrap.websocket] a server wrapped for WebSocket', () => {
  test.each(KINDS.flatMap((kind) => (['auto', 'legacy'] as const).map((mode) => ({ kind, mode }))))(
    'serves a client ($mode) with a $kind, as its user and with that user’s upstream token',
    async ({ kind, mode }) => {
      const { url } = await start({ kind });
      expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/mcp\/ws$/);
      const texts = await Promise.all(
        ['alice', 'bob'].map(async (user) => {
          const transport = createWebSocketTransport(url, { token: await signToken(user) });
          const client = await connectV2(transport, undefined, mode);
          const [content] = (await client.callTool({ name: 'whoami' }))['content'] as { text: string }[];
          return JSON.parse(content?.text ?? '') as unknown;
        }),
      );
      expect(texts).toEqual([
        { userId: 'alice', token: 'upstream-of-alice' },
        { userId: 'bob', token: 'upstream-of-bob' },
      ]);
    },
  );

  test.each([{ sessionMode: 'stateful' }, { instanceMode: 'pooled' }] as const)(
    'gives each connection a server of its own, with %j too',
    async (options) => {
      const instancePool = { maxSize: 1, idleTimeout: 60_000, maxLifetime: 60_000 };
      const { url, journal } = await start({ ...options, instancePool });
      const token = await signToken('alice');
      const clients = await Promise.all(
        [1, 2].map(() => connectV2(createWebSocketTransport(url, { token }), undefined, 'legacy')),
      );
      for (const client of clients) await client.callTool({ name: 'whoami' });
      expect(new Set(journal.built.map(({ userId }) => userId))).toEqual(new Set(['alice']));
    },
  );

  test('takes a browser’s ticket, and shows factories the query without it', async () => {
    const page = 'https://app.example';
    const { url, journal } = await start({ transport: { cors: true, corsOrigin: page } });
    const { ticket } = await askTicket(httpUrl(url), { token: await signToken('alice'), origin: page });
    const transport = createWebSocketTransport(`${url}?board=b`, {
      origin: page,
      protocols: ['mcp', `mcp.ticket.${ticket}`],
    });
    await (await connectV2(transport)).listTools();
    expect(journal.built.map(({ extras }) => extras.query)).toEqual(
      journal.built.map(() => ({ board: 'b' })),
    );
    const refused = openRawSocket(url, { origin: 'https://evil.example', token: await signToken('alice') });
    expect(((await refused.catch((error: unknown) => error)) as UpgradeRefused).status).toBe(403);
  });

  test('says so in its info document, and serves HTTP beside it', async () => {
    const { url } = await start({ transport: { basePath: '/' } });
    const base = httpUrl(url);
    const info = (await (await fetch(base)).json()) as Record<string, unknown>;
    expect(info['endpoints']).toEqual({ message: '/message', health: '/health', websocket: '/ws' });
    const client = await connectV2(`${base}/`, await signToken('alice'));
    expect((await client.listTools()).tools).not.toEqual([]);
  });

  test('stops with its sockets', async () => {
    const { server, url } = await start();
    const { closed } = await openRawSocket(url, { token: await signToken('alice') });
    await server.stop();
    expect((await closed).code).toBe(1001);
    expect(server.isServerRunning()).toBe(false);
  });

  test('is refused where it would sign everyone in as one user', () => {
    const authProvider = new EnvAuthProvider();
    const config = wrapConfig({ authProvider, transport: { type: 'websocket', host: '0.0.0.0' } });
    expect(() => wrapServer(config)).toThrow(ConfigurationError);
  });
});
