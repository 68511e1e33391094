import type { JsonRpcResponse, JsonRpcResultResponse, TransportLike } from './server-product.ts';

/** Gets the result of a request as it is, in place of a web `Response` with the same in it. */
export type TakeResult = (message: JsonRpcResultResponse) => void;

/**
 * Takes the result of the one request that a transport of the SDK is for, where it is the first that is sent: what
 * streams, and errors, which may have a status of their own, stay the transport's. It then ends as after an answer.
 */
export function takeResult<T extends TransportLike>(transport: T, take: TakeResult): T {
  const send = transport.send.bind(transport);
  let state: 'silent' | 'sending' | 'done' = 'silent';
  transport.send = async (message, options) => {
    if (state === 'done') return;
    const result = state === 'silent' ? resultOf(message as JsonRpcResponse) : undefined;
    if (result === undefined) {
      state = 'sending';
      await send(message, options);
      return;
    }
    // It may be nothing that JSON can say.
    take(result);
    state = 'done';
    queueMicrotask(() => {
      const { onclose } = transport;
      // The client may still go away, which would end the transport a second time.
      transport.onclose = undefined;
      onclose?.();
    });
  };
  return transport;
}

function resultOf(message: JsonRpcResponse): JsonRpcResultResponse | undefined {
  return 'result' in message ? message : undefined;
}
