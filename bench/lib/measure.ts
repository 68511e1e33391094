import type { Arm } from './arms.ts';
import type { SliceResult } from './generator.ts';
import { type ArmEnvironment, type RunningArm, runArm } from './running-arm.ts';

export interface Plan {
  readonly rounds: number;
  readonly restarts: number;
  readonly sliceMs: number;
  readonly warmUpCalls: number;
}

/** One slice of one arm. */
export interface Sample {
  readonly restart: number;
  readonly round: number;
  readonly cpuMicrosecondsPerCall: number;
  readonly calls: number;
}

export interface Measured {
  readonly arm: Arm;
  readonly samples: readonly Sample[];
  readonly latenciesMs: readonly number[];
  /** Why there is nothing, or no more, to go by. */
  readonly failure?: string | undefined;
}

interface Candidate {
  readonly arm: Arm;
  readonly environment: ArmEnvironment;
  readonly samples: Sample[];
  readonly latenciesMs: number[];
  failure?: string | undefined;
}

const MAX_LATENCIES = 200_000;

/**
 * Measures arms side by side: within a restart all of them run, and take turns of a slice each, forwards and backwards,
 * so that whatever the machine does meets all alike.
 */
export async function measure(
  arms: readonly (readonly [Arm, ArmEnvironment])[],
  plan: Plan,
  tell: (text: string) => void,
): Promise<readonly Measured[]> {
  const candidates: Candidate[] = arms.map(([arm, environment]) => ({
    arm,
    environment,
    samples: [],
    latenciesMs: [],
  }));
  for (let restart = 0; restart < plan.restarts; restart += 1) {
    tell(`restart ${restart + 1} of ${plan.restarts}`);
    await measureOnce(candidates, { ...plan, restart }, tell);
  }
  return candidates;
}

async function measureOnce(
  candidates: readonly Candidate[],
  plan: Plan & { readonly restart: number },
  tell: (text: string) => void,
): Promise<void> {
  const running = new Map<Candidate, RunningArm>();
  try {
    for (const candidate of candidates) {
      if (candidate.failure !== undefined) continue;
      try {
        const arm = await runArm(candidate.arm, candidate.environment);
        running.set(candidate, arm);
        note(candidate, await arm.run({ calls: plan.warmUpCalls }));
      } catch (error) {
        note(candidate, { failure: error instanceof Error ? error.message : String(error) });
      }
      tell(`${candidate.arm.name}: ${candidate.failure ?? 'ready'}`);
    }
    for (let round = 0; round < plan.rounds; round += 1) {
      const order = [...running].filter(([{ failure }]) => failure === undefined);
      for (const [candidate, arm] of round % 2 === 0 ? order : order.toReversed()) {
        await takeSlice(candidate, arm, { ...plan, round });
      }
    }
  } finally {
    for (const arm of running.values()) await arm.stop();
  }
}

/** One call of each caller. */
const REFRESHING_CALLS = 1000;

function keepsThings({ group }: Arm): boolean {
  return group === 'ours' || group === 'guard' || group === 'ideal';
}

interface Turn {
  readonly restart: number;
  readonly round: number;
  readonly sliceMs: number;
}

async function takeSlice(
  candidate: Candidate,
  arm: RunningArm,
  { restart, round, sliceMs }: Turn,
): Promise<void> {
  // While others had their turn, what is kept for a minute has grown old; under load it would not.
  if (keepsThings(candidate.arm)) note(candidate, await arm.run({ calls: REFRESHING_CALLS }));
  const before = arm.process.cpu();
  const slice = await arm.run({ ms: sliceMs });
  const spent = arm.process.cpu() - before;
  note(candidate, slice);
  if (slice.failure !== undefined || slice.calls === 0) return;
  candidate.samples.push({
    restart,
    round,
    calls: slice.calls,
    cpuMicrosecondsPerCall: spent / 1000 / slice.calls,
  });
  for (const latency of slice.latenciesMs) {
    if (candidate.latenciesMs.length < MAX_LATENCIES) candidate.latenciesMs.push(latency);
  }
}

function note(candidate: Candidate, { failure }: Pick<SliceResult, 'failure'>): void {
  candidate.failure ??= failure;
}
