import { randomUUID } from 'node:crypto';
import type { Caller } from '../core/admission.ts';
import { TransportError } from '../core/errors.ts';
import type { ClientFacts } from './client-facts.ts';
import type { ToolAuthInfo } from './exchange.ts';
import type { JsonRpcId } from './server-product.ts';
import { findSurplus, type SessionRoom } from './session-room.ts';

export interface SessionLimits extends SessionRoom {
  readonly idleMs: number;
  readonly lifetimeMs: number;
}

/** What serves one 2025-era protocol session: the SDK's session transport and the server behind it. */
export interface SessionChannel {
  handle(
    request: Request,
    options: { readonly authInfo: ToolAuthInfo; readonly parsedBody?: unknown },
  ): Promise<Response>;
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
  /** Ids of those that have no answer yet; each answer has one stream to go to. */
  readonly inFlight: Set<JsonRpcId>;
}

/** What the server behind a session was built with; secrets as fingerprints. */
export interface SessionBinding {
  /** Of the upstream token. */
  readonly token: string;
  /** Of all else that its factory was told. */
  readonly inputs: string;
  /** What the client said of itself when it opened the session. */
  readonly client?: ClientFacts | undefined;
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
  /**
   * Keeps a session from going idle until the function it returns is called. Undefined when one of these requests has
   * an id that is in use.
   */
  begin(session: ProtocolSession, ids: readonly JsonRpcId[]): (() => void) | undefined;
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
  const endAll = (isMeant: (session: ProtocolSession) => boolean): void => {
    for (const session of [...sessions.values()]) if (isMeant(session)) endSoon(session);
  };
  const add = (session: ProtocolSession): ProtocolSession => {
    sessions.set(session.id, session);
    if (findSurplus([...sessions.values()], session, limits) === undefined) return session;
    endAll(isOver);
    const surplus = findSurplus([...sessions.values()], session, limits);
    if (surplus !== undefined) endSoon(surplus);
    return session;
  };
  const timer = setInterval(() => endAll(isOver), sweepInterval(limits)).unref();

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
      return add({
        id,
        channel,
        principalKey,
        binding,
        createdAt: now(),
        lastUsedAt: now(),
        running: 0,
        inFlight: new Set(),
      });
    },
    begin: (session, ids) => beginRequests(session, ids, now),
    end,
    endAllOf: (principalKey) => endAll((session) => session.principalKey === principalKey),
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

function beginRequests(
  session: ProtocolSession,
  ids: readonly JsonRpcId[],
  now: () => number,
): (() => void) | undefined {
  if (ids.some((id) => session.inFlight.has(id))) return undefined;
  for (const id of ids) session.inFlight.add(id);
  session.running += 1;
  return () => {
    for (const id of ids) session.inFlight.delete(id);
    session.running -= 1;
    session.lastUsedAt = now();
  };
}

function sweepInterval({ idleMs, lifetimeMs }: SessionLimits): number {
  return Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, Math.min(idleMs, lifetimeMs) / 2));
}
