/** A streaming response whose end is known, and can be brought about. */
export interface FollowedStream {
  readonly response: Response;
  /** Chunks that the client has taken so far. */
  readonly taken: number;
  /** Ends the stream for the client and cancels its source. */
  end(): void;
}

/** Calls `onEnd` exactly once: when the source is done, fails, or nobody reads any more. */
export function followStream(response: Response, onEnd: () => void): FollowedStream {
  const source: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  if (source === undefined) {
    onEnd();
    return { response, taken: 0, end: () => undefined };
  }
  let ended = false;
  let taken = 0;
  let sink: ReadableStreamDefaultController<Uint8Array> | undefined;
  const finish = (): boolean => {
    if (ended) return false;
    ended = true;
    onEnd();
    return true;
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      sink = controller;
    },
    async pull(controller) {
      try {
        const { done, value } = await source.read();
        if (!done) {
          taken += 1;
          controller.enqueue(value);
        } else if (finish()) controller.close();
      } catch (error) {
        if (finish()) controller.error(error);
      }
    },
    async cancel(reason) {
      finish();
      await source.cancel(reason);
    },
  });
  return {
    response: new Response(body, { status: response.status, headers: response.headers }),
    get taken() {
      return taken;
    },
    end() {
      if (!finish()) return;
      sink?.close();
      source.cancel().catch(() => {
        // The source is being given up; how it fails concerns nobody any more.
      });
    },
  };
}
