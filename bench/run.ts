import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Arm, selectArms } from './lib/arms.ts';
import { createCallers } from './lib/callers.ts';
import { canPin, pinGenerator } from './lib/cpu.ts';
import { copyDist } from './lib/dist.ts';
import { type Measured, measure, type Plan } from './lib/measure.ts';
import { armTable, verdictTable } from './lib/report.ts';
import type { ArmEnvironment } from './lib/running-arm.ts';
import { median } from './lib/statistics.ts';
import { judge, meetsFloor, observe, pairedRatios, type Verdict } from './lib/targets.ts';
import { measureMemory, QUICK, WHOLE } from './memory.ts';

const { values } = parseArgs({
  options: {
    arms: { type: 'string', default: '' },
    rounds: { type: 'string' },
    restarts: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    dist: { type: 'string' },
    base: { type: 'string' },
    memory: { type: 'boolean', default: false },
  },
});

const CALLERS = 1000;
const CONNECTIONS = 8;

function planOf(): Plan {
  const plan = values.quick
    ? { rounds: 5, restarts: 1, sliceMs: 400, warmUpCalls: 4000 }
    : { rounds: 9, restarts: 4, sliceMs: 1000, warmUpCalls: 6000 };
  return {
    ...plan,
    ...(values.rounds !== undefined && { rounds: count('rounds', values.rounds) }),
    ...(values.restarts !== undefined && { restarts: count('restarts', values.restarts) }),
  };
}

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${name} needs a whole number from 1`);
}

/** Runs with a copy of each build and an issuer, and takes them away. */
async function bench(pin: boolean): Promise<boolean> {
  const arms = selectArms(values.arms.split(',').filter((name) => name !== ''));
  const copies = [copyDist(values.dist), ...(values.base === undefined ? [] : [copyDist(values.base)])];
  const [dist, base] = copies.map(({ path }) => path);
  const callers = await createCallers(dist ?? '', CALLERS);
  try {
    const environment: ArmEnvironment = { callers, dist: dist ?? '', pin, connections: CONNECTIONS };
    if (values.memory) return memory(await measureMemory(environment, values.quick ? QUICK : WHOLE, tell));
    const measured = await measure(withBase(arms, environment, base), planOf(), tell);
    return report(measured);
  } finally {
    await callers.close();
    for (const copy of copies) copy.remove();
  }
}

function memory(verdicts: readonly Verdict[]): boolean {
  say(`\n${verdictTable(verdicts)}`);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ verdicts }, undefined, 2)}\n`);
  return verdicts.every(meetsFloor);
}

const BASE = '@base';

/** With another build to compare with, each arm of ours runs twice. */
function withBase(
  arms: readonly Arm[],
  environment: ArmEnvironment,
  base: string | undefined,
): readonly (readonly [Arm, ArmEnvironment])[] {
  return arms.flatMap((arm): (readonly [Arm, ArmEnvironment])[] => {
    if (base === undefined || (arm.group !== 'ours' && arm.group !== 'guard')) return [[arm, environment]];
    return [
      [arm, environment],
      [
        { ...arm, name: arm.name + BASE },
        { ...environment, dist: base },
      ],
    ];
  });
}

/** Whether nothing failed and no floor was missed. */
function report(measured: readonly Measured[]): boolean {
  const verdicts = judge(measured);
  const failures = measured.filter(({ failure }) => failure !== undefined);
  say(`\n${armTable(measured)}\n`);
  for (const line of [...observe(measured), ...changes(measured)]) say(line);
  if (verdicts.length > 0) say(`\n${verdictTable(verdicts)}`);
  for (const { arm, failure } of failures) say(`\n${arm.name} failed: ${failure}`);
  if (values.json !== undefined) writeFileSync(values.json, toJson(measured, verdicts));
  return failures.length === 0 && verdicts.every(meetsFloor);
}

function changes(measured: readonly Measured[]): readonly string[] {
  return measured.flatMap((before) => {
    if (!before.arm.name.endsWith(BASE)) return [];
    const name = before.arm.name.slice(0, -BASE.length);
    const ratios = pairedRatios(
      measured.find(({ arm }) => arm.name === name),
      before,
    );
    return ratios.length === 0
      ? []
      : [`${name} answers ${median(ratios).toFixed(3)} × the calls of its base`];
  });
}

function toJson(measured: readonly Measured[], verdicts: readonly Verdict[]): string {
  const arms = measured.map(({ arm, failure, samples }) => ({ ...arm, failure, samples }));
  return `${JSON.stringify({ node: process.version, plan: planOf(), arms, verdicts }, undefined, 2)}\n`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function main(): Promise<boolean> {
  const pin = canPin();
  if (pin) pinGenerator();
  else tell('No second core or no taskset: server and generator disturb each other');
  return bench(pin);
}

// What is temporary goes when the process exits by itself; those it started follow it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

process.exitCode = (await main()) ? 0 : 1;
