/** What of a session decides whether it gives way. */
export interface SessionUse {
  readonly principalKey: string;
  readonly lastUsedAt: number;
  /** Requests under way. */
  readonly running: number;
}

export interface SessionRoom {
  readonly max: number;
  readonly maxPerPrincipal: number;
}

/**
 * The session that must end because `latest`, which is among `sessions`, is one too many; undefined while there is
 * room. It is never `latest` itself, and nobody loses a session to someone who holds as many.
 */
export function findSurplus<Session extends SessionUse>(
  sessions: readonly Session[],
  latest: Session,
  { max, maxPerPrincipal }: SessionRoom,
): Session | undefined {
  const own = sessions.filter(
    (session) => session.principalKey === latest.principalKey && session !== latest,
  );
  if (own.length + 1 > maxPerPrincipal) return idlest(own);
  return sessions.length > max ? idlest(largestShare(sessions, latest)) : undefined;
}

/** One at work only where all are. */
function idlest<Session extends SessionUse>(sessions: readonly Session[]): Session | undefined {
  const resting = sessions.filter(({ running }) => running === 0);
  const [first, ...others] = resting.length > 0 ? resting : sessions;
  return others.reduce((oldest, session) => {
    return oldest === undefined || session.lastUsedAt < oldest.lastUsedAt ? session : oldest;
  }, first);
}

/**
 * The sessions, without the latest, of whoever holds most; on a tie the owner of the latest gives way. Where all hold
 * one, all are in question.
 */
function largestShare<Session extends SessionUse>(
  sessions: readonly Session[],
  latest: Session,
): readonly Session[] {
  const shares = new Map<string, Session[]>([[latest.principalKey, []]]);
  const rest = sessions.filter((session) => session !== latest);
  for (const session of rest) {
    const share = shares.get(session.principalKey);
    if (share === undefined) shares.set(session.principalKey, [session]);
    else share.push(session);
  }
  const own = shares.get(latest.principalKey) ?? [];
  const largest = [...shares.values()].reduce((most, share) => (share.length > most.length ? share : most));
  if (own.length > 0 && own.length + 1 >= largest.length) return own;
  return largest.length > 1 ? largest : rest;
}
