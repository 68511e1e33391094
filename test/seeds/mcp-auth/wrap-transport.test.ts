import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigurationError, JWTAuthProvider, TransportError, wrapServer } from '../../../src/index.ts';
import { freePort } from '../../support/gate-harness.ts';
import { raw, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { createJournal, factoryOf } from './support/factories.ts';
import { JWT_SECRET, signToken } from './support/tokens.ts';
import { startWrapped, wrapConfig } from './support/wrapped.ts';

describe('[mcp-auth/wrap.transport-type] a wrapped server', () => {
  it.each(['http', 'sse'] as const)('of transport %s is Streamable HTTP for every client', async (type) => {
    const { url } = await startWrapped({ transport: { type } });
    for (const kind of CLIENTS) {
      const client = await connect(kind, url, await signToken('alice'));
      expect((await client.call('work')).text).toBe('done');
    }
  });

  it('of any other transport is refused', () => {
    expect(() => wrapServer(wrapConfig({ transport: { type: 'carrier-pigeon' as 'http' } }))).toThrow(
      'transport.type: one of stdio, sse, http, websocket is required',
    );
  });
});

describe('[mcp-auth/wrap.static-mode] without a token resolver', () => {
  it.each(CLIENTS)('the factory gets an empty token, and the user (%s)', async (kind) => {
    const journal = createJournal();
    const { url } = await startWrapped({
      serverFactory: factoryOf('v1 McpServer', journal),
      tokenResolver: undefined,
    });
    const client = await connect(kind, url, await signToken('alice'));
    expect(JSON.parse((await client.call('whoami')).text)).toEqual({ userId: 'alice', token: '' });
    expect(journal.built.every(({ token, userId }) => token === '' && userId === 'alice')).toBe(true);
  });
});

describe('[mcp-auth/wrap.address] a wrapped server', () => {
  it('listens on port, host and path as told', async () => {
    const port = await freePort();
    const { server } = await startWrapped({ transport: { port, basePath: '/api/v1/notes' } });
    expect(server.url).toBe(`http://127.0.0.1:${port}/api/v1/notes`);
    expect((await raw(`${server.url}`)).status).toBe(200);
    expect((await raw(`http://127.0.0.1:${port}/mcp`)).status).toBe(404);
  });

  it('listens on all addresses by default, under its own name and loopback ones', async () => {
    const port = await freePort();
    const { server } = await startWrapped({
      transport: { port, host: undefined, publicUrl: 'https://mcp.example.com' },
    });
    expect(server.url).toBe(`http://0.0.0.0:${port}/mcp`);
    expect((await raw(`http://127.0.0.1:${port}/mcp`)).status).toBe(200);
    expect(
      (await raw(`http://127.0.0.1:${port}/mcp`, { headers: [['host', 'mcp.example.com']] })).status,
    ).toBe(200);
  });

  it('whose address is taken fails with a TransportError, and can be started once it is free', async () => {
    const port = await freePort();
    const holder = createServer().listen(port, '127.0.0.1');
    onTestFinished(() => void holder.close());
    await new Promise((resolve) => holder.once('listening', resolve));
    const server = wrapServer(wrapConfig({ transport: { port } }));
    onTestFinished(() => server.stop());
    await expect(server.start()).rejects.toBeInstanceOf(TransportError);
    expect(server.isServerRunning()).toBe(false);
    await new Promise((resolve) => holder.close(resolve));
    await server.start();
    expect((await raw(`${server.url}/health`)).status).toBe(200);
  });
});

describe('[mcp-auth/wrap.name-version] name and version', () => {
  const infoOf = async (url: string) => (await raw(url)).json;

  it('have the old defaults', async () => {
    const { url } = await startWrapped();
    expect(await infoOf(url)).toMatchObject({ name: 'mcp-auth-wrapped-server', version: '1.0.0' });
  });

  it('are what the info document tells', async () => {
    const { url } = await startWrapped({ name: '@acme/notes', version: '2.3.4' });
    expect(await infoOf(url)).toMatchObject({ name: '@acme/notes', version: '2.3.4' });
  });
});

describe('[mcp-auth/wrap.methods] start, stop, isServerRunning and getPoolStats', () => {
  it('tell the truth, and a second start is refused', async () => {
    const { server, url } = await startWrapped();
    expect(server.isServerRunning()).toBe(true);
    expect(server.getPoolStats()).toBeUndefined();
    await expect(server.start()).rejects.toBeInstanceOf(ConfigurationError);
    expect((await raw(url)).status).toBe(200);
    await server.stop();
    expect(server.isServerRunning()).toBe(false);
    expect(server.url).toBeUndefined();
    await expect(raw(url)).rejects.toThrow();
    await server.stop();
  });

  it('count pooled instances while the server runs', async () => {
    const pool = { maxSize: 5, idleTimeout: 60_000, maxLifetime: 60_000 };
    const { server, url } = await startWrapped({ instanceMode: 'pooled', instancePool: pool });
    expect(server.getPoolStats()).toMatchObject({ size: 0, created: 0 });
    await rpc(url, { era: '2025-11-25', method: 'tools/list', token: await signToken('alice') });
    expect(server.getPoolStats()).toMatchObject({ size: 1, idle: 1, leased: 0, created: 1 });
    await server.stop();
    expect(server.getPoolStats()).toBeUndefined();
  });

  it('take their turns: only one of two starts succeeds, and a stop ends a start under way', async () => {
    const server = wrapServer(wrapConfig());
    onTestFinished(() => server.stop());
    const results = await Promise.allSettled([server.start(), server.start()]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await server.stop();
    const starting = server.start();
    await server.stop();
    await starting;
    expect(server.isServerRunning()).toBe(false);
  });

  it('work again after a stop, with the same provider and the same port', async () => {
    const port = await freePort();
    const authProvider = new JWTAuthProvider({ jwtSecret: JWT_SECRET });
    const { server, url } = await startWrapped({ authProvider, transport: { port } });
    const token = await signToken('alice');
    for (let round = 0; round < 3; round++) {
      expect((await rpc(url, { era: '2026-07-28', method: 'tools/list', token })).status).toBe(200);
      await server.stop();
      await server.start();
    }
    expect((await rpc(url, { era: '2026-07-28', method: 'tools/list', token })).status).toBe(200);
  });

  it('let a call in flight finish', async () => {
    const { server, url, journal } = await startWrapped();
    const client = await connect('v2 auto', url, await signToken('alice'));
    const call = client.call('hold');
    await expect.poll(() => journal.ran).toEqual(['hold alice']);
    const stopped = server.stop();
    journal.release();
    expect((await call).text).toBe('released');
    await stopped;
  });
});
