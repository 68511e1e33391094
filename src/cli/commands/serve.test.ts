import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../test/config/fixtures/cli.ts';
import { environment } from '../../config/environment.ts';
import type { GateConfig } from '../../config/options.ts';
import type { ServableGate } from '../command-context.ts';

const SECRET = 'hunter2 hunter2 hunter2 hunter2 hunter2';
const MODULE = fileURLToPath(new URL('../../../test/config/fixtures/notes-server.mjs', import.meta.url));
const STDIO_SERVER = fileURLToPath(new URL('../../../test/upstream/fixtures/stdio-v2.mjs', import.meta.url));
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
// TypeScript as it stands, without a build.
const RUNTIME = import.meta.resolve('jiti/register');
const NOTES = { name: 'notes', resource: 'http://127.0.0.1:3000/mcp' };

/** A busy machine takes its time to start a process. */
const PATIENT = { timeout: 30_000 };

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'gatehouse-cli-serve-'));
});

afterEach(async () => {
  await rm(cwd, { recursive: true, force: true });
});

async function writeConfig(more: object = {}): Promise<void> {
  const config = {
    version: 1,
    servers: { notes: { module: MODULE } },
    auth: [{ type: 'jwt', secret: SECRET }],
    ...more,
  };
  await writeFile(join(cwd, 'gatehouse.config.json'), JSON.stringify(config));
}

/** A gate that only notes what is done with it; `close` waits for `letGo`. */
function createFakeGate() {
  const log: string[] = [];
  let letGo = (): void => undefined;
  const idle = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const gate: ServableGate = {
    servers: [NOTES],
    listen: async () => {
      log.push('listen');
      return { url: 'http://127.0.0.1:3000/mcp' };
    },
    close: async () => {
      log.push('close');
      await idle;
      log.push('closed');
    },
  };
  return { gate, log, letGo: () => letGo() };
}

describe('[cli/serve]', () => {
  test('listens as the options say, says so on stderr, and ends in order at a signal', async () => {
    await writeConfig();
    const fake = createFakeGate();
    const configs: GateConfig[] = [];
    const signals = new EventEmitter();
    fake.letGo();
    const { exitCode, stdout, stderr } = await runCli(
      ['serve', '--host', 'localhost', '--port', '4000'],
      { cwd, signals, onWrite: () => signals.emit('SIGTERM') },
      {
        createGate: async (config) => {
          configs.push(config);
          return fake.gate;
        },
      },
    );
    expect(configs[0]?.listen).toEqual({ host: 'localhost', port: 4000 });
    expect(fake.log).toEqual(['listen', 'close', 'closed']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toBe(
      'gatehouse: listening on http://127.0.0.1:3000/mcp, serving notes as http://127.0.0.1:3000/mcp\n',
    );
    expect(signals.listenerCount('SIGTERM') + signals.listenerCount('SIGINT')).toBe(0);
  });

  test('[cli/json] writes one line of JSON with --json', async () => {
    await writeConfig();
    const fake = createFakeGate();
    const signals = new EventEmitter();
    fake.letGo();
    const { stdout, stderr } = await runCli(
      ['serve', '--json'],
      { cwd, signals, onWrite: () => signals.emit('SIGINT') },
      { createGate: async () => fake.gate },
    );
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([
      JSON.stringify({ ready: true, url: 'http://127.0.0.1:3000/mcp', servers: [NOTES] }),
      '',
    ]);
  });

  test('a second signal does not wait for the calls in flight', async () => {
    await writeConfig();
    const fake = createFakeGate();
    const signals = new EventEmitter();
    const exits: number[] = [];
    const ran = runCli(
      ['serve'],
      { cwd, signals, exit: (code) => exits.push(code), onWrite: () => signals.emit('SIGTERM') },
      { createGate: async () => fake.gate },
    );
    await expect.poll(() => fake.log, PATIENT).toEqual(['listen', 'close']);
    expect(exits).toEqual([]);
    signals.emit('SIGINT');
    expect(exits).toEqual([1]);
    fake.letGo();
    expect((await ran).exitCode).toBe(0);
  });

  test('a gate that cannot listen is closed, and the command fails without a stack', async () => {
    await writeConfig();
    const fake = createFakeGate();
    const signals = new EventEmitter();
    fake.letGo();
    const gate: ServableGate = { ...fake.gate, listen: () => Promise.reject(new Error('address in use')) };
    const ran = await runCli(['serve'], { cwd, signals }, { createGate: async () => gate });
    expect(ran).toEqual({ exitCode: 1, stdout: '', stderr: 'gatehouse: address in use\n' });
    expect(fake.log).toEqual(['close', 'closed']);
    expect(signals.listenerCount('SIGTERM')).toBe(0);
  });

  test('serves a command in place of the servers of the file, with the options the file has for it', async () => {
    await writeConfig({
      servers: { notes: { module: MODULE }, files: { url: 'https://x.example', timeoutMs: 5 } },
    });
    const fake = createFakeGate();
    const configs: GateConfig[] = [];
    const signals = new EventEmitter();
    fake.letGo();
    const setting = { cwd, signals, onWrite: () => signals.emit('SIGTERM') };
    const createGate = async (config: GateConfig) => {
      configs.push(config);
      return fake.gate;
    };
    for (const name of [[], ['--name', 'files']]) {
      const ran = await runCli(['serve', ...name, '--', 'npx', '-y', '@x/Notes', '--json'], setting, {
        createGate,
      });
      expect(ran).toMatchObject({ exitCode: 0, stdout: '' });
      expect(ran.stderr).not.toContain('TOKEN=');
    }
    const command = ['npx', '-y', '@x/Notes', '--json'];
    expect(configs.map(({ servers }) => servers)).toEqual([
      { notes: { command, cwd } },
      { files: { command, cwd, timeoutMs: 5 } },
    ]);
  });

  test('needs no servers in the file when it serves a command', async () => {
    await writeConfig({ servers: undefined });
    const fake = createFakeGate();
    const signals = new EventEmitter();
    fake.letGo();
    const setting = { cwd, signals, onWrite: () => signals.emit('SIGTERM') };
    const ran = await runCli(['serve', '--', 'notes'], setting, { createGate: async () => fake.gate });
    expect(ran.exitCode).toBe(0);
  });

  test('trusts no issuer of its own beside a file, and none beyond loopback', async () => {
    const alone = await runCli(['serve', '--host', '0.0.0.0', '--', 'notes'], { cwd });
    expect(alone).toMatchObject({ exitCode: 2, stdout: '' });
    expect(alone.stderr).toContain('on a loopback address only');
    await writeConfig({ servers: undefined, auth: undefined });
    const beside = await runCli(['serve', '--', 'notes'], { cwd });
    expect(beside.exitCode).toBe(2);
    expect(beside.stderr).toContain('auth: is required');
    const named = await runCli(['serve', '--config', 'other.json', '--', 'notes'], { cwd });
    expect(named.exitCode).toBe(2);
  });

  test('a name without a command is a mistake', async () => {
    await writeConfig();
    const { exitCode, stderr } = await runCli(['serve', '--name', 'notes'], { cwd });
    expect([exitCode, stderr]).toEqual([
      2,
      'gatehouse: --name goes with a command: gatehouse serve --name <name> -- <command>\n',
    ]);
  });

  test('an environment provider is refused: serving is HTTP', async () => {
    await writeConfig({ auth: [{ type: 'environment' }] });
    const { exitCode, stderr } = await runCli(['serve'], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^gatehouse: auth\[0\]: signs in whoever connects as one user/);
  });
});

describe('[cli/serve] as a process', () => {
  let child: ChildProcess | undefined;

  afterEach(() => {
    if (child?.exitCode === null) child.kill('SIGKILL');
  });

  function start(...argv: readonly string[]) {
    const env = { PATH: environment().PATH, S: SECRET };
    const started = spawn(process.execPath, ['--import', RUNTIME, MAIN, ...argv], {
      cwd,
      env,
      stdio: 'pipe',
    });
    child = started;
    let stderr = '';
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
    const ended = once(started, 'exit');
    return {
      process: started,
      stderr: () => stderr,
      nextLine: async () => (await lines.next()).value as string,
      ended: async () => (await ended)[0] as number | null,
    };
  }

  async function call(
    url: string,
    token: string,
    tool: { readonly name: string; readonly arguments: object },
  ) {
    return fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: tool }),
    });
  }

  test('serves with tokens of its own, finishes the call in flight at SIGTERM, and exits with 0', async () => {
    await writeConfig({ publicUrl: 'http://127.0.0.1:3000' });
    const token = (await runCli(['token', '--subject', 'alice'], { cwd })).stdout.trim();
    const server = start('serve', '--port', '0', '--json');
    const ready = JSON.parse(await server.nextLine()) as { ready: boolean; url: string };
    expect(ready).toMatchObject({ ready: true, servers: [NOTES] });

    const whoami = await call(ready.url, token, { name: 'whoami', arguments: {} });
    expect(whoami.status).toBe(200);
    expect(await whoami.text()).toContain('alice');
    expect((await call(ready.url, 'wrong', { name: 'whoami', arguments: {} })).status).toBe(401);

    // The tool says that it has begun by writing to standard error.
    const inFlight = call(ready.url, token, { name: 'wait', arguments: { ms: 1000 } });
    await expect.poll(server.stderr, PATIENT).toContain('waiting');
    server.process.kill('SIGTERM');
    expect(await (await inFlight).text()).toContain('waited');
    expect(await server.ended()).toBe(0);
  }, 60_000);

  test('[config/servers-command] serves a command without a file, with a token that it prints', async () => {
    const server = start(
      'serve',
      '--port',
      '0',
      '--json',
      '--name',
      'notes',
      '--',
      process.execPath,
      STDIO_SERVER,
    );
    const ready = JSON.parse(await server.nextLine()) as { url: string; token: string };
    expect(ready).toMatchObject({ ready: true, servers: [{ name: 'notes', resource: ready.url }] });
    const whoami = await call(ready.url, ready.token, { name: 'whoami', arguments: {} });
    expect([whoami.status, await whoami.text()]).toEqual([200, expect.stringContaining('v2')]);
    expect((await call(ready.url, 'wrong', { name: 'whoami', arguments: {} })).status).toBe(401);
    expect(server.stderr()).toContain('[notes] v2 has started');
    server.process.kill('SIGTERM');
    expect(await server.ended()).toBe(0);
  }, 60_000);

  test('prints how to connect, for a person', async () => {
    const server = start('serve', '--port', '0', '--', process.execPath, STDIO_SERVER);
    await expect.poll(server.stderr, PATIENT).toContain('Stop with Ctrl-C.');
    const [, token = ''] = /^ {2}TOKEN=(\S+)$/m.exec(server.stderr()) ?? [];
    const [, url = ''] = /listening on (\S+),/.exec(server.stderr()) ?? [];
    expect((await call(url, token, { name: 'whoami', arguments: {} })).status).toBe(200);
    expect(server.stderr()).toContain(`claude mcp add --transport http stdio-v2 ${url}`);
    server.process.kill('SIGTERM');
    expect(await server.ended()).toBe(0);
  }, 60_000);

  test('lists what is wrong with the configuration, one line each, and exits with 2', async () => {
    await writeConfig({ auth: [{ type: 'jwt', secret: 'short' }], store: {} });
    const server = start('serve');
    expect(await server.ended()).toBe(2);
    expect(server.stderr().trimEnd().split('\n')).toEqual([
      'gatehouse: auth[0].secret: must be at least 32 bytes long: for example, openssl rand -base64 48',
      expect.stringMatching(/^gatehouse: `store` is not supported in this version/),
    ]);
  }, 60_000);
});
