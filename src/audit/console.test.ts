import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuditEvent } from './audit-sink.ts';
import { createConsoleSink } from './console.ts';

const event: AuditEvent = {
  time: '2026-01-01T00:00:00.000Z',
  type: 'refused',
  outcome: 'deny',
  code: 'INVALID_TOKEN',
  detail: 'Bearer abc\n',
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe('createConsoleSink', () => {
  it('[config/audit] writes one redacted line of JSON per event', async () => {
    const lines: string[] = [];
    const sink = createConsoleSink({ write: (line) => lines.push(line) });
    sink.write(event);
    sink.write({ ...event, detail: undefined });
    await sink.flush();
    await sink.close();
    expect(lines).toEqual([
      '{"time":"2026-01-01T00:00:00.000Z","type":"refused","outcome":"deny","code":"INVALID_TOKEN","detail":"Bearer [redacted]\\\\u000a"}',
      '{"time":"2026-01-01T00:00:00.000Z","type":"refused","outcome":"deny","code":"INVALID_TOKEN"}',
    ]);
  });

  it('[config/audit] writes to standard error, never to standard output', () => {
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const log = vi.spyOn(console, 'log').mockReturnValue();
    const err = vi.spyOn(console, 'error').mockReturnValue();
    createConsoleSink().write(event);
    expect(err).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('INVALID_TOKEN'));
    expect(out).not.toHaveBeenCalled();
    expect(log).not.toHaveBeenCalled();
  });

  it('never throws, and is never full', () => {
    const sink = createConsoleSink({
      write: () => {
        throw new Error('closed');
      },
    });
    expect(() => sink.write(event)).not.toThrow();
    expect(sink.isFull?.() ?? false).toBe(false);
  });
});
