import { describe, expect, it } from 'vitest';
import type { AuditEvent, AuditSink } from './audit-sink.ts';
import { createFanOut } from './fan-out.ts';

const event: AuditEvent = { time: '2026-01-01T00:00:00.000Z', type: 'call', outcome: 'allow' };

function sinkWith(more: Partial<AuditSink> = {}) {
  const seen: string[] = [];
  const note = (what: string) => {
    seen.push(what);
    return Promise.resolve();
  };
  const sink: AuditSink = {
    write: () => void note('write'),
    flush: () => note('flush'),
    close: () => note('close'),
    ...more,
  };
  return { seen, sink };
}

const failing = (message: string) => () => Promise.reject(new Error(message));

describe('createFanOut', () => {
  it('[config/audit] gives every event to every sink, whatever another one does', () => {
    const first = sinkWith({
      write: () => {
        throw new Error('broken');
      },
    });
    const second = sinkWith();
    const fanOut = createFanOut([first.sink, second.sink]);
    expect(() => fanOut.write(event)).not.toThrow();
    expect(second.seen).toEqual(['write']);
  });

  it('[config/audit] is full when any sink is', () => {
    expect(createFanOut([sinkWith().sink, sinkWith({ isFull: () => false }).sink]).isFull?.()).toBe(false);
    expect(createFanOut([sinkWith().sink, sinkWith({ isFull: () => true }).sink]).isFull?.()).toBe(true);
  });

  it('[config/audit] before an answer, waits for the sinks that demand it and for no other', async () => {
    const strict = sinkWith({ durability: 'before-answer' });
    const batched = sinkWith({ flush: () => new Promise(() => {}) });
    const fanOut = createFanOut([batched.sink, strict.sink]);
    expect(fanOut.durability).toBe('before-answer');
    await fanOut.flush();
    expect(strict.seen).toEqual(['flush']);
  });

  it('flushes all sinks where none demands it before the answer', async () => {
    const sinks = [sinkWith(), sinkWith({ durability: 'batched' })];
    const fanOut = createFanOut(sinks.map(({ sink }) => sink));
    expect(fanOut.durability).toBe('batched');
    await fanOut.flush();
    expect(sinks.map(({ seen }) => seen)).toEqual([['flush'], ['flush']]);
  });

  it('closes all, and tells what failed', async () => {
    const good = sinkWith();
    const throwing = sinkWith({
      close: () => {
        throw new Error('thrown');
      },
    });
    await expect(createFanOut([throwing.sink, good.sink]).close()).rejects.toThrow('thrown');
    expect(good.seen).toEqual(['close']);
    const two = createFanOut([
      sinkWith({ close: failing('a') }).sink,
      sinkWith({ close: failing('b') }).sink,
    ]);
    await expect(two.close()).rejects.toMatchObject({ errors: [new Error('a'), new Error('b')] });
  });

  it('may have no sink at all', async () => {
    const nowhere = createFanOut([]);
    nowhere.write(event);
    expect(nowhere.isFull?.()).toBe(false);
    await nowhere.flush();
    await nowhere.close();
  });
});
