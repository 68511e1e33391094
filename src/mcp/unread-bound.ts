import { TransportError } from '../core/errors.ts';

// More than any burst that a client at work leaves unread for a moment.
const MAX_UNREAD_BYTES = 8_388_608;
// What an event counts at least, so that many small ones are bounded too.
const LEAST_EVENT_BYTES = 1_024;

/**
 * A stream of which a client can leave only so much unread; then it is cut off, and what is unread is forgotten. The
 * SDK queues without bound for a client that does not read. One event may be of any size.
 */
export function boundUnread(response: Response, maxBytes: number = MAX_UNREAD_BYTES): Response {
  const source: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  if (source === undefined) return response;
  const pump = async (sink: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      for (;;) {
        const { done, value } = await source.read();
        if (done) {
          sink.close();
          return;
        }
        if ((sink.desiredSize ?? 0) <= 0) throw new TransportError('The client does not read its stream');
        sink.enqueue(value);
      }
    } catch (error) {
      sink.error(error);
      await source.cancel(error).catch(() => undefined);
    }
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start: (sink) => void pump(sink),
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: maxBytes, size: ({ byteLength }) => Math.max(byteLength, LEAST_EVENT_BYTES) },
  );
  return new Response(body, { status: response.status, headers: response.headers });
}
