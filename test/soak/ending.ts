import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createDice } from '../matrix/dice.ts';
import { checkAllHeard, checkAudit } from './audit.ts';
import { pick, SERVERS } from './choices.ts';
import type { Load } from './load.ts';
import { inTime } from './outcome.ts';
import { childrenOf, isAlive } from './proc.ts';
import { openSocket } from './socket.ts';
import { createLedger, type Ledger, User } from './user.ts';
import type { GateProcess, World } from './world.ts';

/** What a gate says while it ends. */
const CLOSING = ['SHUTTING_DOWN'];
const USERS = 24;
const LOAD_MS = 3000;
/** The gate's own grace is 30 s for calls, and 5 s for each part. */
const GRACE_MS = 45_000;

/** The last minutes of a gate, as those who call it see them. */
interface LastCalls {
  readonly ledger: Ledger;
  /** When the gate was told to end. */
  orderedAtMs: number;
  /** Calls that nobody answered or refused: by request id, they must not have been accepted. */
  readonly unheard: string[];
  isOver: boolean;
}

/**
 * SIGTERM while everybody calls: what was accepted is answered, what comes later is refused, the process ends by
 * itself with 0 and leaves no other behind, and the audit log is whole. Returns what is not so.
 */
export async function checkTerminated(
  world: World,
  gate: GateProcess,
  load?: Load,
): Promise<readonly string[]> {
  const last: LastCalls = {
    ledger: createLedger(),
    orderedAtMs: Number.POSITIVE_INFINITY,
    unheard: [],
    isOver: false,
  };
  const users = callersOf(world, gate, last.ledger);
  const calling = Promise.allSettled(
    users.map((user, index) => (index % 3 === 0 ? callOverSockets(user, last) : callOverHttp(user, last))),
  );
  const born = new Set<number>();
  const watching = setInterval(() => {
    for (const pid of childrenOf(gate.pid)) born.add(pid);
  }, 50);
  await delay(LOAD_MS);
  last.orderedAtMs = Date.now();
  gate.signal('SIGTERM');
  const { code, signal } = await inTime(gate.ended, 'the end of the gate after SIGTERM', GRACE_MS).finally(
    () => {
      clearInterval(watching);
      last.isOver = true;
    },
  );
  const survivors = [...born].filter(isAlive);
  const settled = await inTime(calling, 'the end of the last calls');
  return [
    ...settled.flatMap((each) => (each.status === 'rejected' ? [`At the end: ${String(each.reason)}`] : [])),
    ...(code === 0 ? [] : [`The gate ended with ${code ?? signal}`]),
    ...(born.size > 0 ? [] : ['No process was started for the last calls']),
    ...(survivors.length === 0 ? [] : [`${survivors.length} processes outlived the gate`]),
    ...checkAudit(gate.auditPath, {
      ledgers: [last.ledger, ...(load ? [load.ledger] : [])],
      unheard: last.unheard,
    }),
    ...checkAllHeard(gate.auditPath, last.ledger),
  ];
}

function callersOf({ issuer }: World, gate: GateProcess, ledger: Ledger): readonly User[] {
  return Array.from({ length: USERS }, (_, index) => {
    const roll = createDice(7919 * (index + 1));
    return new User({ name: `last-${index}`, issuer, gate, ledger, roll });
  });
}

async function callOverHttp(user: User, last: LastCalls): Promise<void> {
  while (!last.isOver) {
    const requestId = randomUUID();
    const server = pick(user, SERVERS);
    const args = { ms: 50 + user.roll(1500) };
    try {
      await user.call({ server, tool: 'slow', args, isAlone: true, requestId, allow: CLOSING });
    } catch (error) {
      if (Date.now() < last.orderedAtMs || !isUnreachable(error)) throw error;
      last.unheard.push(requestId);
      await delay(100);
    }
  }
}

async function callOverSockets(user: User, last: LastCalls): Promise<void> {
  while (!last.isOver) {
    try {
      const era = pick(user, ['2025-11-25', '2026-07-28'] as const);
      const isLate = Date.now() >= last.orderedAtMs;
      const allow = isLate ? [...CLOSING, 'closed 1001'] : CLOSING;
      const socket = await openSocket(user, { server: pick(user, SERVERS), era, allow });
      if (socket === undefined) await delay(200);
      while (socket?.isOpen === true && !last.isOver) {
        // What was sent before the gate was told has been read or will be refused; afterwards a socket may just end.
        const endings = Date.now() < last.orderedAtMs ? [] : ['closed 1001'];
        const args = { ms: 50 + user.roll(1000) };
        await socket.call({ tool: 'slow', args, allow: [...CLOSING, ...endings] });
      }
    } catch (error) {
      if (Date.now() < last.orderedAtMs || !isUnreachable(error)) throw error;
      await delay(100);
    }
  }
}

const UNREACHABLE: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return UNREACHABLE.has((error as NodeJS.ErrnoException).code) || isUnreachable(error.cause);
}

/** SIGKILL: nobody can tell its processes, and yet they end. */
export async function checkKilled(world: World, seed: number): Promise<readonly string[]> {
  const gate = await world.startGate();
  const roll = createDice(seed + 1);
  const users = Array.from({ length: 4 }, (_, index) => {
    return new User({ name: `killed-${index}`, issuer: world.issuer, gate, ledger: createLedger(), roll });
  });
  const calling = users.map((user) => user.call({ server: 'command', tool: 'slow', args: { ms: 60_000 } }));
  for (const call of calling) call.catch(() => undefined);
  const giveUpMs = Date.now() + 20_000;
  while (childrenOf(gate.pid).length < users.length && Date.now() < giveUpMs) await delay(50);
  const orphans = childrenOf(gate.pid);
  gate.signal('SIGKILL');
  await inTime(gate.ended, 'the end of the gate after SIGKILL');
  await Promise.allSettled(calling);
  const patienceMs = Date.now() + 10_000;
  while (orphans.some(isAlive) && Date.now() < patienceMs) await delay(50);
  const left = orphans.filter(isAlive).length;
  return [
    ...(orphans.length > 0 ? [] : ['SIGKILL: no process was started']),
    ...(left === 0 ? [] : [`SIGKILL: ${left} of ${orphans.length} processes outlived the gate`]),
  ];
}
