import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-sink.ts';
import { environment } from '../../src/config/environment.ts';
import { startGate } from '../support/gate-harness.ts';
import { ERAS, type Era, type RawResponse, raw, rpc } from '../support/wire.ts';
import { SECRET } from './fixtures/options.ts';
import { subscribe } from './fixtures/subscription.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const MODULE = fileURLToPath(new URL('./fixtures/held-server.mjs', import.meta.url));
/** A busy machine takes its time. */
const PATIENT = { timeout: 30_000 };

async function inFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-shutdown-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A call that begins, and stays in flight until it is let go. */
async function holdCall(
  url: string,
  given: { readonly era: Era; readonly token: string; readonly folder: string },
) {
  const { era, token, folder } = given;
  const files = { begun: join(folder, 'begun'), release: join(folder, 'release') };
  let isAnswered = false;
  const answer: Promise<RawResponse> = rpc(url, {
    era,
    token,
    method: 'tools/call',
    params: { name: 'hold', arguments: files },
    id: 'held',
  }).finally(() => {
    isAnswered = true;
  });
  await expect.poll(() => existsSync(files.begun), PATIENT).toBe(true);
  return { answer, isAnswered: () => isAnswered, letGo: () => writeFile(files.release, '') };
}

function expectWhole({ status, json }: RawResponse): void {
  expect([status, json?.['id']]).toEqual([200, 'held']);
  expect(json?.['result']?.['content']).toEqual([{ type: 'text', text: 'let go' }]);
}

const isRefused = (origin: string): Promise<boolean> =>
  raw(`${origin}/mcp/health`).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );

/** Every line of an audit file, each of them whole. */
async function eventsIn(path: string): Promise<readonly AuditEvent[]> {
  const text = await readFile(path, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEvent);
}

const HELD_EVENT = { type: 'call', outcome: 'allow', method: 'tools/call', target: 'hold', subject: 'alice' };

describe('[config/shutdown] gatehouse serve', { timeout: 60_000 }, () => {
  const CONFIGS = {
    'gatehouse.yaml': `
version: 1
publicUrl: http://127.0.0.1:3000
servers: { held: { module: ${JSON.stringify(MODULE)} } }
auth: [{ type: jwt, secret: "\${env:GATE_SECRET}" }]
audit: [{ type: file, path: ./audit.jsonl }]
`,
    'gatehouse.json': JSON.stringify({
      version: 1,
      publicUrl: 'http://127.0.0.1:3000',
      servers: { held: { module: MODULE } },
      auth: [{ type: 'jwt', secret: '${env:GATE_SECRET}' }],
      audit: [{ type: 'file', path: './audit.jsonl', durability: 'before-answer' }],
    }),
  } as const;

  async function serve(folder: string, name: keyof typeof CONFIGS) {
    await writeFile(join(folder, name), CONFIGS[name]);
    const argv = ['serve', '--config', join(folder, name), '--port', '0', '--json'];
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), MAIN, ...argv], {
      cwd: tmpdir(),
      env: { PATH: environment()['PATH'], GATE_SECRET: SECRET },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void (child.exitCode === null && child.kill('SIGKILL')));
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const exited = once(child, 'exit');
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const { url } = JSON.parse(line) as { readonly url: string };
    return { child, url, origin: new URL(url).origin, exited, stderr: () => stderr };
  }

  function tokenOf(subject: string): Promise<string> {
    const jwt = new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(subject)
      .setExpirationTime('5m');
    return jwt.sign(new TextEncoder().encode(SECRET));
  }

  test.each([
    ['2025-11-25', 'gatehouse.yaml', 'SIGTERM'],
    ['2026-07-28', 'gatehouse.json', 'SIGTERM'],
    ['2026-07-28', 'gatehouse.yaml', 'SIGINT'],
  ] as const)(
    'answers what is in flight, ends streams and loses no event (%s, %s, %s)',
    async (era, name, signal) => {
      const folder = await inFolder();
      const server = await serve(folder, name);
      const token = await tokenOf('alice');
      const stream = await subscribe({ url: server.url, token });
      const call = await holdCall(server.url, { era, token, folder });

      server.child.kill(signal);
      expect((await stream.ended).clean).toBe(true);
      expect(stream.messages.at(-1)).toMatchObject({ id: 'listen', result: {} });
      await expect.poll(() => isRefused(server.origin), PATIENT).toBe(true);
      expect([call.isAnswered(), server.child.exitCode]).toEqual([false, null]);

      await call.letGo();
      expectWhole(await call.answer);
      expect(await server.exited).toEqual([0, null]);
      expect(server.stderr()).toBe('');
      const events = await eventsIn(join(folder, 'audit.jsonl'));
      expect(events.filter(({ target }) => target === 'hold')).toEqual([expect.objectContaining(HELD_EVENT)]);
    },
  );

  test('a second signal ends it at once', async () => {
    const folder = await inFolder();
    const server = await serve(folder, 'gatehouse.yaml');
    const call = await holdCall(server.url, { era: '2026-07-28', token: await tokenOf('alice'), folder });
    server.child.kill('SIGTERM');
    await expect.poll(() => isRefused(server.origin), PATIENT).toBe(true);
    const cut = call.answer.then(
      () => false,
      () => true,
    );
    server.child.kill('SIGTERM');
    expect(await server.exited).toEqual([1, null]);
    expect(await cut).toBe(true);
  });
});

describe('[config/shutdown] gate.close()', () => {
  test.each(ERAS)('refuses new work, waits for the work in hand, and flushes (%s)', async (era) => {
    const folder = await inFolder();
    const path = join(folder, 'audit.jsonl');
    const gate = await startGate({ servers: { held: { module: MODULE } }, audit: [{ type: 'file', path }] });
    const token = await gate.token();
    const stream = await subscribe({ url: gate.url, token });
    const call = await holdCall(gate.url, { era, token, folder });

    let isClosed = false;
    const closing = gate.gate.close().then(() => {
      isClosed = true;
    });
    expect((await stream.ended).clean).toBe(true);
    const refused = await gate.gate.fetch(new Request(gate.url));
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'SHUTTING_DOWN' }]);
    await expect.poll(() => isRefused(gate.origin), PATIENT).toBe(true);
    expect([call.isAnswered(), isClosed]).toEqual([false, false]);

    await call.letGo();
    expectWhole(await call.answer);
    await closing;
    expect(await eventsIn(path)).toContainEqual(expect.objectContaining(HELD_EVENT));
  });
});
