import { spawn } from 'node:child_process';
import { connect as connectSocket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ERAS, type HeaderPairs, raw, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami' } } as const;

describe('[mcp-auth/defect.stop-leaks] after stop', { timeout: 60_000 }, () => {
  const program = fileURLToPath(new URL('./support/stopping-program.ts', import.meta.url));

  it.each(['http', 'stdio'])(
    'neither listener nor timer is left, and the process ends by itself (%s)',
    async (type) => {
      const child = spawn(process.execPath, ['--import', 'jiti/register', program, type], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill());
      let stdout = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      // Its standard input stays open: a server over stdio must let go of it.
      const code = await new Promise((resolve) => child.once('exit', resolve));
      expect({ code, ...(JSON.parse(stdout) as object) }).toEqual({
        code: 0,
        before: type === 'http' ? 1 : 0,
        after: [],
      });
    },
  );

  it('no interval is left either that would not have held the process', async () => {
    const running = new Set<unknown>();
    const { setInterval: start, clearInterval: end } = globalThis;
    vi.stubGlobal('setInterval', (...args: Parameters<typeof start>) => {
      const interval = start(...args);
      running.add(interval);
      return interval;
    });
    vi.stubGlobal('clearInterval', (interval: Parameters<typeof end>[0]) => {
      running.delete(interval);
      end(interval);
    });
    onTestFinished(() => void vi.unstubAllGlobals());
    const { server, url } = await startWrapped({ sessionMode: 'stateful' });
    await rpc(url, { ...WHOAMI, era: '2026-07-28', token: await signToken('alice') });
    expect(running.size).toBeGreaterThan(0);
    await server.stop();
    expect(running.size).toBe(0);
  });

  it('the port is free and open connections are closed', async () => {
    const { server, url } = await startWrapped();
    const { hostname, port } = new URL(url);
    const client = await connect('v1', url, await signToken('alice'));
    expect((await client.call('work')).text).toBe('done');
    await server.stop();
    const refused = new Promise((resolve) => connectSocket(Number(port), hostname).once('error', resolve));
    expect(await refused).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('[mcp-auth/defect.header-impersonation] a header that a client sets', () => {
  const FORGED: HeaderPairs = [
    'x-user-id',
    'x-user',
    'x-forwarded-user',
    'x-auth-user-id',
    'x-remote-user',
    'x-tenant-id',
    'x-access-token',
    'x-impersonate',
    'x-mcp-user-id',
  ].map((name) => [name, 'bob']);

  it.each(ERAS)('is no identity, beside a credential or without one (%s)', async (era) => {
    const { url, journal } = await startWrapped();
    const answer = await rpc(url, { ...WHOAMI, era, token: await signToken('alice'), headers: FORGED });
    expect(answer.text).toContain('alice');
    expect(JSON.stringify(journal.built)).not.toContain('bob');
    expect((await rpc(url, { ...WHOAMI, era, headers: FORGED })).status).toBe(401);
  });

  it('never reaches resolver or factory as a user', async () => {
    const asked: unknown[] = [];
    const tokenResolver = {
      resolveToken: async (userId: string) => {
        asked.push(userId);
        return 'token';
      },
    };
    const { url, journal } = await startWrapped({ tokenResolver, extraHeaders: ['x-user-id'] });
    await rpc(url, { ...WHOAMI, era: '2025-11-25', token: await signToken('alice'), headers: FORGED });
    expect(new Set(asked)).toEqual(new Set(['alice']));
    // Allowed by name, it is an extra, and the client's word only.
    expect(journal.built.at(-1)).toMatchObject({
      userId: 'alice',
      extras: { headers: { 'x-user-id': 'bob' }, principal: { subject: 'alice' } },
    });
    expect(Object.keys(journal.built.at(-1)?.extras.headers ?? {})).toEqual(['x-user-id']);
  });

  it.each(CLIENTS)('does not reach the tools of a %s client’s server either', async (version) => {
    const { url } = await startWrapped({
      serverFactory: () => {
        const server = new McpServer({ name: 'headers', version: '1.0.0' });
        server.registerTool('headers', { description: 'Shows them' }, ({ http }) => ({
          content: [
            { type: 'text', text: JSON.stringify([http?.authInfo, [...(http?.req?.headers ?? [])]]) },
          ],
        }));
        return server;
      },
    });
    const token = await signToken('alice');
    const client = await connect(version, url, token, Object.fromEntries(FORGED));
    const { text } = await client.call('headers');
    expect(text).not.toContain('bob');
    expect(text).not.toContain(token);
    expect(text).toContain('alice');
  });
});

describe('[mcp-auth/defect.no-host-check] a request', () => {
  const ALLOWED = [
    'localhost',
    '127.0.0.1',
    '[::1]',
    'mcp.example.com',
    'internal.example.com',
    'LOCALHOST:1234',
  ];
  const REFUSED = [
    'evil.example.com',
    'mcp.example.com.evil.example',
    'localhost.evil.example',
    '169.254.169.254',
    'mcp.example.com, evil',
    '',
  ];

  it.each(['127.0.0.1', '0.0.0.0'])('must name a host that is served, on a bind to %s too', async (host) => {
    const { server, journal } = await startWrapped({
      transport: { host, publicUrl: 'https://mcp.example.com', allowedHosts: ['internal.example.com'] },
    });
    const { port } = new URL(server.url ?? '');
    const url = `http://127.0.0.1:${port}/mcp`;
    const token = await signToken('alice');
    const statusFor = async (name: string) =>
      (await rpc(url, { era: '2025-11-25', method: 'tools/list', token, headers: [['host', name]] })).status;
    for (const name of ALLOWED)
      expect({ name, status: await statusFor(name) }).toEqual({ name, status: 200 });
    const served = journal.built.length;
    for (const name of REFUSED) {
      const status = await statusFor(name);
      expect([400, 403], name).toContain(status);
    }
    expect(journal.built.length).toBe(served);
  });

  it('of a page on another origin is refused on every bind, whatever host it names', async () => {
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      const { server, journal } = await startWrapped({ transport: { host } });
      const url = `http://127.0.0.1:${new URL(server.url ?? '').port}/mcp`;
      const token = await signToken('alice');
      for (const origin of ['https://evil.example.com', 'null', 'http://127.0.0.1:1']) {
        const answer = await rpc(url, {
          era: '2026-07-28',
          method: 'tools/list',
          token,
          headers: [['origin', origin]],
        });
        expect(answer.status).toBe(403);
        expect(answer.json).toMatchObject({ code: 'ORIGIN_NOT_ALLOWED' });
      }
      expect((await raw(`${url}/health`, { headers: [['origin', 'https://evil.example.com']] })).status).toBe(
        403,
      );
      expect(journal.built).toEqual([]);
    }
  });
});
