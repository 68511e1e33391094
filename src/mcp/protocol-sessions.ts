import { randomUUID } from 'node:crypto';
import type { Caller } from '../core/admission.ts';
import { TransportError } from '../core/errors.ts';
import type { ToolAuthInfo } from './exchange.ts';

export interface SessionLimits {
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly max: number;
  readonly maxPerPrincipal: number;
}

/** What serves one 2025-era protocol session: the SDK's session transport and the server behind it. */
export interface SessionChannel {
  handle(request: Request, options: { readonly authInfo: ToolAuthInfo; readonly parsedBody?: unknown }): Promise<Response>;
  close(): Promise<void>;
}

export interface ProtocolSession {
  readonly id: string;
  readonly channel: SessionChannel;
  readonly principalKey: string;
  readonly binding: SessionBinding;
  readonly createdAt: number;
  lastUsedAt: number;
  /** Requests under way: a session at work is not idle. */
  running: number;
}

/** What the server behind a session was built with, as fingerprints. */
export interface SessionBinding {
  /** Of the upstream token. */
  readonly token: string;
  /** Of all else that its factory was told. */
  readonly inputs: string;
}

/** 2025-era protocol sessions, each bound to the principal that opened it. */
export interface ProtocolSessions {
  /** Undefined for an unknown id and for another principal's alike. */
  find(id: string, caller: Caller): ProtocolSession | undefined;
  open(
    caller: Caller,
    binding: SessionBinding,
    create: (id: string) => Promise<SessionChannel>,
  ): Promise<ProtocolSession>;
  /** Keeps a session from going idle until the function it returns is called. */
  begin(session: ProtocolSession): () => void;
  end(id: string): Promise<void>;
  endAllOf(principalKey: string): void;
  readonly size: number;
  close(): Promise<void>;
}

const MAX_SWEEP_MS = 30_000;
const MIN_SWEEP_MS = 1_000;

export function createProtocolSessions(
  limits: SessionLimits,
  { now, onError }: { readonly now: () => number; readonly onError: (error: unknown) => void },
): ProtocolSessions {
  const sessions = new Map<string, ProtocolSession>();
  let closed = false;
  const isOver = ({ createdAt, lastUsedAt, running }: ProtocolSession) =>
    now() - createdAt > limits.lifetimeMs || (running === 0 && now() - lastUsedAt > limits.idleMs);

  const end = async (id: string): Promise<void> => {
    const session = sessions.get(id);
    if (session === undefined) return;
    sessions.delete(id);
    await session.channel.close();
  };
  const endSoon = (session: ProtocolSession): void => void end(session.id).catch(onError);
  const sweep = (): void => {
    for (const session of [...sessions.values()]) if (isOver(session)) endSoon(session);
  };
  const sweepMs = Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, Math.min(limits.idleMs, limits.lifetimeMs) / 2));
  const timer = setInterval(sweep, sweepMs).unref();

  /** Ends as many sessions as `latest` is too many: never itself, and never another user's for one who has several. */
  const makeRoomFor = (latest: ProtocolSession): void => {
    const own = [...sessions.values()].filter((session) => session.principalKey === latest.principalKey);
    if (own.length <= limits.maxPerPrincipal && sessions.size <= limits.max) return;
    sweep();
    const others = own.filter((session) => session !== latest && sessions.has(session.id));
    if (others.length + 1 > limits.maxPerPrincipal) endSoon(idlest(others));
    else if (sessions.size > limits.max) endSoon(idlest(largestShare(sessions.values(), latest)));
  };

  return {
    find(id, caller) {
      const session = sessions.get(id);
      if (session === undefined || session.principalKey !== caller.principal.key) return undefined;
      if (isOver(session)) {
        endSoon(session);
        return undefined;
      }
      session.lastUsedAt = now();
      return session;
    },
    async open(caller, binding, create) {
      const id = randomUUID();
      const channel = await create(id);
      if (closed) {
        await channel.close();
        throw new TransportError('The server is shutting down');
      }
      const principalKey = caller.principal.key;
      const session = { id, channel, principalKey, binding, createdAt: now(), lastUsedAt: now(), running: 0 };
      sessions.set(id, session);
      makeRoomFor(session);
      return session;
    },
    begin(session) {
      session.running += 1;
      return () => {
        session.running -= 1;
        session.lastUsedAt = now();
      };
    },
    end,
    endAllOf(principalKey) {
      for (const session of [...sessions.values()]) if (session.principalKey === principalKey) endSoon(session);
    },
    get size() {
      return sessions.size;
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await Promise.allSettled([...sessions.keys()].map(end));
    },
  };
}

/** One at work only where all are. */
function idlest(sessions: readonly ProtocolSession[]): ProtocolSession {
  const resting = sessions.filter(({ running }) => running === 0);
  const candidates = resting.length > 0 ? resting : sessions;
  return candidates.reduce((oldest, session) => (session.lastUsedAt < oldest.lastUsedAt ? session : oldest));
}

/**
 * The sessions, without the latest, of whoever holds most; on a tie the owner of the latest gives way, so that nobody
 * pushes out someone who holds no more than they do. Where all hold one, all are in question.
 */
function largestShare(sessions: Iterable<ProtocolSession>, latest: ProtocolSession): readonly ProtocolSession[] {
  const shares = new Map<string, ProtocolSession[]>([[latest.principalKey, []]]);
  const rest: ProtocolSession[] = [];
  for (const session of sessions) {
    if (session === latest) continue;
    rest.push(session);
    const share = shares.get(session.principalKey);
    if (share === undefined) shares.set(session.principalKey, [session]);
    else share.push(session);
  }
  const own = shares.get(latest.principalKey) ?? [];
  const largest = [...shares.values()].reduce((most, share) => (share.length > most.length ? share : most));
  if (own.length > 0 && own.length + 1 >= largest.length) return own;
  return largest.length > 1 ? largest : rest;
}
