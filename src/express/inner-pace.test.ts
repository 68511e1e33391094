import { describe, expect, test, vi } from 'vitest';
import { createWritePace } from './inner-pace.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const chunk = (length: number): Uint8Array => new Uint8Array(length);

describe('the pace of writing', () => {
  test('is that of the writer while little is written and there is room', () => {
    const done = vi.fn<() => void>();
    createWritePace(() => false).wrote([chunk(1000), chunk(1000)], done);
    expect(done).toHaveBeenCalledTimes(1);
  });

  test('is that of the reader where there is no room', async () => {
    let isFull = true;
    const done = vi.fn<() => void>();
    const pace = createWritePace(() => isFull);
    pace.wrote([chunk(1000)], done);
    pace.onRoom();
    await turn();
    expect(done).not.toHaveBeenCalled();
    isFull = false;
    pace.onRoom();
    pace.onRoom();
    expect(done).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['large', 1, 64 * 1024],
    ['many small', 300, 1],
  ])('rests for a turn after %s writes, room or not', async (_what, count, length) => {
    const done = vi.fn<() => void>();
    const pace = createWritePace(() => false);
    pace.wrote(
      Array.from({ length: count }, () => chunk(length)),
      done,
    );
    pace.onRoom();
    await Promise.resolve();
    expect(done).not.toHaveBeenCalled();
    await turn();
    expect(done).toHaveBeenCalledTimes(1);
  });

  test('after a rest there still has to be room', async () => {
    let isFull = true;
    const done = vi.fn<() => void>();
    const pace = createWritePace(() => isFull);
    pace.wrote([chunk(100_000)], done);
    await turn();
    expect(done).not.toHaveBeenCalled();
    isFull = false;
    pace.onRoom();
    expect(done).toHaveBeenCalledTimes(1);
  });

  test('once it is open nothing waits', async () => {
    const done = vi.fn<() => void>();
    const pace = createWritePace(() => true);
    pace.wrote([chunk(100_000)], done);
    pace.open();
    expect(done).toHaveBeenCalledTimes(1);
    pace.wrote([chunk(100_000)], done);
    expect(done).toHaveBeenCalledTimes(2);
    await turn();
    expect(done).toHaveBeenCalledTimes(2);
  });

  test('what waits is told that it came to nothing', async () => {
    const done = vi.fn<(error?: Error) => void>();
    const pace = createWritePace(() => true);
    pace.wrote([chunk(100_000)], done);
    pace.cancel();
    pace.cancel();
    await turn();
    expect(done.mock.calls).toEqual([[expect.objectContaining({ code: 'ECANCELED' })]]);
  });
});
