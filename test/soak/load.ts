import { setTimeout as delay } from 'node:timers/promises';
import { createDice } from '../matrix/dice.ts';
import { ACTIVITIES, leaveQuestion } from './activities.ts';
import { pick } from './choices.ts';
import { inTime } from './outcome.ts';
import { childrenOf } from './proc.ts';
import { createLedger, type Ledger, User } from './user.ts';
import type { GateProcess, World } from './world.ts';

export interface Load {
  readonly ledger: Ledger;
  readonly users: readonly User[];
  /** What has happened that must not. */
  readonly violations: readonly Error[];
  /** Everybody is at work for so long, and has finished when it returns. */
  work(forMs: number): Promise<void>;
}

const USERS = 30;
/** More of them say nothing new. */
const MAX_VIOLATIONS = 20;

/** Users of a gate, who do the same with the same seed, as far as the machine lets them. */
export function createLoad(world: World, gate: GateProcess, seed: number): Load {
  const ledger = createLedger();
  const { issuer } = world;
  const userOf = (name: string, number: number): User =>
    new User({ name, issuer, gate, ledger, roll: createDice(1 + seed * 1000 + number) });
  const users = Array.from({ length: USERS }, (_, index) => userOf(`user-${index}`, index));
  const leaver = userOf('leaver', USERS);
  const vandal = createDice(1 + seed * 1000 + USERS + 1);

  const violations: Error[] = [];

  return {
    ledger,
    users,
    violations,
    async work(forMs) {
      const untilMs = Date.now() + forMs;
      const isOn = (): boolean =>
        violations.length < MAX_VIOLATIONS && Date.now() < untilMs && gate.isRunning;
      const keepOn = async (turn: () => Promise<void>): Promise<void> => {
        while (isOn()) {
          await turn().catch((error: unknown) => {
            violations.push(error instanceof Error ? error : new Error(String(error)));
          });
        }
      };
      await inTime(
        Promise.all([
          ...users.map((user) => keepOn(() => pick(user, ACTIVITIES)(user))),
          keepOn(async () => {
            await leaveQuestion(leaver);
            await pause(500, isOn);
          }),
          keepOn(async () => {
            await pause(500 + vandal(1500), isOn);
            killOne(gate, vandal);
          }),
          keepOn(async () => {
            await pause(10_000 + vandal(20_000), isOn);
            if (isOn()) await world.restartRemote();
          }),
        ]),
        'the end of the work of all users',
        forMs + 90_000,
      );
      for (const user of [...users, leaver]) {
        if (user.leavesQuestion) gate.revoke(JSON.stringify([issuer.issuer, null, user.name]));
        user.leavesQuestion = false;
        user.rest();
      }
    },
  };
}

function killOne(gate: GateProcess, roll: (sides: number) => number): void {
  const children = childrenOf(gate.pid);
  const pid = children[roll(Math.max(1, children.length))];
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

async function pause(ms: number, isOn: () => boolean): Promise<void> {
  const untilMs = Date.now() + ms;
  while (isOn() && Date.now() < untilMs) await delay(100);
}
