import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Caller } from '../core/admission.ts';
import { createPrincipal } from '../core/principal.ts';
import { createProtocolSessions, type ProtocolSession, type ProtocolSessions } from './protocol-sessions.ts';

const BINDING = { token: '', inputs: '' };

function callerOf(subject: string): Caller {
  const principal = createPrincipal({ issuer: 'https://issuer.example', subject });
  return { principal, context: { transport: 'http', timestamp: new Date(0) }, authenticated: true };
}

const [alice, bob, carol] = ['alice', 'bob', 'carol'].map(callerOf) as [Caller, Caller, Caller];

describe('protocol sessions', () => {
  let now = 0;
  let ended: string[] = [];
  let sessions: ProtocolSessions;

  const create = (limits: { readonly max?: number; readonly maxPerPrincipal?: number } = {}) => {
    sessions = createProtocolSessions(
      { idleMs: 60_000, lifetimeMs: 600_000, max: 4, maxPerPrincipal: 3, ...limits },
      { now: () => now, onError: (error) => expect(error).toBeUndefined() },
    );
  };
  const open = (caller: Caller): Promise<ProtocolSession> => {
    now += 1;
    return sessions.open(caller, BINDING, async (id) => ({
      handle: () => Promise.reject(new Error('not asked for here')),
      close: async () => void ended.push(id),
    }));
  };
  const pass = async (ms: number) => {
    now += ms;
    await vi.advanceTimersByTimeAsync(ms);
  };

  beforeEach(() => {
    vi.useFakeTimers();
    now = 0;
    ended = [];
    create();
  });

  afterEach(async () => {
    await sessions.close();
    vi.useRealTimers();
  });

  it('are found by their owner alone', async () => {
    const { id } = await open(alice);
    expect(sessions.find(id, alice)?.id).toBe(id);
    expect(sessions.find(id, bob)).toBeUndefined();
    expect(sessions.find('unknown', alice)).toBeUndefined();
  });

  it('end when they were idle for too long, not while a request is under way', async () => {
    const [idle, busy] = [await open(alice), await open(alice)];
    const done = sessions.begin(busy, []);
    await pass(90_000);
    expect(ended).toEqual([idle.id]);
    done?.();
    await pass(60_000);
    expect(sessions.size).toBe(1);
    await pass(30_001);
    expect(ended).toEqual([idle.id, busy.id]);
  });

  it('are not found any more as soon as they are over, before any sweep', async () => {
    const { id } = await open(alice);
    now += 60_001;
    expect(sessions.find(id, alice)).toBeUndefined();
    expect(ended).toEqual([id]);
  });

  it('end at the end of their lifetime, however busy they are', async () => {
    const session = await open(alice);
    sessions.begin(session, []);
    await pass(600_001);
    await pass(30_000);
    expect(ended).toEqual([session.id]);
  });

  it('[mcp-auth/defect.global-session-cap] take room from whoever holds most, never from one who holds less', async () => {
    const own = [await open(alice), await open(alice), await open(alice)];
    await open(bob);
    await open(carol);
    expect(ended).toEqual([own[0]?.id]);
    await open(alice);
    await open(callerOf('dave'));
    expect(ended).toEqual([own[0]?.id, own[1]?.id, own[2]?.id]);
  });

  it('[mcp-auth/defect.global-session-cap] take room from their own user where others hold no more', async () => {
    create({ max: 2, maxPerPrincipal: 2 });
    const others = await open(bob);
    const first = await open(alice);
    await open(alice);
    expect(ended).toEqual([first.id]);
    expect(sessions.find(others.id, bob)).toBeDefined();
  });

  it('are at most so many for one user, the idlest going first and one at work last', async () => {
    const [first, second, third] = [await open(alice), await open(alice), await open(alice)];
    sessions.begin(first, []);
    now += 1;
    sessions.find(second.id, alice);
    await open(alice);
    expect(ended).toEqual([third.id]);
  });

  it('make room with what is over already', async () => {
    const own = [await open(alice), await open(alice), await open(alice)];
    now += 60_001;
    const { id } = await open(bob);
    await open(alice);
    await open(alice);
    expect(ended).toEqual(own.map((session) => session.id));
    expect(sessions.find(id, bob)).toBeDefined();
  });

  it('are never more than the limit when many are opened at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => open(alice)));
    expect(sessions.size).toBe(3);
    await Promise.all(Array.from({ length: 20 }, (_, index) => open(callerOf(`user-${index}`))));
    expect(sessions.size).toBe(4);
  });

  it('of a user can be ended together', async () => {
    await open(alice);
    const { id } = await open(bob);
    await open(alice);
    sessions.endAllOf(alice.principal.key);
    expect(sessions.size).toBe(1);
    expect(sessions.find(id, bob)).toBeDefined();
  });

  it('leave no timer and open no more when they are closed', async () => {
    await open(alice);
    await sessions.close();
    expect(vi.getTimerCount()).toBe(0);
    await expect(open(alice)).rejects.toMatchObject({ code: 'TRANSPORT_ERROR' });
    expect(ended).toHaveLength(2);
  });
});
