import { EventEmitter } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { createGate } from '../../src/gate.ts';
import { freePort } from '../support/gate-harness.ts';
import { startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import { type HeaderPairs, headersOf, raw, rpc } from '../support/wire.ts';
import { runCli } from './fixtures/cli.ts';
import { SECRET } from './fixtures/options.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };
const PUBLIC = 'https://mcp.example.com';
const MODULE = fileURLToPath(new URL('./fixtures/notes-server.mjs', import.meta.url));

const isReachable = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });

/** Addresses of this machine besides 127.0.0.1. */
function otherAddresses(): readonly string[] {
  const own = Object.values(networkInterfaces()).flatMap((entries = []) => entries);
  const addresses = own.filter(({ family }) => family === 'IPv4').map(({ address }) => address);
  // On Linux all of 127.0.0.0/8 is this machine.
  const loopback = process.platform === 'linux' ? ['127.0.0.2'] : [];
  return [...new Set([...addresses, ...loopback])].filter((address) => address !== '127.0.0.1');
}

async function callFrom(url: string, token: string, headers: HeaderPairs = []) {
  const { status, json, headers: got } = await rpc(url, { era: '2026-07-28', token, ...WHOAMI, headers });
  return { status, code: json?.['code'], allowed: got['access-control-allow-origin'] };
}

describe('[config/listen]', () => {
  test('host and port are what is bound', async () => {
    const port = await freePort();
    const bind = (host: string) =>
      createGate({
        publicUrl: PUBLIC,
        listen: { host, port },
        servers: { notes: { factory: notesFactory() } },
        auth: [{ type: 'jwt', secret: SECRET }],
      });
    // RFC 5737: an address that is no machine's.
    const nowhere = await bind('192.0.2.1');
    onTestFinished(() => nowhere.close());
    await expect(nowhere.listen()).rejects.toThrow(`Cannot listen on 192.0.2.1:${port}`);
    await expect(nowhere.listen()).rejects.toBeInstanceOf(TransportError);

    const gate = await bind('127.0.0.1');
    onTestFinished(() => gate.close());
    expect(await gate.listen()).toMatchObject({ host: '127.0.0.1', port });
    expect(await isReachable('127.0.0.1', port)).toBe(true);
    for (const address of otherAddresses())
      expect([address, await isReachable(address, port)]).toEqual([address, false]);
  });

  test.each(['/', '/api/tools'])(
    'path is where the server is found, and part of its resource: %s',
    async (path) => {
      const notes = await startNotes({ listen: { path } });
      const resource = `${notes.origin}${path}`;
      expect(notes.resource).toBe(resource);
      expect(await callFrom(`${notes.origin}${path}`, await notes.token())).toMatchObject({ status: 200 });
      const base = path === '/' ? '' : path;
      expect((await raw(`${notes.origin}${base}/health`)).status).toBe(200);
      expect((await raw(`${notes.origin}/.well-known/oauth-protected-resource${base}`)).json).toMatchObject({
        resource,
      });
      expect((await raw(`${notes.origin}/mcp`)).status).toBe(404);
    },
  );

  test('allowedHosts and allowedOrigins let in what else would be refused', async () => {
    const closed = await startNotes();
    const open = await startNotes({
      listen: { allowedHosts: ['Proxy.Internal'], allowedOrigins: ['https://app.example'] },
    });
    const host = [['host', 'proxy.internal:8080']] as const;
    const origin = [['origin', 'https://app.example']] as const;
    const at = async (notes: typeof closed, headers: HeaderPairs) =>
      callFrom(notes.url, await notes.token(), headers);
    expect(await at(closed, host)).toMatchObject({ status: 403, code: 'HOST_NOT_ALLOWED' });
    expect(await at(closed, origin)).toMatchObject({ status: 403, code: 'ORIGIN_NOT_ALLOWED' });
    expect(await at(open, host)).toMatchObject({ status: 200 });
    expect(await at(open, origin)).toMatchObject({ status: 200, allowed: 'https://app.example' });
    expect(await at(open, [['host', 'other.internal']])).toMatchObject({ status: 403 });
    expect(await at(open, [['origin', 'https://other.example']])).toMatchObject({ status: 403 });
  });

  test.each([
    ['from nobody', [], '127.0.0.1'],
    ['from another proxy', ['192.0.2.0/24'], '127.0.0.1'],
    ['from the proxy in front', ['127.0.0.1'], '203.0.113.9'],
    ['from a chain of proxies', ['127.0.0.0/8', '203.0.113.0/24'], '198.51.100.7'],
  ])(
    'trustedProxies decides whose word on the address counts: %s',
    async (_name, trustedProxies, expected) => {
      const notes = await startNotes({ listen: { trustedProxies } });
      const headers = [['x-forwarded-for', '198.51.100.7, 203.0.113.9']] as const;
      expect(await callFrom(notes.url, await notes.token(), headers)).toMatchObject({ status: 200 });
      await expect.poll(() => notes.events.at(-1)?.remoteAddress).toBe(expected);
    },
  );
});

describe('[config/host-check]', () => {
  const FOREIGN = ['evil.example', 'evil.example:80', 'localhost.evil.example', '192.0.2.1', '[2001:db8::1]'];
  const PATHS = ['/mcp', '/mcp/health', '/.well-known/oauth-protected-resource/mcp', '/elsewhere'];

  test.each(['127.0.0.1', 'localhost', '0.0.0.0'])('is made on every bind: %s', async (host) => {
    const notes = await startNotes({ publicUrl: PUBLIC, listen: { host } });
    const token = await notes.token();
    for (const name of FOREIGN) {
      const answer = await callFrom(notes.url, token, [['host', name]]);
      expect([name, answer.status, answer.code]).toEqual([name, 403, 'HOST_NOT_ALLOWED']);
      for (const path of PATHS) {
        const { status } = await raw(`${notes.origin}${path}`, { headers: [['host', name]] });
        expect([name, path, status]).toEqual([name, path, 403]);
      }
    }
    expect(notes.runs.built).toEqual([]);
    for (const name of ['mcp.example.com', 'localhost', '127.0.0.1:3000']) {
      expect([name, (await callFrom(notes.url, token, [['host', name]])).status]).toEqual([name, 200]);
    }
  });

  test('is made for a gate that is mounted elsewhere, too', async () => {
    const { gate, token } = await startNotes();
    const headers = headersOf({ era: '2026-07-28', token: await token(), ...WHOAMI });
    const answer = await gate.fetch(
      new Request('http://evil.example/mcp', { method: 'POST', headers, body: '{}' }),
    );
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'HOST_NOT_ALLOWED' }]);
  });

  /** Serves until `look` is done with it. */
  async function serveWhile(argv: readonly string[], look: (port: number) => Promise<void>): Promise<void> {
    const cwd = await mkdtemp(join(tmpdir(), 'gatehouse-host-check-'));
    onTestFinished(() => rm(cwd, { recursive: true, force: true }));
    const config = {
      version: 1,
      publicUrl: PUBLIC,
      servers: { notes: { module: MODULE } },
      auth: [{ type: 'jwt', secret: SECRET }],
    };
    await writeFile(join(cwd, 'gatehouse.config.json'), JSON.stringify(config));
    const port = await freePort();
    const signals = new EventEmitter();
    const ready = new Promise<void>((resolve) => {
      const ran = runCli(['serve', '--port', String(port), ...argv], { cwd, signals, onWrite: resolve });
      onTestFinished(async () => expect(await ran).toMatchObject({ exitCode: 0, stdout: '' }));
    });
    await ready;
    try {
      await look(port);
    } finally {
      signals.emit('SIGTERM');
    }
  }

  test('serve binds 127.0.0.1 unless it is told otherwise', async () => {
    await serveWhile([], async (port) => {
      expect(await isReachable('127.0.0.1', port)).toBe(true);
      for (const address of otherAddresses()) {
        expect([address, await isReachable(address, port)]).toEqual([address, false]);
      }
    });
    await serveWhile(['--host', '0.0.0.0'], async (port) => {
      for (const address of ['127.0.0.1', ...otherAddresses()]) {
        expect([address, await isReachable(address, port)]).toEqual([address, true]);
        const foreign = await raw(`http://${address}:${port}/mcp`, { headers: [['host', 'evil.example']] });
        expect([address, foreign.status]).toEqual([address, 403]);
      }
    });
  });
});
