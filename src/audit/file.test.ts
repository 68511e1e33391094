import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import type { AuditEvent } from './audit-sink.ts';
import { createFileSink, type FileSinkOptions, openAppendFile } from './file.ts';
import type { AppendFile } from './line-writer.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-audit-'));
  path = join(folder, 'logs', 'audit.jsonl');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function event(number: number, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    time: '2026-01-01T00:00:00.000Z',
    type: 'call',
    outcome: 'allow',
    requestId: String(number),
    ...more,
  };
}

async function readEvents(): Promise<AuditEvent[]> {
  const text = await readFile(path, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent);
}

const idsOf = (events: readonly AuditEvent[]) => events.map(({ requestId }) => requestId);
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, index) => String(from + index));

/** A real file whose writing can be made to fail, to fall short, or to wait. */
function faultyFile() {
  const fault = {
    error: undefined as string | undefined,
    syncError: undefined as string | undefined,
    atMost: Infinity,
  };
  const counts = { appends: 0, syncs: 0 };
  let held: Promise<void> | undefined;
  const check = (code: string | undefined) => {
    if (code !== undefined) throw Object.assign(new Error(`${code}: /secret/path`), { code });
  };
  const open = (name: string): AppendFile => {
    const file = openAppendFile(name);
    return {
      async append(bytes) {
        counts.appends += 1;
        await held;
        check(fault.error);
        return file.append(bytes.subarray(0, Math.min(bytes.length, fault.atMost)));
      },
      async sync() {
        counts.syncs += 1;
        check(fault.syncError);
        return file.sync();
      },
      close: () => file.close(),
    };
  };
  /** Holds all writing until the returned function is called. */
  const hold = (): (() => void) => {
    let release = () => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  };
  return { fault, counts, open, hold };
}

describe('createFileSink', () => {
  it('[config/audit] writes one line of JSON per event, in order, and makes the folder', async () => {
    const sink = createFileSink({ path });
    for (let i = 0; i < 10; i += 1)
      sink.write(event(i, { subject: 'ann\nbob', target: 'file:///x?token=abc' }));
    await sink.flush();
    const events = await readEvents();
    expect(idsOf(events)).toEqual(upTo(10));
    expect(events[0]).toMatchObject({ subject: 'ann\\u000abob', target: 'file:///x' });
    await sink.close();
  });

  it('[config/audit] keeps the file to its owner', async () => {
    await createFileSink({ path }).close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'logs'))).mode & 0o777).toBe(0o700);
  });

  it('[config/audit] keeps the order of 100 000 events', async () => {
    const sink = createFileSink({ path, maxQueuedBytes: 64 * 1024 * 1024 });
    for (let i = 0; i < 100_000; i += 1) {
      sink.write(event(i));
      if (i % 10_000 === 0) await new Promise(setImmediate);
    }
    await sink.close();
    expect(idsOf(await readEvents())).toEqual(upTo(100_000));
  });

  it('writes by itself after the interval, and at once when a batch is full', async () => {
    const sink = createFileSink({ path, flushIntervalMs: 5 });
    sink.write(event(0));
    await vi.waitFor(async () => expect(await readEvents()).toHaveLength(1));
    await sink.close();

    const patient = createFileSink({ path, flushIntervalMs: 1_000_000 });
    for (let i = 1; i < 3000; i += 1) patient.write(event(i));
    await vi.waitFor(async () => expect((await stat(path)).size).toBeGreaterThan(65_536));
    await patient.close();
    expect(idsOf(await readEvents())).toEqual(upTo(3000));
  });

  it('[config/audit] writes what waits when it is closed, also twice, and takes nothing afterwards', async () => {
    const { open, counts } = faultyFile();
    const sink = createFileSink({ path, open, flushIntervalMs: 1_000_000 });
    sink.write(event(0));
    await Promise.all([sink.close(), sink.close()]);
    sink.write(event(1));
    expect(sink.isFull()).toBe(true);
    expect(idsOf(await readEvents())).toEqual(['0']);
    expect(counts.syncs).toBe(1);
  });

  it('appends to what is there, and ends a line that an earlier process left torn', async () => {
    await mkdir(join(folder, 'logs'));
    await writeFile(path, `${JSON.stringify(event(0))}\n{"time":"2026-01-0`);
    const sink = createFileSink({ path });
    sink.write(event(1));
    await sink.close();
    const lines = (await readFile(path, 'utf8')).split('\n');
    expect(lines[1]).toBe('{"time":"2026-01-0');
    expect(JSON.parse(lines[2]!)).toMatchObject({ requestId: '1' });
    await createFileSink({ path }).close();
    expect((await readFile(path, 'utf8')).split('\n')).toEqual(lines);
  });

  it('writes after what others append, and after the file has been truncated', async () => {
    const sink = createFileSink({ path });
    sink.write(event(0));
    await sink.flush();
    await appendFile(path, `${JSON.stringify(event(1))}\n`);
    sink.write(event(2));
    await sink.flush();
    expect(idsOf(await readEvents())).toEqual(upTo(3));
    await writeFile(path, '');
    sink.write(event(3));
    await sink.close();
    expect(idsOf(await readEvents())).toEqual(['3']);
  });

  it('keeps lines whole where the system takes them piece by piece', async () => {
    const { open, fault } = faultyFile();
    fault.atMost = 7;
    const sink = createFileSink({ path, open });
    for (let i = 0; i < 50; i += 1) sink.write(event(i, { subject: 'ü🎉' }));
    await sink.close();
    expect(idsOf(await readEvents())).toEqual(upTo(50));
  });
});

describe('a disk that is full', () => {
  it('[config/audit] refuses calls with onFull refuse, tries again, and loses, tears and doubles nothing', async () => {
    const { open, fault } = faultyFile();
    const sink = createFileSink({ path, open, flushIntervalMs: 5 });
    fault.atMost = 100;
    sink.write(event(0));
    expect(sink.isFull()).toBe(false);
    fault.error = 'ENOSPC';
    for (let i = 1; i < 5; i += 1) sink.write(event(i));
    await expect(sink.flush()).rejects.toMatchObject({ code: 'INTERNAL_ERROR', detail: 'ENOSPC' });
    expect(sink.isFull()).toBe(true);
    sink.write(event(5));
    fault.error = undefined;
    await vi.waitFor(() => expect(sink.isFull()).toBe(false));
    await sink.close();
    expect(idsOf(await readEvents())).toEqual(upTo(6));
  });

  it('goes on in the middle of a line when the disk filled there', async () => {
    const { open, fault } = faultyFile();
    const sink = createFileSink({
      path,
      flushIntervalMs: 5,
      open: (name) => {
        const file = open(name);
        return {
          ...file,
          async append(bytes) {
            const count = await file.append(bytes);
            fault.error = fault.atMost === 10 ? 'ENOSPC' : undefined;
            return count;
          },
        };
      },
    });
    fault.atMost = 10;
    for (let i = 0; i < 3; i += 1) sink.write(event(i));
    await expect(sink.flush()).rejects.toMatchObject({ detail: 'ENOSPC' });
    expect((await stat(path)).size).toBe(10);
    fault.atMost = Infinity;
    fault.error = undefined;
    await sink.close();
    expect(idsOf(await readEvents())).toEqual(upTo(3));
  });

  it('[config/audit] never says it is full with onFull drop, and tells once how many were lost', async () => {
    const { open, fault } = faultyFile();
    const now = () => Date.UTC(2026, 5, 1);
    const sink = createFileSink({
      path,
      open,
      now,
      onFull: 'drop',
      maxQueuedBytes: 1000,
      flushIntervalMs: 5,
    });
    fault.error = 'ENOSPC';
    for (let i = 0; i < 100; i += 1) sink.write(event(i));
    await expect(sink.flush()).resolves.toBeUndefined();
    expect(sink.isFull()).toBe(false);
    fault.error = undefined;
    await vi.waitFor(async () => expect((await readEvents()).at(-1)?.type).toBe('lifecycle'));
    sink.write(event(100));
    await sink.close();

    const events = await readEvents();
    const kept = events.filter(({ type }) => type === 'call').length - 1;
    expect(kept).toBeGreaterThan(5);
    expect(kept).toBeLessThan(15);
    expect(idsOf(events)).toEqual([...upTo(kept), undefined, '100']);
    expect(events[kept]).toMatchObject({
      type: 'lifecycle',
      outcome: 'failure',
      time: '2026-06-01T00:00:00.000Z',
      detail: expect.stringContaining(`${100 - kept} audit events were lost`),
    });
  });

  it('[config/audit] with refuse, says it is full at the bound, keeps room for calls under way, and counts beyond', async () => {
    const { open, hold } = faultyFile();
    const release = hold();
    const sink = createFileSink({ path, open, maxQueuedBytes: 1000 });
    let accepted = 0;
    while (!sink.isFull()) sink.write(event(accepted++));
    expect(accepted).toBeGreaterThan(5);
    for (let i = 0; i < 3; i += 1) sink.write(event(accepted++));
    for (let i = 0; i < 100; i += 1) sink.write(event(accepted++));
    release();
    await sink.flush();
    expect(sink.isFull()).toBe(false);
    await sink.close();
    const events = await readEvents();
    const kept = events.length - 1;
    expect(kept).toBeGreaterThan(accepted - 100);
    expect(idsOf(events)).toEqual([...upTo(kept), undefined]);
    expect(events.at(-1)?.detail).toContain(`${accepted - kept} audit events were lost`);
  });

  it('says so when it is closed with events unwritten', async () => {
    for (const onFull of ['refuse', 'drop'] as const) {
      const { open, fault } = faultyFile();
      const sink = createFileSink({ path, open, onFull });
      fault.error = 'EIO';
      sink.write(event(0));
      sink.write(event(1));
      await expect(sink.close()).rejects.toMatchObject({
        code: 'INTERNAL_ERROR',
        detail: 'EIO, 2 events lost',
      });
    }
  });

  it('counts in full what was lost before when it is closed with that unwritten', async () => {
    const { open, fault } = faultyFile();
    const sink = createFileSink({ path, open, onFull: 'drop', maxQueuedBytes: 1000 });
    fault.error = 'ENOSPC';
    for (let i = 0; i < 100; i += 1) sink.write(event(i));
    await expect(sink.close()).rejects.toMatchObject({ detail: 'ENOSPC, 100 events lost' });
  });

  it('takes a write of nothing for a failure', async () => {
    const { open, fault } = faultyFile();
    const sink = createFileSink({ path, open });
    fault.atMost = 0;
    sink.write(event(0));
    await expect(sink.flush()).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    fault.atMost = Infinity;
    await sink.close();
    expect(idsOf(await readEvents())).toEqual(['0']);
  });
});

describe('durability', () => {
  it('[config/audit] before-answer: flush waits for the disk; many share one wait', async () => {
    const { open, counts, hold } = faultyFile();
    const sink = createFileSink({ path, open, durability: 'before-answer' });
    expect(sink.durability).toBe('before-answer');
    const release = hold();
    let flushed = 0;
    const flushes = upTo(50).map(async (id) => {
      sink.write(event(Number(id)));
      await sink.flush();
      flushed += 1;
    });
    await new Promise(setImmediate);
    expect([flushed, counts.syncs]).toEqual([0, 0]);
    release();
    await Promise.all(flushes);
    expect(idsOf(await readEvents())).toEqual(upTo(50));
    expect(counts.syncs).toBe(2);
    await sink.close();
  });

  it('[config/audit] before-answer: a disk that does not confirm fails the flush; nothing is written twice', async () => {
    const { open, fault } = faultyFile();
    const sink = createFileSink({ path, open, durability: 'before-answer', flushIntervalMs: 5 });
    fault.syncError = 'EIO';
    sink.write(event(0));
    await expect(sink.flush()).rejects.toMatchObject({ detail: 'EIO' });
    expect(sink.isFull()).toBe(true);
    fault.syncError = undefined;
    await vi.waitFor(() => expect(sink.isFull()).toBe(false));
    await sink.close();
    expect(idsOf(await readEvents())).toEqual(['0']);
  });

  it('batched: does not wait for the disk but when closed, unless told to', async () => {
    const syncsOf = async (more: Partial<FileSinkOptions>) => {
      const { open, counts } = faultyFile();
      const sink = createFileSink({ path, open, ...more });
      expect(sink.durability).toBe(more.durability ?? 'batched');
      sink.write(event(0));
      await sink.flush();
      const before = counts.syncs;
      await sink.close();
      return [before, counts.syncs];
    };
    expect(await syncsOf({})).toEqual([0, 1]);
    expect(await syncsOf({ fsync: true })).toEqual([1, 2]);
    expect(await syncsOf({ durability: 'before-answer', fsync: false })).toEqual([0, 1]);
  });

  it('flushes at once when there is nothing to write', async () => {
    const sink = createFileSink({ path, durability: 'before-answer' });
    await sink.flush();
    await sink.close();
    await sink.flush();
    expect(await readEvents()).toEqual([]);
  });
});

describe('options', () => {
  it('[config/audit] reports every problem at once', () => {
    const wrong = {
      path: '',
      durability: 'before-answer',
      onFull: 'drop',
      maxQueuedBytes: 0,
      flushIntervalMs: Number.NaN,
    } as const;
    let problems: readonly string[] = [];
    try {
      createFileSink(wrong);
    } catch (error) {
      problems = error instanceof ConfigurationError ? error.problems : [];
    }
    expect(problems).toHaveLength(4);
    expect(() => createFileSink({ path, durability: 'later', onFull: 'wait' } as never)).toThrow(
      /durability.*\n.*onFull/,
    );
  });

  it('[config/audit] says at once that a file cannot be opened', async () => {
    expect(() => createFileSink({ path: folder })).toThrow(ConfigurationError);
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(() => createFileSink({ path: join(file, 'audit.jsonl') })).toThrow(/audit\.path: .* \(E[A-Z]+\)/);
  });

  it('leaves the mode of a file that exists to its owner', async () => {
    await mkdir(join(folder, 'logs'));
    await writeFile(path, '');
    await chmod(path, 0o640);
    await createFileSink({ path }).close();
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });
});
