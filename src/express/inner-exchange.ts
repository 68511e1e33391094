import { MCPAuthError, TransportError } from '../core/errors.ts';
import { abortReason } from '../mcp/abort-reason.ts';
import { createAnswerReader } from './inner-answer.ts';
import { createAnswerBody } from './inner-body.ts';
import { encodeHead } from './inner-head.ts';
import { createWritePace } from './inner-pace.ts';
import type { InnerRequest, InnerResponse } from './inner-request.ts';
import { InnerSocket, type SocketPeer } from './inner-socket.ts';

export interface ExchangeOptions {
  readonly timeoutMs: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Puts a server at the other end. */
  connect(socket: InnerSocket): void;
}

/** What is taken by the app at a time, as from a network. */
const SLICE_BYTES = 64 * 1024;

/**
 * One request and its answer, over a connection of their own. When the connection closes, nothing is left of either:
 * no timer, no listener.
 *
 * @throws ValidationError, see {@link encodeHead}; else as `Dispatcher.dispatch` says.
 */
export function openExchange(request: InnerRequest, options: ExchangeOptions): Promise<InnerResponse> {
  const { method, signal, connection } = request;
  const { timeoutMs, localAddress, localPort, connect } = options;
  const take = createSource(encodeHead(request, hostOf(localAddress)), request.body);

  return new Promise((resolve, reject) => {
    let isOver = false;
    let hasHead = false;

    const settle = (error?: Error): void => {
      if (isOver) return;
      isOver = true;
      if (error === undefined) {
        body.end();
        // Nothing more comes, however much of it waits to be read.
        pace.open();
        return;
      }
      reject(error);
      body.fail(error);
      socket.destroy();
    };
    const cut = (cause: Error | null): void => {
      if (isOver) return;
      const message = hasHead
        ? 'The app cut its answer off'
        : 'The app closed the connection without an answer';
      settle(new TransportError(message, cause === null ? {} : { cause }));
    };

    const body = createAnswerBody({
      onRoom: () => pace.onRoom(),
      onLeave: () => settle(new TransportError('The answer was not read to its end')),
    });
    const pace = createWritePace(body.isFull);
    const reader = createAnswerReader(method, {
      head({ status, headers }) {
        hasHead = true;
        resolve({ status, headers, body: body.chunks });
      },
      data: body.offer,
      end: settle,
    });

    const giveUp = (error: Error): void => {
      settle(error);
      // Of an answer that is whole, too: whoever has written it may not have ended it.
      socket.destroy();
    };
    const forget = limit({ timeoutMs, signal }, giveUp);

    const peer: SocketPeer = {
      take,
      give(chunks, done) {
        try {
          for (const chunk of chunks) reader.read(chunk);
        } catch (error) {
          settle(error as Error);
        }
        pace.wrote(chunks, done);
      },
      end() {
        reader.close();
        cut(null);
      },
      close(cause) {
        forget();
        cut(cause);
        pace.cancel();
      },
    };
    const socket = new InnerSocket(peer, { ...connection, localAddress, localPort });
    connect(socket);
  });
}

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Tells when time is up or whoever asked has gone, until what it returns is called. */
function limit({ timeoutMs, signal }: Limits, onEnd: (error: Error) => void): () => void {
  const onTimeout = (): void =>
    onEnd(new MCPAuthError('REQUEST_TIMEOUT', `The app did not answer within ${timeoutMs} ms`));
  const onAbort = (): void => {
    if (signal !== undefined) onEnd(abortReason(signal));
  };
  const timer = setTimeout(onTimeout, timeoutMs).unref();
  signal?.addEventListener('abort', onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
}

/** The bytes of a request, part by part. The body is copied: an app may write into what it reads. */
function createSource(head: Buffer, body: Uint8Array | undefined): () => Buffer | undefined {
  let rest = body ?? new Uint8Array();
  let isHead = true;
  return () => {
    if (!isHead && rest.byteLength === 0) return undefined;
    const slice = rest.subarray(0, SLICE_BYTES);
    rest = rest.subarray(slice.byteLength);
    const bytes = isHead ? Buffer.concat([head, slice]) : Buffer.from(slice);
    isHead = false;
    return bytes;
  };
}

/** What a client names that asks this address, at the port that goes without saying. */
function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
