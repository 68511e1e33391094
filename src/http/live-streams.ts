/** A stream that outlives its request, and what ends it. */
export interface LiveStream {
  readonly credentialFingerprint?: string | undefined;
  /** Epoch seconds. */
  readonly expiresAt?: number | undefined;
  readonly close: () => void;
}

/** Ends long-lived streams when their token expires or is revoked, and all of them at shutdown. */
export interface LiveStreams {
  /** Returns the function that forgets a stream that ended by itself. */
  add(stream: LiveStream): () => void;
  revoke(credentialFingerprint: string): void;
  closeAll(): void;
  readonly size: number;
}

// setTimeout fires at once for longer waits than this.
const MAX_TIMER_MS = 2_147_000_000;

export function createLiveStreams(now: () => number): LiveStreams {
  const open = new Map<LiveStream, NodeJS.Timeout | undefined>();

  const forget = (stream: LiveStream): boolean => {
    clearTimeout(open.get(stream));
    return open.delete(stream);
  };
  const end = (stream: LiveStream): void => {
    if (forget(stream)) stream.close();
  };
  const arm = (stream: LiveStream, expiresAt: number): NodeJS.Timeout => {
    const waitMs = expiresAt * 1000 - now();
    const timer =
      waitMs > MAX_TIMER_MS
        ? setTimeout(() => open.set(stream, arm(stream, expiresAt)), MAX_TIMER_MS)
        : setTimeout(() => end(stream), Math.max(0, waitMs));
    return timer.unref();
  };

  return {
    add(stream) {
      open.set(stream, stream.expiresAt === undefined ? undefined : arm(stream, stream.expiresAt));
      return () => forget(stream);
    },
    revoke(fingerprint) {
      for (const stream of [...open.keys()]) if (stream.credentialFingerprint === fingerprint) end(stream);
    },
    closeAll() {
      for (const stream of [...open.keys()]) end(stream);
    },
    get size() {
      return open.size;
    },
  };
}
