/** A stream that outlives its request, and what ends it. */
export interface LiveStream {
  readonly principalKey?: string | undefined;
  readonly credentialFingerprint?: string | undefined;
  /** Epoch seconds. */
  readonly expiresAt?: number | undefined;
  readonly close: () => void;
  /** The answer to a call, which shutdown lets finish. */
  readonly isCall?: boolean | undefined;
}

/** Ends long-lived streams when their token expires or is revoked, and all of them at shutdown. */
export interface LiveStreams {
  /** Returns the function that forgets a stream that ended by itself. */
  add(stream: LiveStream): () => void;
  /** Ends what a credential opened, and what it opens in the minutes after. */
  revoke(credentialFingerprint: string): void;
  endAllOf(principalKey: string): void;
  /** Ends all of them but the answers to calls, and whatever is added after. */
  closeAll(): void;
  readonly size: number;
}

// setTimeout fires at once for longer waits than this.
const MAX_TIMER_MS = 2_147_000_000;
// A request whose token is revoked while its body is still arriving opens its stream only afterwards.
const REMEMBERED_MS = 600_000;
const MAX_REMEMBERED = 10_000;

export function createLiveStreams(now: () => number): LiveStreams {
  const open = new Map<LiveStream, NodeJS.Timeout | undefined>();
  // In the order of revocation.
  const revokedAt = new Map<string, number>();

  const forget = (stream: LiveStream): boolean => {
    clearTimeout(open.get(stream));
    return open.delete(stream);
  };
  const end = (stream: LiveStream): void => {
    if (forget(stream)) stream.close();
  };
  const endAll = (isMeant: (stream: LiveStream) => boolean): void => {
    for (const stream of [...open.keys()]) if (isMeant(stream)) end(stream);
  };
  const remember = (fingerprint: string): void => {
    revokedAt.delete(fingerprint);
    revokedAt.set(fingerprint, now());
    for (const [oldest, at] of revokedAt) {
      if (revokedAt.size <= MAX_REMEMBERED && now() - at <= REMEMBERED_MS) return;
      revokedAt.delete(oldest);
    }
  };
  let isClosed = false;
  const endOf = ({ credentialFingerprint, expiresAt, isCall = false }: LiveStream): number | undefined => {
    const isRevoked = credentialFingerprint !== undefined && revokedAt.has(credentialFingerprint);
    return isRevoked || (isClosed && !isCall) ? 0 : expiresAt;
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
      const endsAt = endOf(stream);
      open.set(stream, endsAt === undefined ? undefined : arm(stream, endsAt));
      return () => forget(stream);
    },
    revoke(fingerprint) {
      remember(fingerprint);
      endAll((stream) => stream.credentialFingerprint === fingerprint);
    },
    endAllOf: (principalKey) => endAll((stream) => stream.principalKey === principalKey),
    closeAll() {
      isClosed = true;
      endAll((stream) => stream.isCall !== true);
    },
    get size() {
      return open.size;
    },
  };
}
