import { describe, expect, it, vi } from 'vitest';
import { boundUnread } from './unread-bound.ts';

/** A stream as the SDK makes it: whatever is sent is queued. */
function openSource() {
  let sink: ReadableStreamDefaultController<Uint8Array> | undefined;
  const cancelled = vi.fn();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      sink = controller;
    },
    cancel: cancelled,
  });
  return {
    response: new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } }),
    cancelled,
    send: (bytes: number) => sink?.enqueue(new Uint8Array(bytes)),
    close: () => sink?.close(),
  };
}

const moment = () => new Promise((resolve) => setImmediate(resolve));

describe('boundUnread', () => {
  it.each([
    ['bytes', 4_000, 4],
    ['events', 1, 9],
  ])('cuts a client off that leaves too many %s unread', async (_what, bytes, count) => {
    const { response, send, cancelled } = openSource();
    const reader = boundUnread(response, 8_192).body?.getReader();
    await moment();
    for (let sent = 0; sent < count; sent += 1) {
      expect(cancelled).not.toHaveBeenCalled();
      send(bytes);
    }
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalledTimes(1));
    await expect(reader?.read()).rejects.toThrow('The client does not read its stream');
  });

  it('leaves a client that reads its whole stream', async () => {
    const { response, send, close, cancelled } = openSource();
    const bounded = boundUnread(response, 8_192);
    expect([bounded.status, bounded.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const reading = bounded.arrayBuffer();
    for (let sent = 0; sent < 100; sent += 1) {
      send(1_000);
      await moment();
    }
    close();
    expect((await reading).byteLength).toBe(100_000);
    expect(cancelled).not.toHaveBeenCalled();
  });

  it('carries one event of any size', async () => {
    const { response, send, close } = openSource();
    const bounded = boundUnread(response, 8_192);
    send(1_000_000);
    close();
    expect((await bounded.arrayBuffer()).byteLength).toBe(1_000_000);
  });

  it('tells the source when the client goes', async () => {
    const { response, cancelled } = openSource();
    await boundUnread(response).body?.cancel('gone');
    expect(cancelled).toHaveBeenCalledWith('gone');
  });
});
