import { describe, expect, it, vi } from 'vitest';
import { followStream } from './followed-stream.ts';

function source(onCancel = vi.fn()) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
    cancel: onCancel,
  });
  const send = (text: string) => controller?.enqueue(new TextEncoder().encode(text));
  return {
    response: new Response(body),
    send,
    close: () => controller?.close(),
    fail: (e: Error) => controller?.error(e),
  };
}

describe('followStream', () => {
  it('passes everything on and tells of the end once', async () => {
    const onEnd = vi.fn();
    const { response, send, close } = source();
    const followed = followStream(response, onEnd);
    send('a');
    send('b');
    close();
    expect(await followed.response.text()).toBe('ab');
    expect(onEnd).toHaveBeenCalledOnce();
  });

  it('ends for the reader and at its source when told to', async () => {
    const [onEnd, onCancel] = [vi.fn(), vi.fn()];
    const { response, send } = source(onCancel);
    const followed = followStream(response, onEnd);
    send('a');
    const text = followed.response.text();
    await new Promise((resolve) => setImmediate(resolve));
    followed.end();
    followed.end();
    expect(await text).toBe('a');
    expect([onEnd.mock.calls.length, onCancel.mock.calls.length]).toEqual([1, 1]);
  });

  it('tells of a reader that goes away', async () => {
    const [onEnd, onCancel] = [vi.fn(), vi.fn()];
    const followed = followStream(source(onCancel).response, onEnd);
    await followed.response.body?.cancel('gone');
    expect([onEnd.mock.calls.length, onCancel.mock.calls.length]).toEqual([1, 1]);
  });

  it('passes a failure of its source on', async () => {
    const onEnd = vi.fn();
    const { response, fail } = source();
    const followed = followStream(response, onEnd);
    fail(new Error('broken'));
    await expect(followed.response.text()).rejects.toThrow('broken');
    expect(onEnd).toHaveBeenCalledOnce();
  });
});
