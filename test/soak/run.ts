import { parseArgs } from 'node:util';
import { checkKilled, checkTerminated } from './ending.ts';
import { findGrowth, type Sample, takeSample, toTable } from './flatness.ts';
import { createLoad, type Load } from './load.ts';
import { type GateProcess, openWorld, type World } from './world.ts';

/** `npm run soak -- --minutes 10 --seed 1`: work and rest in turn, then the end of the gate under load. */
const CYCLE_MS = 50_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes and --seed are numbers');

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const world = await openWorld();
try {
  const gate = await world.startGate();
  const load = createLoad(world, gate, seed);
  const problems = [...(await soak(gate, load)), ...(await end(world, gate, load))];
  say(describe(gate, load));
  for (const problem of problems) say(`FAILED (seed ${seed}): ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  else say(`Flat for ${minutes} minutes with seed ${seed}, and ended in order.`);
} finally {
  await world.close();
}

async function soak(gate: GateProcess, load: Load): Promise<readonly string[]> {
  const startedAtMs = Date.now();
  const samples: Sample[] = [];
  try {
    while (Date.now() - startedAtMs < minutes * 60_000 && gate.isRunning) {
      await load.work(Math.min(CYCLE_MS, (minutes * 60_000) / 8));
      samples.push(await takeSample(world, gate, startedAtMs));
      say(
        toTable(samples)
          .split('\n')
          .slice(samples.length === 1 ? 0 : -1)
          .join('\n'),
      );
    }
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  } finally {
    say(`\nAt quiet points:\n${toTable(samples)}\n`);
  }
  return [...load.violations.map((error) => error.stack ?? error.message), ...findGrowth(samples)];
}

async function end(around: World, gate: GateProcess, load: Load): Promise<readonly string[]> {
  const terminated = gate.isRunning ? await checkTerminated(around, gate, load) : ['The gate is gone'];
  return [...terminated, ...(await checkKilled(around, seed))];
}

function describe(gate: GateProcess, { ledger }: Load): string {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, 40)
      .map(([what, count]) => `  ${String(count).padStart(8)}  ${what}`)
      .join('\n');
  return `Outcomes:\n${list(ledger.counts)}\nTold by the gate as errors:\n${list(gate.told)}`;
}
