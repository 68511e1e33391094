import { describe, expect, onTestFinished, test } from 'vitest';
import type { GateOptions } from '../../src/config/options.ts';
import { type Harness, startGate } from '../support/gate-harness.ts';
import { INITIALIZE, messagesIn, rpc } from '../support/wire.ts';
import { fixture, isAlive, PATIENT, pidFile } from './processes.ts';

type Options = Partial<Omit<GateOptions, 'auth'>> & { readonly server?: object };

const hostile = (mode: string, file?: string): readonly string[] => [
  process.execPath,
  fixture('hostile.mjs'),
  mode,
  ...(file === undefined ? [] : [file]),
];

async function start(command: readonly string[], { server, ...more }: Options = {}) {
  const errors: unknown[] = [];
  const harness = await startGate({
    onError: (error) => void errors.push(error),
    ...more,
    servers: { notes: { command, ...server } },
  });
  return { ...harness, errors };
}

interface Sent {
  readonly subject?: string;
  readonly client?: { readonly name: string; readonly capabilities: object };
}

const CLIENT_INFO = 'io.modelcontextprotocol/clientInfo';

/** A call of the 2026 era, whose clients say in each request who they are. */
async function call({ url, token }: Harness, name: string, { subject = 'alice', client }: Sent = {}) {
  return rpc(url, {
    era: '2026-07-28',
    token: await token({ subject }),
    method: 'tools/call',
    capabilities: { ...client?.capabilities },
    params: {
      name,
      arguments: {},
      _meta: {
        progressToken: 'p',
        ...(client !== undefined && { [CLIENT_INFO]: { name: client.name, version: '1' } }),
      },
    },
  });
}

describe('[config/servers-command] a command that means ill', () => {
  test('by nesting deeply breaks its own call only', { timeout: 30_000 }, async () => {
    const harness = await start(hostile('plain'));
    for (const name of ['deep-answer', 'deep-error', 'deep-progress']) {
      const { status, text } = await call(harness, name);
      expect([status, text]).toEqual([200, expect.stringContaining('nests too deeply')]);
    }
    expect((await call(harness, 'pid')).text).toContain('content');
  });

  test('by odd ids and members answers nothing but what was asked', async () => {
    const harness = await start(hostile('plain'));
    expect((await call(harness, 'proto')).text).toContain('proto');
    expect((await call(harness, 'stray')).text).toContain('first');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect((await call(harness, 'pid')).text).toContain('content');
  });

  test('by asking without end has few questions open', PATIENT, async () => {
    const harness = await start(hostile('plain'));
    const client = { name: 'x', capabilities: { elicitation: {} } };
    const { json } = await call(harness, 'questions', { client });
    // The client is asked for what came in one go: how many of the 3000 did is the system's to say.
    const asked = Object.keys(json?.['result']?.['inputRequests'] ?? {});
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(32);
  });

  test('by asking without end floods no session', PATIENT, async () => {
    const harness = await start(hostile('plain'), { server: { sessions: { mode: 'stateful' } } });
    const sent = { era: '2025-11-25' as const, token: await harness.token() };
    const params = { ...INITIALIZE, capabilities: { elicitation: {} } };
    const opened = await rpc(harness.url, { ...sent, method: 'initialize', params });
    const headers = [['mcp-session-id', String(opened.headers['mcp-session-id'])]] as const;
    const answer = await rpc(harness.url, {
      ...sent,
      headers,
      id: 2,
      method: 'tools/call',
      params: { name: 'questions', arguments: {} },
    });
    const asked = messagesIn(answer).filter(({ method }) => String(method) === 'elicitation/create');
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual(100);
    expect(JSON.stringify(answer.json)).toContain(`"${3000 - asked.length}"`);
  });

  test('by having its callers wait leaves them processes for other calls', { timeout: 30_000 }, async () => {
    const harness = await start(hostile('plain'), { server: { instances: { maxPerPrincipal: 4 } } });
    const client = { name: 'x', capabilities: { elicitation: {} } };
    const ends: unknown[] = [];
    for (let count = 0; count < 4; count += 1) {
      const { json } = await call(harness, 'waits', { client });
      ends.push(json?.['result']?.['resultType']);
    }
    // The oldest give way.
    expect(ends).toEqual(Array(4).fill('input_required'));
    expect((await call(harness, 'pid', { client })).text).toContain('content');
  });

  test('by leaving what it started behind is heard no more', PATIENT, async () => {
    const { path, pids } = await pidFile();
    const harness = await start(hostile('leaves-the-group', path));
    expect((await call(harness, 'pid')).status).toBe(200);
    const [, left = 0] = await pids();
    onTestFinished(() => void (isAlive(left) && process.kill(left)));
    await harness.gate.close();
    // It writes on, and is told that nobody reads.
    await expect.poll(() => isAlive(left), PATIENT).toBe(false);
  });

  test('by dying for the client of one user keeps nobody else from theirs', async () => {
    const harness = await start(hostile('dislikes-a-name'));
    const evil = { client: { name: 'evil', capabilities: {} } };
    expect((await call(harness, 'pid', evil)).status).toBe(503);
    expect((await call(harness, 'pid', { subject: 'bob' })).status).toBe(200);
  });

  test('by printing a token of several lines has none of it in the log', async () => {
    const lines: string[] = [];
    const { error } = console;
    console.error = (line: unknown) => void lines.push(String(line));
    onTestFinished(() => void (console.error = error));
    const harness = await start(hostile('plain'), {
      server: { env: { TOKEN: '${credential}' } },
      tenancy: { credentials: { notes: { resolveToken: async () => 'correct horse\nbattery staple\n' } } },
    });
    await call(harness, 'token');
    await expect.poll(() => lines.length, PATIENT).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toMatch(/horse|staple/);
  });
});
