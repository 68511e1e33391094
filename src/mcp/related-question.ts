import { asRecord } from './message-facts.ts';
import { isRequest, type JsonRpcId, type JsonRpcMessage } from './server-product.ts';

/**
 * The send options of a message, under which a question of the server goes to the stream of the one request that it
 * can be for. `elicitInput` of both SDKs does not say which it is; on the stream that belongs to no request it would
 * be lost as long as the client has not opened that one.
 */
export function relateQuestion(
  message: JsonRpcMessage,
  sendOptions: unknown,
  pending: Iterable<JsonRpcId>,
): unknown {
  const known = asRecord(sendOptions);
  if (!isRequest(message) || known['relatedRequestId'] !== undefined) return sendOptions;
  const [only, second] = pending;
  return only === undefined || second !== undefined ? sendOptions : { ...known, relatedRequestId: only };
}
