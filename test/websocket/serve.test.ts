import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createLocalIssuer } from '../../src/testing/local-issuer.ts';
import { connectV2 } from '../support/clients.ts';
import { freePort } from '../support/gate-harness.ts';
import { createWebSocketTransport, openRawSocket, socketUrl } from '../support/websocket-client.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const MODULE = fileURLToPath(new URL('../config/fixtures/held-server.mjs', import.meta.url));

test('[config/adapters-websocket] gatehouse serve takes sockets where listen.webSocket says so', async () => {
  const issuer = await createLocalIssuer();
  onTestFinished(() => issuer.close());
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-websocket-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const config = {
    version: 1,
    listen: { port, webSocket: true },
    servers: { held: { module: MODULE } },
    auth: [{ type: 'jwt', issuer: issuer.issuer, jwksUri: issuer.jwksUri }],
  };
  await writeFile(join(folder, 'gatehouse.config.json'), JSON.stringify(config));
  const child = spawn(
    process.execPath,
    ['--import', 'jiti/register', MAIN, 'serve', '--config', join(folder, 'gatehouse.config.json'), '--json'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  onTestFinished(() => void child.kill());
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const ready = new Promise((resolve) => child.stdout.once('data', resolve));
  const line = String(await Promise.race([ready, ended]));
  expect(line).toContain('"ready":true');
  const url = `http://127.0.0.1:${port}/mcp`;
  const token = await issuer.token({ subject: 'alice', audience: url });
  const client = await connectV2(createWebSocketTransport(socketUrl(url), { token }));
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('hold');
  const { closed } = await openRawSocket(socketUrl(url), { token });
  child.kill('SIGTERM');
  expect((await closed).code).toBe(1001);
  expect(await ended).toBe(0);
}, 60_000);
