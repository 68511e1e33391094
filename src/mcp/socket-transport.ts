import { refuse } from '../core/refusal.ts';
import { CLOSE_CODES, type MessageLink } from '../http/message-link.ts';
import { asRecord } from './message-facts.ts';
import { toRefusalMessage } from './refusal-message.ts';
import {
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type TransportLike,
} from './server-product.ts';
import { type ClosingReason, createFlow, createInFlight, errorOf, parseMessage } from './socket-messages.ts';

export interface SocketTransportOptions {
  readonly maxDepth: number;
  /** Requests that may be without an answer at once; subscriptions too, which last. */
  readonly maxInFlight: number;
  /** Whether a notification, or the client's answer to the server, may go on. */
  readonly isAllowed: (message: JsonRpcNotification | JsonRpcResponse) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

/** MCP over a link that carries texts, one JSON-RPC message each. */
export interface SocketTransport extends TransportLike {
  /** The guard has spoken on a request: the next may be read. */
  judged(): void;
  /** Refuses new requests from now on, and resolves when no call is without its answer. */
  whenIdle(): Promise<void>;
  /** What `close` tells the client; without it, that the server ended. */
  endWith(code: number, reason: string): void;
}

// Someone who sends what is no message is not going to send one soon.
const MAX_MALFORMED = 10;
const CLOSING = refuse('SHUTTING_DOWN', 'The gate is shutting down');
const FULL = refuse('RATE_LIMIT_EXCEEDED', 'Too many requests of this connection are without an answer', {
  retryAfterSeconds: 1,
});

export function createSocketTransport(link: MessageLink, options: SocketTransportOptions): SocketTransport {
  const inFlight = createInFlight();
  const flow = createFlow(link);
  let ending: ClosingReason = { code: CLOSE_CODES.failed, reason: 'The server ended' };
  let isDraining = false;
  let malformed = 0;

  const transport: SocketTransport = {
    async start() {
      link.onText = receive;
      link.onClose = () => {
        inFlight.clear();
        transport.onclose?.();
      };
    },
    async send(message) {
      const sending = link.send(JSON.stringify(message));
      if (isResponse(message)) inFlight.end(message.id);
      await sending;
    },
    close: async () => link.close(ending.code, ending.reason),
    judged: flow.leave,
    whenIdle() {
      isDraining = true;
      return inFlight.whenIdle();
    },
    endWith(code, reason) {
      ending = { code, reason };
    },
  };
  const take = inTurn(accept, judgeNotice, options.onError);
  return transport;

  function receive(text: string): void {
    const parsed = parseMessage(text, options.maxDepth);
    if ('error' in parsed) return refuseMalformed(parsed.error);
    flow.enter();
    take(parsed.message);
  }

  function refuseMalformed(answer: JsonRpcResponse): void {
    malformed += 1;
    if (malformed > MAX_MALFORMED) link.close(CLOSE_CODES.refused, 'Too many malformed messages');
    else reply(answer);
  }

  function accept(request: JsonRpcRequest): void {
    const isFull = inFlight.size >= options.maxInFlight;
    if (!inFlight.has(request.id) && !isDraining && !isFull) {
      inFlight.begin(request);
      transport.onmessage?.(request);
      return;
    }
    flow.leave();
    if (inFlight.has(request.id)) reply(errorOf(request.id, 'This request id is in use'));
    else reply(toRefusalMessage(isDraining ? CLOSING : FULL, request));
  }

  async function judgeNotice(notice: JsonRpcNotification | JsonRpcResponse): Promise<void> {
    try {
      if (!(await options.isAllowed(notice))) return;
    } finally {
      flow.leave();
    }
    transport.onmessage?.(notice);
    // What is taken back is not answered.
    if (isNotification(notice) && notice.method === 'notifications/cancelled')
      inFlight.end(asRecord(notice.params)['requestId'] as JsonRpcId);
  }

  function reply(message: JsonRpcResponse): void {
    // A client that has gone, or does not read, needs no answer.
    link.send(JSON.stringify(message)).catch(() => undefined);
  }
}

/** Hands messages on in their order, though one of them may have to wait: at once when none does. */
function inTurn(
  accept: (request: JsonRpcRequest) => void,
  judge: (notice: JsonRpcNotification | JsonRpcResponse) => Promise<void>,
  onError: (error: unknown) => void,
): (message: JsonRpcMessage) => void {
  let last: Promise<void> | undefined;
  return (message) => {
    if (last === undefined && isRequest(message)) return accept(message);
    const turn: Promise<void> = (last ?? Promise.resolve())
      .then(() => (isRequest(message) ? accept(message) : judge(message)))
      .catch(onError)
      .then(() => {
        if (last === turn) last = undefined;
      });
    last = turn;
  };
}
