import type { WebSocket } from 'ws';
import { CLOSE_CODES, type MessageLink } from './message-link.ts';
import type { FrameFollower } from './websocket-frames.ts';

export interface LinkOptions {
  /** A peer that is silent for two of these is gone. */
  readonly heartbeatMs: number;
  /** What may wait for a peer that does not read, besides the message that is being sent. */
  readonly maxBufferedBytes: number;
  /** The message in pieces that is under way, as a {@link FrameFollower} of the socket's bytes tells it. */
  readonly frames: Pick<FrameFollower, 'unfinished'>;
}

/** One WebSocket as a link: texts only, with a heartbeat, and no more memory for a slow reader than agreed. */
export function createWebSocketLink(socket: WebSocket, options: LinkOptions): MessageLink {
  let isOver = false;
  let isAlive = true;
  let lingering: number | undefined;

  const finish = (): void => {
    if (isOver) return;
    isOver = true;
    clearInterval(heartbeat);
    link.onClose?.();
  };
  const cut = (): void => {
    socket.terminate();
    finish();
  };
  const beat = (): void => {
    const { unfinished } = options.frames;
    const isLate = unfinished !== undefined && unfinished === lingering;
    lingering = socket.isPaused ? undefined : unfinished;
    // Nothing is read from a peer on hold, its pongs neither.
    if (socket.isPaused) return;
    // Pongs come between the pieces of a message, and would let it hold its memory for ever.
    if (isLate) return link.close(CLOSE_CODES.refused, 'A message took too long to arrive');
    // After what has come in meanwhile: a process that was busy has not heard it yet.
    if (!isAlive) return void setImmediate(() => isAlive || cut());
    isAlive = false;
    socket.ping();
  };
  const heartbeat = setInterval(beat, options.heartbeatMs).unref();

  const link: MessageLink = {
    onText: undefined,
    onClose: undefined,
    send: (text) =>
      new Promise((resolve, reject) => {
        if (!isOver && socket.bufferedAmount > options.maxBufferedBytes) cut();
        if (isOver) return reject(new Error('The connection is over'));
        socket.send(text, (error?: Error | null) => (error instanceof Error ? reject(error) : resolve()));
      }),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close(code, reason) {
      if (isOver) return;
      // A socket on hold would not hear the peer's part of the closing handshake.
      socket.resume();
      socket.close(code, reason);
      finish();
    },
  };
  socket.on('pong', () => {
    isAlive = true;
  });
  // One buffer: nothing here asks for fragments.
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    isAlive = true;
    if (isOver) return;
    if (isBinary) link.close(CLOSE_CODES.notText, 'Messages are text');
    else link.onText?.(data.toString());
  });
  // What is wrong with a frame is told to the peer by the code it is closed with: 1002, 1007 or 1009.
  socket.on('error', finish);
  socket.on('close', finish);
  return link;
}
