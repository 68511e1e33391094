import type { ArmProcess } from './lib/arm-process.ts';
import { ARMS, type Arm } from './lib/arms.ts';
import { residentBytes } from './lib/cpu.ts';
import { type ArmEnvironment, openArm, runArm, sessionEndpoint } from './lib/running-arm.ts';
import { median, quantile } from './lib/statistics.ts';
import type { Verdict } from './lib/targets.ts';
import { openSessions } from './lib/wire.ts';

/** How much there is of everything. */
export interface MemoryPlan {
  readonly principals: number;
  readonly sessions: number;
  readonly users: number;
  readonly calls: number;
}

export const WHOLE: MemoryPlan = { principals: 100_000, sessions: 10_000, users: 1_000_000, calls: 100_000 };
export const QUICK: MemoryPlan = { principals: 10_000, sessions: 1_000, users: 100_000, calls: 20_000 };

const MEGABYTE = 1_000_000;
const IN_PROCESS = { script: 'memory.mjs', wire: 'in-process', claim: 'none', group: 'guard' } as const;

/** What the gate holds on to, and what that does to a call. Numbers below the whole plan prove nothing of the targets. */
export async function measureMemory(
  environment: ArmEnvironment,
  plan: MemoryPlan,
  tell: (text: string) => void,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const add = (verdict: Verdict): void => {
    verdicts.push(verdict);
    tell(`${verdict.what}: ${verdict.value.toFixed(2)} ${verdict.unit}`);
  };
  add(await principalsHeld(environment, plan.principals));
  add(await sessionsHeld(environment, plan.sessions));
  add(await usersSeen(environment, plan.users));
  for (const name of ['ours-fresh', 'ours-pooled']) add(await growth(environment, name, plan.calls));
  return verdicts;
}

async function principalsHeld(environment: ArmEnvironment, principals: number): Promise<Verdict> {
  return withArm({ ...IN_PROCESS, name: 'principals', mode: 'assembled' }, environment, async (arm) => {
    await arm.ask({ seen: { first: 0, count: principals } });
    await arm.ask({ memory: true });
    return resident(`RSS with ${principals} principals (token, limiter, list of tools)`, arm, {
      floor: 150,
      aim: 110,
    });
  });
}

async function sessionsHeld(environment: ArmEnvironment, sessions: number): Promise<Verdict> {
  const arm = { ...named('ours-session'), mode: `fresh session:${sessions}` };
  return withArm(arm, environment, async (process) => {
    const { tokens } = environment.callers;
    const callers = Array.from({ length: sessions }, (_unused, index) => ({
      token: tokens[index % tokens.length],
    }));
    await openSessions(sessionEndpoint(process), callers, 8);
    await process.ask({ memory: true });
    return resident(`RSS with ${sessions} live sessions of 2025`, process, { floor: 250, aim: 195 });
  });
}

const KNOWN = { users: 1000, calls: 5_000 };
const TURNS = 9;

/** Two processes by turns: one that has seen many users, and one that has not. */
async function usersSeen(environment: ArmEnvironment, users: number): Promise<Verdict> {
  const arm: Arm = { ...IN_PROCESS, name: 'users' };
  const [experienced, fresh] = [await openArm(arm, environment), await openArm(arm, environment)];
  try {
    const costOf = async ({ process }: typeof fresh) => Number(await process.ask({ cost: KNOWN }));
    await experienced.process.ask({ seen: { first: KNOWN.users, count: users } });
    for (let turn = 0; turn < TURNS; turn += 1) {
      await costOf(experienced);
      await costOf(fresh);
    }
    const ratios: number[] = [];
    for (let turn = 0; turn < TURNS; turn += 1)
      ratios.push((await costOf(experienced)) / (await costOf(fresh)));
    return {
      what: `a call after ${users} users, to one of a gate that saw 1000`,
      unit: '×',
      value: quantile(ratios, 0.75),
      median: median(ratios),
      floor: 1.1,
      aim: 1,
      more: false,
    };
  } finally {
    await experienced.stop();
    await fresh.stop();
  }
}

async function growth(environment: ArmEnvironment, name: string, calls: number): Promise<Verdict> {
  const arm = await runArm(named(name), environment);
  try {
    const heap = async () => ((await arm.process.ask({ memory: true })) as { heapUsed: number }).heapUsed;
    const run = async (count: number) => {
      const { failure } = await arm.run({ calls: count });
      if (failure !== undefined) throw new Error(failure);
    };
    await run(calls / 5);
    const before = await heap();
    await run(calls);
    const bytes = ((await heap()) - before) / calls;
    return {
      what: `heap that each of ${calls} calls leaves, ${name}`,
      unit: 'B',
      value: bytes,
      median: bytes,
      floor: 50,
      aim: 0,
      more: false,
    };
  } finally {
    await arm.stop();
  }
}

async function withArm(
  arm: Arm,
  environment: ArmEnvironment,
  use: (arm: ArmProcess) => Promise<Verdict>,
): Promise<Verdict> {
  const opened = await openArm(arm, environment);
  try {
    return await use(opened.process);
  } finally {
    await opened.stop();
  }
}

function named(name: string): Arm {
  const arm = ARMS.find((each) => each.name === name);
  if (arm === undefined) throw new Error(`No arm ${name}`);
  return arm;
}

function resident(
  what: string,
  { pid }: ArmProcess,
  bounds: { readonly floor: number; readonly aim: number },
): Verdict {
  const value = residentBytes(pid) / MEGABYTE;
  return { what, unit: 'MB', value, median: value, more: false, ...bounds };
}
