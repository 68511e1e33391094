import type { JsonRpcMessage, JsonRpcResponse, TransportLike } from './server-product.ts';

/** Gets the answer to a request as it is, in place of a web `Response` with the same in it. */
export type TakeResult = (message: JsonRpcResponse) => void;

/**
 * Takes the result of the one request that a transport of the SDK is for, where it is the first that is sent: what
 * streams, and errors, which may have a status of their own, stay the transport's, but for those that are taken too.
 * It then ends as after an answer.
 */
export function takeResult<T extends TransportLike>(
  transport: T,
  take: TakeResult,
  isTaken: (error: JsonRpcResponse) => boolean,
): T {
  const send = transport.send.bind(transport);
  let state: 'silent' | 'sending' | 'done' = 'silent';
  transport.send = async (message, options) => {
    if (state === 'done') return;
    const answer = state === 'silent' ? answerOf(message) : undefined;
    if (answer === undefined || !('result' in answer || isTaken(answer))) {
      state = 'sending';
      await send(message, options);
      return;
    }
    // It may be nothing that JSON can say.
    take(answer);
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

function answerOf(message: JsonRpcMessage): JsonRpcResponse | undefined {
  return 'method' in message ? undefined : message;
}
