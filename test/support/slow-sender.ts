import { connect } from 'node:net';
import { parseAnswer, type SocketAnswer } from './raw-socket.ts';

export interface SlowRequest {
  readonly head: string;
  /** The next bytes to send; undefined when there are no more. */
  readonly nextPiece: () => string | undefined;
  readonly everyMs: number;
  /** Go on after the answer, until the other side closes the connection. Default: stop at the answer. */
  readonly untilClosed?: boolean;
}

/** Sends a request piece by piece. */
export function sendSlowly(url: string, request: SlowRequest): Promise<SocketAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let received = '';
    const finish = (closed: boolean): void => {
      clearInterval(sending);
      socket.destroy();
      resolve({ ...parseAnswer(received, 'POST'), closed });
    };
    socket.write(request.head);
    const sending = setInterval(() => {
      const piece = request.nextPiece();
      if (piece !== undefined) socket.write(piece);
    }, request.everyMs);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (request.untilClosed !== true && parseAnswer(received, 'POST').complete) finish(false);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => finish(true));
  });
}
