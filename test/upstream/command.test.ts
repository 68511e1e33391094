import { describe, expect, onTestFinished, test } from 'vitest';
import type { GateOptions } from '../../src/config/options.ts';
import { CLIENTS, connectV2 } from '../support/clients.ts';
import { type Harness, startGate } from '../support/gate-harness.ts';
import { fixture, isAlive, misbehaving, PATIENT, pidFile } from './processes.ts';

type Options = Partial<Omit<GateOptions, 'auth'>> & { readonly server?: object };

async function start(command: readonly string[], { server, ...more }: Options = {}): Promise<Harness> {
  return startGate({ ...more, servers: { notes: { command, ...server } } });
}

async function connect({ url, token }: Harness, subject = 'alice') {
  return connectV2(url, await token({ subject }));
}

type Connected = Awaited<ReturnType<typeof connectV2>>;

async function call(client: Connected, name: string): Promise<string> {
  const { content } = (await client.callTool({ name, arguments: {} })) as { content: { text: string }[] };
  return content[0]?.text ?? '';
}

/** One request over plain HTTP, for what clients make of it is their own. */
async function post({ url, token }: Harness, method: string, params: object = {}, subject = 'alice') {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await token({ subject })}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe.each(['v1', 'v2'])('[config/servers-command] a command of SDK %s', (sdk) => {
  const command = [process.execPath, fixture(`stdio-${sdk}.mjs`)];

  test.each(CLIENTS)('answers $client', async ({ connect: connectAs }) => {
    const { url, token } = await start(command);
    const client = await connectAs(url, await token());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('whoami');
    expect(JSON.stringify(await client.callTool({ name: 'whoami', arguments: {} }))).toContain(sdk);
  });

  test('tells of progress before the result', async () => {
    const client = await connect(await start(command));
    const heard: number[] = [];
    await client.callTool(
      { name: 'progress', arguments: {} },
      { onprogress: ({ progress }) => void heard.push(progress) },
    );
    expect(heard).toEqual([1, 2, 3]);
  });
});

describe('[config/servers-command] the environment of a command', () => {
  const command = [process.execPath, fixture('stdio-v2.mjs')];

  test('is a few safe names and what is configured, and nothing else of this process', async () => {
    process.env['GATEHOUSE_TEST_SECRET'] = 'hunter2';
    onTestFinished(() => void delete process.env['GATEHOUSE_TEST_SECRET']);
    const client = await connect(await start(command, { server: { env: { MODE: 'plain' } } }));
    const env = JSON.parse(await call(client, 'env')) as Record<string, string>;
    expect(env).toMatchObject({ MODE: 'plain', PATH: process.env['PATH'] });
    const known = [
      'PATH',
      'HOME',
      'USER',
      'LOGNAME',
      'SHELL',
      'TERM',
      'TMPDIR',
      'TZ',
      'LANG',
      'LANGUAGE',
      'MODE',
    ];
    expect(Object.keys(env).filter((name) => !known.includes(name) && !name.startsWith('LC_'))).toEqual([]);
  });

  test('holds the token of the user who calls, never that of the request', async () => {
    const harness = await start(command, {
      server: { env: { TOKEN: '${credential}', HEADER: 'Bearer ${credential}' } },
      tenancy: { credentials: { notes: { resolveToken: async (userId) => `upstream-of-${userId}` } } },
    });
    const [alice, bob] = [await connect(harness), await connect(harness, 'bob')];
    const envOf = async (client: Connected) =>
      JSON.parse(await call(client, 'env')) as Record<string, string>;
    expect(await envOf(alice)).toMatchObject({
      TOKEN: 'upstream-of-alice',
      HEADER: 'Bearer upstream-of-alice',
    });
    expect(await envOf(bob)).toMatchObject({ TOKEN: 'upstream-of-bob', HEADER: 'Bearer upstream-of-bob' });
    expect(JSON.stringify(await envOf(bob))).not.toContain(await harness.token());
    const pids = await Promise.all([alice, bob].map(async (client) => call(client, 'whoami')));
    expect(new Set(pids).size).toBe(2);
  });

  test('lacks the variable of a user without a token, who may see the list', async () => {
    const harness = await start(command, {
      server: { env: { TOKEN: '${credential}' } },
      tenancy: { credentials: { notes: { resolveToken: async () => null } } },
    });
    expect((await (await connect(harness)).listTools()).tools.length).toBeGreaterThan(0);
    const refused = await post(harness, 'tools/call', { name: 'env', arguments: {} });
    expect(refused.text).toContain('TOKEN_RESOLUTION_FAILED');
  });

  test('cannot be broken out of by a token', async () => {
    const harness = await start(command, {
      server: { env: { TOKEN: '${credential}' } },
      tenancy: { credentials: { notes: { resolveToken: async () => 'hunter2\0PATH=x' } } },
    });
    const { status, text } = await post(harness, 'tools/list');
    expect([status, JSON.parse(text)]).toEqual([
      403,
      { error: 'The credential of this account cannot be used', code: 'TOKEN_RESOLUTION_FAILED' },
    ]);
  });

  test('runs without a shell, where it is told to', async () => {
    const odd = ['$(id)', '; exit 1', '"', "it's"];
    const client = await connect(await start([...command, ...odd], { server: { cwd: '/' } }));
    expect(JSON.parse(await call(client, 'argv'))).toEqual({ argv: odd, cwd: '/' });
  });
});

describe('[config/servers-command] processes', () => {
  const command = [process.execPath, fixture('stdio-v2.mjs')];

  test('are kept for their user, one for all calls, and ended with the gate', async () => {
    const harness = await start(command);
    const client = await connect(harness);
    const first = JSON.parse(await call(client, 'whoami')) as { pid: number };
    expect(JSON.parse(await call(client, 'whoami'))).toEqual(first);
    expect(isAlive(first.pid)).toBe(true);
    await client.close();
    await harness.gate.close();
    expect(isAlive(first.pid)).toBe(false);
  });

  test('end when they have been idle, and when they are old', async () => {
    const client = await connect(await start(command, { server: { instances: { idleMs: 50 } } }));
    const { pid } = JSON.parse(await call(client, 'whoami')) as { pid: number };
    await expect.poll(() => isAlive(pid), PATIENT).toBe(false);
  });

  test('end when their user is revoked', async () => {
    const harness = await start(command);
    const client = await connect(harness);
    const { pid } = JSON.parse(await call(client, 'whoami')) as { pid: number };
    harness.gate.revoke({ principalKey: JSON.stringify([harness.issuer.issuer, null, 'alice']) });
    await expect.poll(() => isAlive(pid), PATIENT).toBe(false);
  });

  test('are new for each request when that is asked for', async () => {
    const harness = await start(command, { server: { instances: { mode: 'fresh' } } });
    const client = await connect(harness);
    const pids = new Set<number>();
    for (let count = 0; count < 2; count += 1) {
      pids.add((JSON.parse(await call(client, 'whoami')) as { pid: number }).pid);
    }
    expect(pids.size).toBe(2);
    for (const pid of pids) await expect.poll(() => isAlive(pid), PATIENT).toBe(false);
  });

  test('take what they have started with them', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('grandchild', path));
    await call(await connect(harness), 'pid');
    expect((await pids()).map(isAlive)).toEqual([true, true]);
    await harness.gate.close();
    await expect.poll(async () => (await pids()).map(isAlive), PATIENT).toEqual([false, false]);
  });

  test('end also when they ignore the end of their input and SIGTERM', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('ignores-sigterm', path));
    await call(await connect(harness), 'pid');
    await harness.gate.close();
    await expect.poll(async () => (await pids()).map(isAlive), PATIENT).toEqual([false]);
  });

  test('of one principal are bounded, those of protocol sessions among them', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('plain', path), {
      server: { sessions: { mode: 'stateful' }, instances: { max: 20, maxPerPrincipal: 3 } },
    });
    const initialize = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    };
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await post(harness, 'initialize', initialize)).status),
    );
    expect(statuses).toContain(200);
    expect((await pids()).filter(isAlive).length).toBeLessThanOrEqual(3);
    const others = await Promise.all(
      ['bob', 'carol'].map(async (subject) => (await post(harness, 'tools/list', {}, subject)).status),
    );
    // Sessions are for those who have one.
    expect(others).toEqual([400, 400]);
    expect((await post(harness, 'initialize', initialize, 'bob')).status).toBe(200);
  });

  test('of one principal are shared by calls that come together', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('plain', path), {
      server: { instances: { maxPerPrincipal: 2 } },
    });
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(harness, 'tools/list')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect((await pids()).length).toBeLessThanOrEqual(2);
  });

  test('on their way out count too', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('ignores-sigterm', path), { server: { instances: { max: 1 } } });
    for (const subject of ['alice', 'bob']) {
      expect((await post(harness, 'tools/list', {}, subject)).status).toBe(200);
      expect((await pids()).filter(isAlive).length).toBe(1);
    }
  });

  test('of all are bounded: the longest idle one gives way, and only when it is gone', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('plain', path), { server: { instances: { max: 2 } } });
    for (const subject of ['alice', 'bob', 'carol', 'dave']) {
      expect((await post(harness, 'tools/list', {}, subject)).status).toBe(200);
      expect((await pids()).filter(isAlive).length).toBeLessThanOrEqual(2);
    }
  });
});

describe('[config/servers-command] a command that misbehaves', () => {
  test('and dies at start is not started in a loop; callers are told when to come back', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('dies-at-start', path));
    for (let count = 0; count < 5; count += 1) {
      const { status, headers, text } = await post(harness, 'tools/list');
      expect([status, JSON.parse(text).code]).toEqual([503, 'SERVER_UNAVAILABLE']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await pids()).length).toBeLessThan(3);
  });

  test('for one user keeps nobody else from theirs', async () => {
    const harness = await start(misbehaving('dies-without-token'), {
      server: { env: { TOKEN: '${credential}' } },
      tenancy: { credentials: { notes: { resolveToken: async (id) => (id === 'alice' ? 'bad' : 'good') } } },
    });
    expect((await post(harness, 'tools/list')).status).toBe(503);
    expect((await post(harness, 'tools/list', {}, 'bob')).status).toBe(200);
  });

  test('and does not exist says so, without its command line', async () => {
    const errors: unknown[] = [];
    const harness = await start(['/no/such/hunter2'], { onError: (error) => errors.push(error) });
    const { status, text } = await post(harness, 'tools/call', { name: 'pid', arguments: {} });
    expect(status).toBe(503);
    expect(text).not.toContain('hunter2');
  });

  test('and speaks the newest version only says which', async () => {
    const harness = await start([process.execPath, fixture('stdio-v2.mjs'), '--modern-only']);
    const { status, text } = await post(harness, 'tools/list');
    expect([status, JSON.parse(text).error]).toEqual([
      500,
      expect.stringContaining('speaks MCP 2026-07-28 only'),
    ]);
  });

  test('and never reads is given up after its time', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('never-reads', path), { server: { startTimeoutMs: 300 } });
    const { status, text } = await post(harness, 'tools/list');
    expect([status, JSON.parse(text).error]).toEqual([503, 'The server did not start in time']);
    await expect.poll(async () => (await pids()).map(isAlive), PATIENT).toEqual([false]);
  });

  test('and dies in a call ends that call with an error, and the next one finds a new process', async () => {
    const client = await connect(await start(misbehaving('plain')));
    const first = await call(client, 'pid');
    await expect(call(client, 'crash')).rejects.toThrow('The server ended unexpectedly');
    expect(await call(client, 'pid')).not.toBe(first);
  });

  test('and writes what is no message is heard all the same, and told of once', async () => {
    const errors: unknown[] = [];
    const client = await connect(
      await start(misbehaving('garbage'), { onError: (error) => errors.push(error) }),
    );
    expect(Number(await call(client, 'pid'))).toBeGreaterThan(0);
    expect(errors.map(String).filter((error) => error.includes('no MCP message'))).toHaveLength(1);
  });

  test('and sends an endless line is ended', async () => {
    const { path, pids } = await pidFile();
    const harness = await start(misbehaving('endless-line', path));
    const { status, text } = await post(harness, 'tools/list');
    expect([status, JSON.parse(text).error]).toEqual([500, 'The server sent a message that is too long']);
    await expect.poll(async () => (await pids()).map(isAlive), PATIENT).toEqual([false]);
  });

  test('and sends an answer that is too long or is none fails that call', async () => {
    const client = await connect(await start(misbehaving('plain')));
    await expect(call(client, 'bad-answer')).rejects.toThrow('answered without a result');
    await expect(call(client, 'big')).rejects.toThrow('too long');
    expect(Number(await call(client, 'pid'))).toBeGreaterThan(0);
  });

  test('and floods loses nothing of what it says', async () => {
    const client = await connect(await start(misbehaving('plain')));
    let heard = 0;
    await client.callTool({ name: 'flood', arguments: {} }, { onprogress: () => void (heard += 1) });
    expect(heard).toBe(5000);
  });

  test('and never answers is ended when its caller goes', async () => {
    const { path, pids } = await pidFile();
    const client = await connect(await start(misbehaving('plain', path)));
    const before = await call(client, 'pid');
    const controller = new AbortController();
    const hanging = client.callTool({ name: 'hang', arguments: {} }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await expect(hanging).rejects.toThrow();
    await expect.poll(() => isAlive(Number(before)), PATIENT).toBe(false);
    expect(await call(client, 'pid')).not.toBe(before);
    expect((await pids()).length).toBe(2);
  });
});
