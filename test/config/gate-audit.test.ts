import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuditEvent, AuditSink } from '../../src/audit/audit-sink.ts';
import { startNotes } from '../support/notes-gate.ts';
import { MODES, openPeer } from '../support/peers.ts';
import { ERAS, rpc } from '../support/wire.ts';

const whoami = { method: 'tools/call', params: { name: 'whoami' } } as const;

async function temporaryFile(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'audit-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'logs', 'audit.jsonl');
}

async function eventsIn(path: string): Promise<readonly AuditEvent[]> {
  const text = await readFile(path, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent);
}

describe('[config/audit] events', () => {
  test.each(ERAS)('of calls and refusals say who, what and how it ended (%s)', async (era) => {
    const { url, events, issuer, token } = await startNotes({
      authorization: { tools: { 'notes/write': { scopes: ['w'] }, 'notes/purge': { roles: ['admin'] } } },
    });
    const bearer = await token({ clientId: 'app', tenant: 'acme' });
    const headers = [['x-request-id', 'request-7']] as const;
    const call = (name: string, given: string | undefined = bearer) =>
      rpc(url, {
        era,
        token: given,
        headers,
        method: 'tools/call',
        params: { name, arguments: { text: 'very private' } },
      });
    for (const name of ['echo', 'write', 'purge']) await call(name);
    await rpc(url, { era, headers, method: 'tools/list' });
    await call('echo', 'a-wrong-token');
    const common = { server: 'notes', requestId: 'request-7', remoteAddress: '127.0.0.1', transport: 'http' };
    const who = { issuer: issuer.issuer, subject: 'alice', clientId: 'app' };
    expect(events).toMatchObject([
      {
        ...common,
        ...who,
        type: 'call',
        outcome: 'allow',
        method: 'tools/call',
        target: 'echo',
        durationMs: expect.any(Number),
      },
      { ...common, ...who, type: 'refused', outcome: 'deny', code: 'INSUFFICIENT_SCOPE', target: 'write' },
      { ...common, ...who, type: 'refused', outcome: 'deny', target: 'purge' },
      { ...common, type: 'refused', outcome: 'deny', code: 'MISSING_CREDENTIALS' },
      { ...common, type: 'refused', outcome: 'deny', code: 'INVALID_TOKEN' },
    ]);
    for (const { time } of events) expect(new Date(time).toISOString()).toBe(time);
    // Neither what was sent nor what came back.
    for (const secret of [bearer, 'a-wrong-token', 'very private'])
      expect(JSON.stringify(events)).not.toContain(secret);
  });

  test('of each message of a batch', async () => {
    const notes = await startNotes();
    const peer = await openPeer(notes, MODES[0] ?? expect.fail(), await notes.token());
    await peer.batch([
      whoami,
      { method: 'tools/list' },
      { method: 'tools/call', params: { name: 'nosuch' } },
    ]);
    expect(
      notes.events
        .map(({ method, target, outcome }) => [method, target, outcome])
        .map(String)
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(
      [
        ['tools/call', 'nosuch', 'deny'],
        ['tools/call', 'whoami', 'allow'],
        ['tools/list', undefined, 'allow'],
      ]
        .map(String)
        .toSorted((a, b) => a.localeCompare(b)),
    );
  });

  test('of resources hold no query', async () => {
    const { url, events, token } = await startNotes();
    const params = { uri: 'notes://public/1?key=very-private#x' };
    await rpc(url, { era: '2025-11-25', token: await token(), method: 'resources/read', params });
    expect(JSON.stringify(events)).not.toContain('very-private');
  });
});

describe('[config/audit] a file', () => {
  test('is for its owner alone, and holds one event a line', async () => {
    const path = await temporaryFile();
    const { url, token, gate } = await startNotes({ audit: [{ type: 'file', path }] });
    await rpc(url, { era: '2025-11-25', token: await token(), ...whoami });
    await rpc(url, { era: '2025-11-25', method: 'tools/list' });
    await gate.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await eventsIn(path)).toMatchObject([
      { type: 'call', outcome: 'allow', target: 'whoami', subject: 'alice' },
      { type: 'refused', code: 'MISSING_CREDENTIALS' },
    ]);
  });

  test.each(MODES)('has the event before the answer, when told so ($mode)', async (mode) => {
    const path = await temporaryFile();
    const notes = await startNotes({ mode, audit: [{ type: 'file', path, durability: 'before-answer' }] });
    const peer = await openPeer(notes, mode, await notes.token());
    const { length } = await eventsIn(path);
    for (let index = 1; index <= 5; index++) {
      await peer.send({ ...whoami, id: index });
      expect((await eventsIn(path)).length).toBe(length + index);
    }
    await rpc(notes.url, { era: mode.era, ...whoami });
    expect((await eventsIn(path)).at(-1)).toMatchObject({ type: 'refused', code: 'MISSING_CREDENTIALS' });
  });

  test('that cannot be opened is told at creation', async () => {
    const audit = [{ type: 'file', path: '/dev/null/audit.jsonl' }] as const;
    await expect(startNotes({ audit })).rejects.toThrow('cannot be opened for appending');
  });
});

describe('[config/audit] several sinks', () => {
  test('all get every event, whatever one of them does', async () => {
    const [mine, other]: [AuditEvent[], AuditEvent[]] = [[], []];
    const failing: AuditSink = {
      write: () => {
        throw new Error('cannot write');
      },
      flush: async () => undefined,
      close: async () => undefined,
    };
    const { url, token } = await startNotes({
      audit: [
        (event: AuditEvent) => void mine.push(event),
        failing,
        (event: AuditEvent) => void other.push(event),
      ],
    });
    expect(await rpc(url, { era: '2025-11-25', token: await token(), ...whoami })).toMatchObject({
      status: 200,
    });
    expect(mine).toHaveLength(1);
    expect(other).toEqual(mine);
  });
});

/** Keeps events before the answer, until told to fail. */
function createFailingSink() {
  const state = { isFull: false, fails: false };
  const events: AuditEvent[] = [];
  const sink: AuditSink = {
    durability: 'before-answer',
    write: (event) => void events.push(event),
    isFull: () => state.isFull,
    flush: async () => {
      if (state.fails) throw new Error('no space left on the device /var/log');
    },
    close: async () => undefined,
  };
  return { state, events, sink };
}

describe.each(MODES)('[config/audit] what cannot be recorded ($mode)', (mode) => {
  test('does not run', async () => {
    const { state, sink } = createFailingSink();
    const notes = await startNotes({ mode, audit: [sink] });
    const peer = await openPeer(notes, mode, await notes.token());
    state.isFull = true;
    const answer = await peer.send(whoami);
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
    expect(notes.runs.calls).toEqual([]);
    state.isFull = false;
    expect(await peer.send(whoami)).toMatchObject({ status: 200 });
  });

  test('is not answered as if it were, and does not hang', async () => {
    const { state, sink } = createFailingSink();
    const reported: unknown[] = [];
    const notes = await startNotes({ mode, audit: [sink], onError: (error) => void reported.push(error) });
    const peer = await openPeer(notes, mode, await notes.token());
    state.fails = true;
    const answer = await peer.send({ ...whoami, id: 21 });
    expect(answer.text).not.toContain('alice');
    expect(answer.text).not.toContain('/var/log');
    expect(answer.status >= 500 || answer.json?.['error'] !== undefined).toBe(true);
    const refused = await rpc(notes.url, { era: mode.era, ...whoami });
    expect(refused.status).toBeGreaterThanOrEqual(401);
    expect(reported).toEqual([expect.any(Error), expect.any(Error)]);
    state.fails = false;
    expect(await peer.send({ ...whoami, id: 22 })).toMatchObject({ status: 200 });
  });
});
