import { describe, expect, test } from 'vitest';
import { readEvents, readText, type StreamEvent } from './event-stream.ts';

function streamOf(text: string, size = 3): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.subarray(at, (at += size)));
    },
  });
}

async function read(text: string, maxBytes = 1000): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of readEvents(streamOf(text), maxBytes)) events.push(event);
  return events;
}

describe('events', () => {
  test.each<[string, string, readonly Partial<StreamEvent>[]]>([
    ['a line of data', 'data: {"a":"ä"}\n\n', [{ data: '{"a":"ä"}' }]],
    ['data without a blank', 'data:x\n\n', [{ data: 'x' }]],
    ['several lines of data', 'data: a\ndata:  b\n\n', [{ data: 'a\n b' }]],
    ['lines with CRLF', 'event: message\r\ndata: a\r\n\r\ndata: b\r\n\r\n', [{ data: 'a' }, { data: 'b' }]],
    ['comments between', ': ping\n\n:\ndata: a\n\n', [{ data: 'a' }]],
    ['an id that lasts', 'id: 7\ndata: a\n\ndata: b\n\n', [{ id: '7' }, { id: '7', data: 'b' }]],
    ['an id alone', 'id: 7\ndata:\n\n', [{ id: '7', data: '' }]],
    ['a time to wait', 'retry: 10\ndata: a\n\n', [{ retryMs: 10 }]],
    ['a time that is none', 'retry: soon\ndata: a\n\n', [{ retryMs: undefined }]],
    ['an event of another kind', 'event: ping\ndata: a\n\ndata: b\n\n', [{ data: 'b' }]],
    ['an event that is cut off', 'data: a\n\ndata: b\n', [{ data: 'a' }]],
    ['an id that would break a header', 'id: a\u0001b\ndata: a\n\n', [{ id: undefined }]],
  ])('of a stream with %s', async (_name, text, expected) => {
    const events = await read(text);
    expect(events).toMatchObject(expected);
    expect(events).toHaveLength(expected.length);
  });

  test.each([`data: ${'x'.repeat(50)}`, `${'data: 12345\n'.repeat(5)}\n`])(
    'that are too long fail: %j',
    async (text) => {
      await expect(read(text, 20)).rejects.toThrow('too long');
    },
  );

  test('are not read on after whoever reads them stops', async () => {
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\n')),
      cancel: () => {
        isCancelled = true;
      },
    });
    for await (const { data } of readEvents(stream, 100)) if (data === 'a') break;
    expect(isCancelled).toBe(true);
  });
});

describe('a text', () => {
  test('is read as UTF-8, up to its bound', async () => {
    expect(await readText(streamOf('äöü', 1), 6)).toBe('äöü');
    await expect(readText(streamOf('äöü', 1), 5)).rejects.toThrow('too long');
  });
});
