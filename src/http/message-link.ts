/** A live connection that carries texts both ways. It is over for both sides as soon as either of them ends it. */
export interface MessageLink {
  onText: ((text: string) => void) | undefined;
  /** Called once. */
  onClose: (() => void) | undefined;
  /** Resolves when the text has left this process; rejects when the connection is over. A slow reader loses it. */
  send(text: string): Promise<void>;
  /** Takes no more from the peer until `resume`. */
  pause(): void;
  resume(): void;
  /** RFC 6455 §7.4: the code says why. Nothing is taken or given after it. */
  close(code: number, reason: string): void;
}

/** RFC 6455 §7.4.1, and one code of the range for applications. */
export const CLOSE_CODES = {
  shuttingDown: 1001,
  notText: 1003,
  refused: 1008,
  failed: 1011,
  startAnew: 1012,
  /** The credential expired or was taken back. */
  credentialOver: 4401,
} as const;
