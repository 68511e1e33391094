import { randomBytes } from 'node:crypto';
import { fingerprint } from './parts/secrets.ts';
import type { User } from './users.ts';

export const SESSION_SECONDS = 3600;
/** How long a session can be carried on without signing in again. */
const LONGEST_SECONDS = 12 * 3600;
const MAX_SESSIONS = 1000;

interface Session {
  readonly user: User;
  readonly expiresAt: number;
  readonly signedInAt: number;
}

export interface NewSession {
  readonly token: string;
  readonly user: User;
  readonly expiresIn: number;
}

/** Tokens from logging in: random, kept as fingerprints only, and of no use once their time is over. */
export interface Sessions {
  open(user: User): NewSession;
  find(token: string): User | undefined;
  /** Gives a new token for one that still holds, which then no longer does. */
  renew(token: string): NewSession | undefined;
  /** Ends all of them. Gives how many there were. */
  clear(): number;
  count(): number;
}

export function createSessions(now: () => number): Sessions {
  // In the order in which they were opened.
  const sessions = new Map<string, Session>();

  const forgetExpired = () => {
    for (const [key, { expiresAt }] of sessions) if (expiresAt <= now()) sessions.delete(key);
  };
  const add = (user: User, earlier?: Session): NewSession => {
    const startsAt = now();
    const signedInAt = earlier?.signedInAt ?? startsAt;
    forgetExpired();
    const [oldest] = sessions.keys();
    if (sessions.size >= MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest);
    const token = `session-${randomBytes(16).toString('hex')}`;
    const expiresAt = Math.min(startsAt + SESSION_SECONDS * 1000, signedInAt + LONGEST_SECONDS * 1000);
    sessions.set(fingerprint(token), { user, signedInAt, expiresAt });
    return { token, user, expiresIn: Math.floor((expiresAt - startsAt) / 1000) };
  };
  const findLive = (token: string): Session | undefined => {
    const session = sessions.get(fingerprint(token));
    return session !== undefined && session.expiresAt > now() ? session : undefined;
  };

  return {
    open: (user) => add(user),
    find: (token) => findLive(token)?.user,
    renew(token) {
      const session = findLive(token);
      if (session === undefined) return undefined;
      sessions.delete(fingerprint(token));
      return add(session.user, session);
    },
    clear() {
      forgetExpired();
      const { size } = sessions;
      sessions.clear();
      return size;
    },
    count() {
      forgetExpired();
      return sessions.size;
    },
  };
}
