import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config/from-file.ts';
import { toPrintableConfig } from '../../src/config/printable.ts';
import { parseGateOptions } from '../../src/config/schema.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { freePort, startGate } from '../support/gate-harness.ts';
import { TOOLS } from '../support/notes.ts';
import { startNotes } from '../support/notes-gate.ts';
import { STATEFUL } from '../support/peers.ts';
import { raw } from '../support/wire.ts';
import { createIdentity, encrypt, type TestIdentity } from './certificates.ts';
import { createSecureFetch, SECURE_CLIENTS } from './secure-clients.ts';
import { callStep, createSteppingTool } from './stepping-tool.ts';

const tlsOf = ({ cert, key }: TestIdentity) => ({ cert, key });

/** Where a gate on TLS listens. */
async function place(identity: TestIdentity) {
  const port = await freePort();
  const origin = `https://127.0.0.1:${port}`;
  return { publicUrl: origin, listen: { port, tls: tlsOf(identity) } };
}

async function startSecure() {
  const identity = await createIdentity();
  const { publicUrl, listen } = await place(identity);
  const notes = await startNotes({ publicUrl, listen, mode: STATEFUL });
  return { ...notes, ca: identity.cert, url: `${publicUrl}/mcp`, port: listen.port };
}

/** Resolves with what a handshake has led to. */
function shakeHands(port: number, ca: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({ port, host: '127.0.0.1', ca, ...options }, () => resolve(socket));
    socket.on('error', reject);
    onTestFinished(() => void socket.destroy());
  });
}

function closed(socket: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

describe('[config/tls] a listener with a certificate', () => {
  test.each(SECURE_CLIENTS)('serves a $client', async ({ connect }) => {
    const { url, ca, token, resource } = await startSecure();
    expect(resource).toBe(url);
    const client = await connect({ url, ca, token: await token() });
    expect((await client.listTools()).tools.length).toBe(TOOLS.length);
    const text = 'x'.repeat(1_000_000);
    const { content } = await client.callTool({ name: 'echo', arguments: { text } });
    expect(content).toEqual([{ type: 'text', text }]);
  });

  test('is what the URL of the gate says, and its default publicUrl', async () => {
    const { key, cert } = await createIdentity();
    const resolved = parseGateOptions(
      { ...REST, listen: { port: 8443, tls: { key, cert } } },
      { allowInstances: true },
    );
    expect(resolved.publicUrl).toBe('https://127.0.0.1:8443');
    expect(resolved.servers[0]?.resource).toBe('https://127.0.0.1:8443/mcp');
    expect(JSON.stringify(resolved)).not.toContain('PRIVATE KEY');
  });

  test('challenges and publishes its metadata', async () => {
    const { url, ca } = await startSecure();
    const fetch = createSecureFetch(ca);
    const challenge = (await fetch(url, { method: 'POST' })).headers.get('www-authenticate') ?? '';
    const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    expect(await (await fetch(metadata)).json()).toMatchObject({ resource: url });
  });

  test.each([
    ['TLSv1.2', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.3'],
  ] as const)('speaks %s', async (minVersion, maxVersion) => {
    const { port, ca } = await startSecure();
    const socket = await shakeHands(port, ca, { minVersion, maxVersion });
    expect([socket.getProtocol(), socket.authorized]).toEqual([minVersion, true]);
  });

  test.each(['TLSv1', 'TLSv1.1'] as const)('does not speak %s', async (version) => {
    const { port, ca } = await startSecure();
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(shakeHands(port, ca, old)).rejects.toThrow();
  });

  test('speaks HTTP/1.1 only', async () => {
    const { port, ca } = await startSecure();
    const socket = await shakeHands(port, ca, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(socket.alpnProtocol).toBe('http/1.1');
    await expect(shakeHands(port, ca, { ALPNProtocols: ['h2'] })).rejects.toThrow();
  });

  test('answers nothing in the clear, and goes on', async () => {
    const { port, ca, url } = await startSecure();
    await expect(raw(`http://127.0.0.1:${port}/mcp/health`)).rejects.toThrow();
    const socket = connectTcp(port, '127.0.0.1', () => socket.end('\u0016\u0003\u0001 no handshake'));
    await closed(socket.resume().on('error', () => undefined));
    expect((await createSecureFetch(ca)(`${url}/health`)).status).toBe(200);
  });

  test('closes with a head that never ends', { timeout: 30_000 }, async () => {
    const { port, ca } = await startSecure();
    const socket = await shakeHands(port, ca);
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.write('POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    await closed(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('[config/tls] closing a listener with a certificate', () => {
  test('lets a call finish', async () => {
    const identity = await createIdentity();
    const { publicUrl, listen } = await place(identity);
    const tool = createSteppingTool();
    const servers = { stepping: { factory: tool.factory } };
    const { gate, token } = await startGate({ publicUrl, listen, servers });
    const [{ connect }] = SECURE_CLIENTS;
    const client = await connect({ url: `${publicUrl}/mcp`, ca: identity.cert, token: await token() });
    let isStarted = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      isStarted = resolve;
    });
    const running = callStep(client, isStarted);
    await started;
    const closing = gate.close();
    await expect
      .poll(() =>
        shakeHands(listen.port, identity.cert).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    tool.finish();
    expect(await running).toMatchObject({ content: [{ text: 'stepped' }] });
    await closing;
  });

  // A handshake has more time than this.
  test('waits for nobody who asks nothing', { timeout: 8000 }, async () => {
    const { gate, port, ca } = await startSecure();
    const idle = await shakeHands(port, ca);
    const silent = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    const failed = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    await Promise.all([silent, failed].map((socket) => new Promise((done) => socket.once('connect', done))));
    failed.write('no handshake');
    const ended = Promise.all([closed(idle), closed(silent.resume()), closed(failed.resume())]);
    await gate.close();
    await expect(ended).resolves.toHaveLength(3);
  });
});

const REST = {
  servers: { notes: { factory: () => ({}) } },
  auth: [{ type: 'jwt', secret: 'a shared secret of more than 32 bytes' }],
};

function problemsOf(tls: unknown, more: object = {}): readonly string[] {
  try {
    parseGateOptions({ ...REST, listen: { tls }, ...more }, { allowInstances: true });
    return [];
  } catch (error) {
    return error instanceof ConfigurationError ? error.problems : [String(error)];
  }
}

describe('[config/tls] problems', () => {
  test('are told all at once', () => {
    expect(problemsOf({ clientCa: 'x' })).toEqual([
      'listen.tls.cert: is required',
      'listen.tls.key: is required',
      'listen.tls: `clientCa` is not supported in this version (supported: cert, key)',
    ]);
    expect(problemsOf({ cert: './server.crt', key: './server.key' })).toEqual([
      'listen.tls.cert: must be a PEM certificate, not the path of its file (in a configuration file, write `${file:PATH}`)',
      'listen.tls.key: must be a PEM private key, not the path of its file (in a configuration file, write `${file:PATH}`)',
    ]);
  });

  test('of a certificate and a key', async () => {
    const [one, other] = [await createIdentity(), await createIdentity()];
    const { cert, key } = one;
    expect(problemsOf({ cert, key })).toEqual([]);
    expect(problemsOf({ cert: `${cert}${other.cert}`, key })).toEqual([]);
    expect(problemsOf({ cert, key: other.key })).toEqual([
      'listen.tls.key: is not the key of the first certificate in `cert`',
    ]);
    expect(problemsOf({ cert: `${cert}${key}`, key: await encrypt(one) })).toEqual([
      'listen.tls.cert: holds a private key, which belongs in `key`',
      'listen.tls.key: is encrypted: decrypt it, for example with openssl pkey',
    ]);
    const broken = cert.replace(/^MII/m, 'AAA');
    expect(problemsOf({ cert: `${cert}${broken}`, key: key.replace(/^MI/m, 'AA') })).toEqual([
      'listen.tls.cert: holds a certificate that cannot be read (number 2)',
      'listen.tls.key: holds a private key that cannot be read',
    ]);
  });

  test('of a key that TLS refuses', async () => {
    const { cert, key } = await createIdentity(['-newkey', 'rsa:512']);
    expect(problemsOf({ cert, key })).toEqual([
      expect.stringMatching(/^listen\.tls\.key: and `cert` cannot/),
    ]);
  });

  test('of a publicUrl in the clear', async () => {
    const { cert, key } = await createIdentity();
    expect(problemsOf({ cert, key }, { publicUrl: 'http://127.0.0.1:3000' })).toEqual([
      'publicUrl: must be an https: URL when `listen.tls` is given',
    ]);
  });

  test('in a configuration file, where both come from files', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tls-config-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const { cert, key } = await createIdentity();
    const path = join(directory, 'gatehouse.config.json');
    const config = {
      version: 1,
      listen: { tls: { cert: '${file:server.crt}', key: '${file:server.key}' } },
      servers: { notes: { module: './server.mjs' } },
      auth: REST.auth,
    };
    await writeFile(path, JSON.stringify(config));
    await expect(loadConfig(path)).rejects.toMatchObject({
      problems: [
        'listen.tls.cert: the file "server.crt" does not exist',
        'listen.tls.key: the file "server.key" does not exist',
      ],
    });
    await writeFile(join(directory, 'server.crt'), cert);
    await writeFile(join(directory, 'server.key'), key);
    const loaded = await loadConfig(path);
    expect(toPrintableConfig(loaded)).toMatchObject({
      publicUrl: 'https://127.0.0.1:3000',
      listen: { tls: { cert: '${file:server.crt}', key: '[redacted]' } },
    });
  });
});
