import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fixture, isAlive, misbehaving, PATIENT, pidFile } from '../../../test/upstream/processes.ts';
import type { JsonRpcMessage, TransportLike } from '../server-product.ts';
import { type CommandServerOptions, createCommandServer } from './command-server.ts';

const IMPATIENT = { inputEndMs: 50, sigtermMs: 50, sigkillMs: 5000 };

async function start(line: readonly string[], more: Partial<CommandServerOptions> = {}) {
  const [command = '', ...args] = line;
  const heard: JsonRpcMessage[] = [];
  const log: string[] = [];
  const errors: unknown[] = [];
  const transport: TransportLike = {
    start: async () => undefined,
    send: async (message) => void heard.push(message),
    close: async () => undefined,
  };
  const server = createCommandServer({
    command,
    args,
    env: { PATH: process.env['PATH'] ?? '' },
    onLog: (text) => log.push(text),
    onError: (error) => errors.push(error),
    patience: IMPATIENT,
    ...more,
  });
  onTestFinished(() => server.close());
  await server.connect(transport);
  return { server, heard, log, errors, send: (message: JsonRpcMessage) => transport.onmessage?.(message) };
}

const request = (id: number, text = ''): JsonRpcMessage => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'pid', text },
});

describe('a server that is a command', () => {
  test('is refused more than it reads, and what it holds is bounded', async () => {
    const { heard, send } = await start(misbehaving('never-reads'), { maxUnreadBytes: 100_000 });
    for (let id = 1; id <= 10; id += 1) send(request(id, 'x'.repeat(60_000)));
    await expect.poll(() => heard.length, PATIENT).toBeGreaterThan(3);
    expect(heard[0]).toMatchObject({ error: { data: { code: 'SERVER_UNAVAILABLE' } } });
    expect(heard.length).toBeLessThan(10);
  });

  test('is not read on while what it says is on its way', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let count = 0;
    const server = createCommandServer({
      command: process.execPath,
      args: [fixture('misbehaving.mjs'), 'plain'],
      env: {},
      onLog: () => undefined,
      onError: () => undefined,
    });
    onTestFinished(() => server.close());
    const transport: TransportLike = {
      start: async () => undefined,
      send: async () => {
        count += 1;
        await gate;
      },
      close: async () => undefined,
    };
    await server.connect(transport);
    const call = { name: 'flood', _meta: { progressToken: 1 } };
    transport.onmessage?.({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call });
    await expect.poll(() => count, PATIENT).toBeGreaterThan(0);
    const afterPause = count;
    await new Promise((resolve) => setTimeout(resolve, 300));
    // What was read in the same piece is passed on, and no further piece is read.
    expect(count).toBeLessThan(afterPause + 400);
    open();
    await expect.poll(() => count, PATIENT).toBe(5001);
  });

  test('that ends answers what is open, once, and says why', async () => {
    const { heard, send, errors, server } = await start(misbehaving('plain'));
    send({ jsonrpc: '2.0', id: 7, method: 'initialize', params: {} });
    await expect.poll(() => heard.length, PATIENT).toBe(1);
    send({ jsonrpc: '2.0', id: 8, method: 'tools/call', params: { name: 'hang' } });
    send({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'crash' } });
    await expect.poll(() => heard.length, PATIENT).toBe(3);
    expect(heard.slice(1).map((message) => 'id' in message && message.id)).toEqual([8, 9]);
    expect(errors.map(String)).toEqual(['ServerUnavailableError: The server ended unexpectedly']);
    expect(server.failure?.detail).toBe('exit code 7, signal none');
    send(request(10));
    await expect.poll(() => heard.length, PATIENT).toBe(4);
  });

  test('passes its log on, line by line', async () => {
    const { log } = await start(misbehaving('dies-at-start'));
    await expect.poll(() => log, PATIENT).toEqual(['no configuration, no server']);
  });

  test('cannot be connected twice, or to a command that does not exist', async () => {
    const { server } = await start(misbehaving('plain'));
    const transport: TransportLike = {
      start: async () => undefined,
      send: async () => undefined,
      close: async () => undefined,
    };
    await expect(server.connect(transport)).rejects.toThrow('in use already');
    await expect(start(['/no/such/program'])).rejects.toThrow('The server could not be started');
    await expect(start(misbehaving('plain'), { cwd: '/no/such/place' })).rejects.toThrow(
      'could not be started',
    );
  });

  test.each([
    ['exits', 'process.exit(0)'],
    ['throws', 'setImmediate(() => { throw new Error("x"); })'],
    ['is told to end', 'process.kill(process.pid, "SIGTERM")'],
    ['is interrupted', 'process.kill(process.pid, "SIGINT")'],
  ])('ends with the process that started it, which %s', async (_name, end) => {
    const { path, pids } = await pidFile();
    const script = `
      import { createJiti } from 'jiti';
      const jiti = createJiti(${JSON.stringify(import.meta.url)}, { fsCache: false });
      const { createCommandServer } = await jiti.import('./command-server.ts');
      const [command, ...args] = ${JSON.stringify(misbehaving('ignores-sigterm', path))};
      const server = createCommandServer({ command, args, env: {}, onLog() {}, onError() {} });
      const heard = new Promise((resolve) => {
        server.connect({ start: async () => {}, close: async () => {}, send: async () => resolve(), set onmessage(deliver) {
          setTimeout(() => deliver({ jsonrpc: '2.0', id: 1, method: 'initialize' }), 10);
        } });
      });
      await heard;
      ${end};
      await new Promise((resolve) => setTimeout(resolve, 5000));
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: new URL('../../..', import.meta.url),
      stdio: 'ignore',
    });
    await once(child, 'exit');
    const [pid = 0] = await pids();
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => isAlive(pid), PATIENT).toBe(false);
  });
});
