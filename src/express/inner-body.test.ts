import { describe, expect, test, vi } from 'vitest';
import { createAnswerBody } from './inner-body.ts';

function open() {
  const onRoom = vi.fn<() => void>();
  const onLeave = vi.fn<() => void>();
  return { onRoom, onLeave, ...createAnswerBody({ onRoom, onLeave }) };
}

const bytes = (length: number): Uint8Array => new Uint8Array(length);

async function lengthsOf(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const lengths: number[] = [];
  for await (const chunk of chunks) lengths.push(chunk.byteLength);
  return lengths;
}

describe('the body of an answer', () => {
  test('is read in its order, before and after it was offered', async () => {
    const { chunks, offer, end, onLeave } = open();
    offer(bytes(1));
    const reading = lengthsOf(chunks);
    await Promise.resolve();
    offer(bytes(2));
    offer(bytes(3));
    end();
    expect(await reading).toEqual([1, 2, 3]);
    expect(onLeave).not.toHaveBeenCalled();
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  test('several reads at once are served in their order', async () => {
    const { chunks, offer, end } = open();
    const reads = [chunks.next(), chunks.next(), chunks.next()];
    offer(bytes(1));
    offer(bytes(2));
    end();
    expect(await Promise.all(reads)).toEqual([
      { done: false, value: bytes(1) },
      { done: false, value: bytes(2) },
      { done: true, value: undefined },
    ]);
  });

  test('is full at 64 KiB, and says when it is no more', async () => {
    const { chunks, offer, isFull, onRoom } = open();
    offer(bytes(64 * 1024 - 1));
    expect(isFull()).toBe(false);
    offer(bytes(1));
    offer(bytes(10));
    expect(isFull()).toBe(true);
    await chunks.next();
    expect(isFull()).toBe(false);
    expect(onRoom).toHaveBeenCalledTimes(1);
    await chunks.next();
    expect(onRoom).toHaveBeenCalledTimes(1);
  });

  test('that fails is read as far as it came, then throws once', async () => {
    const { chunks, offer, fail, end } = open();
    const error = new Error('cut');
    offer(bytes(1));
    fail(error);
    end();
    fail(new Error('another'));
    expect(await chunks.next()).toMatchObject({ done: false });
    await expect(chunks.next()).rejects.toBe(error);
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  test('that fails tells the first who waits; for the others it is over', async () => {
    const { chunks, fail } = open();
    const reads = [chunks.next(), chunks.next()];
    const error = new Error('cut');
    fail(error);
    await expect(reads[0]).rejects.toBe(error);
    expect(await reads[1]).toEqual({ done: true, value: undefined });
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  test('leaving it early is told once, and what comes after is nobody’s', async () => {
    const { chunks, offer, isFull, onLeave } = open();
    offer(bytes(100_000));
    for await (const _ of chunks) break;
    offer(bytes(100_000));
    expect(isFull()).toBe(false);
    expect(await chunks.return?.()).toEqual({ done: true, value: undefined });
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
    expect(onLeave).toHaveBeenCalledTimes(1);
  });

  test('leaving it with the end already here is not early', async () => {
    const { chunks, offer, end, onLeave } = open();
    offer(bytes(1));
    offer(bytes(2));
    end();
    for await (const _ of chunks) break;
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
    expect(onLeave).not.toHaveBeenCalled();
  });
});
