import { randomUUID } from 'node:crypto';
import type { Caller } from '../core/admission.ts';
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
  /** Fingerprint of the upstream token that the server was built with. */
  readonly tokenFingerprint: string;
  readonly createdAt: number;
  lastUsedAt: number;
}

/** 2025-era protocol sessions, each bound to the principal that opened it. */
export interface ProtocolSessions {
  /** Undefined for an unknown id and for another principal's alike. */
  find(id: string, caller: Caller): ProtocolSession | undefined;
  open(caller: Caller, tokenFingerprint: string, create: (id: string) => Promise<SessionChannel>): Promise<ProtocolSession>;
  end(id: string): Promise<void>;
  endAllOf(principalKey: string): void;
  readonly size: number;
  close(): Promise<void>;
}

const SWEEP_MS = 30_000;

export function createProtocolSessions(
  limits: SessionLimits,
  { now, onError }: { readonly now: () => number; readonly onError: (error: unknown) => void },
): ProtocolSessions {
  const sessions = new Map<string, ProtocolSession>();
  const isOver = (session: ProtocolSession) =>
    now() - session.lastUsedAt > limits.idleMs || now() - session.createdAt > limits.lifetimeMs;

  const end = async (id: string): Promise<void> => {
    const session = sessions.get(id);
    if (session === undefined) return;
    sessions.delete(id);
    await session.channel.close();
  };
  const endSoon = (session: ProtocolSession): void => void end(session.id).catch(onError);
  const sweep = setInterval(() => {
    for (const session of [...sessions.values()]) if (isOver(session)) endSoon(session);
  }, Math.min(SWEEP_MS, Math.max(1_000, limits.idleMs / 2))).unref();

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
    async open(caller, tokenFingerprint, create) {
      const principalKey = caller.principal.key;
      const own = [...sessions.values()].filter((session) => session.principalKey === principalKey);
      if (own.length >= limits.maxPerPrincipal) endSoon(idlest(own));
      else if (sessions.size >= limits.max) endSoon(idlest(largestShare([...sessions.values()])));
      const id = randomUUID();
      const channel = await create(id);
      const session = { id, channel, principalKey, tokenFingerprint, createdAt: now(), lastUsedAt: now() };
      sessions.set(id, session);
      return session;
    },
    end,
    endAllOf(principalKey) {
      for (const session of [...sessions.values()]) if (session.principalKey === principalKey) endSoon(session);
    },
    get size() {
      return sessions.size;
    },
    async close() {
      clearInterval(sweep);
      await Promise.allSettled([...sessions.keys()].map(end));
    },
  };
}

function idlest(sessions: readonly ProtocolSession[]): ProtocolSession {
  return sessions.reduce((oldest, session) => (session.lastUsedAt < oldest.lastUsedAt ? session : oldest));
}

/** Whoever holds most gives way first, so that one principal cannot push the others out. */
function largestShare(sessions: readonly ProtocolSession[]): readonly ProtocolSession[] {
  const shares = new Map<string, ProtocolSession[]>();
  for (const session of sessions) {
    const share = shares.get(session.principalKey);
    if (share === undefined) shares.set(session.principalKey, [session]);
    else share.push(session);
  }
  return [...shares.values()].reduce((largest, share) => (share.length > largest.length ? share : largest));
}
