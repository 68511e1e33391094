import { setTimeout as delay } from 'node:timers/promises';
import { childrenOf, openFilesOf } from './proc.ts';
import type { GateProcess, World } from './world.ts';

/** What a gate holds while nobody asks anything of it. */
export interface Sample {
  readonly atSeconds: number;
  readonly heapMb: number;
  readonly externalMb: number;
  readonly rssMb: number;
  readonly openFiles: number;
  readonly sockets: number;
  readonly pipes: number;
  readonly children: number;
  readonly resources: number;
  readonly timers: number;
  readonly remoteSessions: number;
}

/** Idle times of the gate's pools and sessions, and of connections that are kept. */
const IDLE_MS = 7000;
/** A busy machine takes its time to end a process. */
const PATIENCE_MS = 20_000;

/** Waits until what has an idle time has passed it, and looks. */
export async function takeSample(world: World, gate: GateProcess, startedAtMs: number): Promise<Sample> {
  await delay(IDLE_MS);
  const giveUpMs = Date.now() + PATIENCE_MS;
  const isQuiet = (): boolean => childrenOf(gate.pid).length === 0 && socketsOf(gate) <= 1;
  while (!isQuiet() && Date.now() < giveUpMs) await delay(250);
  const { heapUsed, external, rss, resources } = await gate.numbers();
  const files = openFilesOf(gate.pid);
  const mb = (bytes: number): number => Math.round((bytes / 1_048_576) * 100) / 100;
  return {
    atSeconds: Math.round((Date.now() - startedAtMs) / 1000),
    heapMb: mb(heapUsed),
    externalMb: mb(external),
    rssMb: mb(rss),
    openFiles: sum(files),
    sockets: files['socket'] ?? 0,
    pipes: files['pipe'] ?? 0,
    children: childrenOf(gate.pid).length,
    resources: sum(resources),
    timers: resources['Timeout'] ?? 0,
    remoteSessions: await world.remoteSessions(),
  };
}

function socketsOf(gate: GateProcess): number {
  return openFilesOf(gate.pid)['socket'] ?? 0;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** How much more than at the start there may be at the end. */
export interface Tolerance {
  readonly share: number;
  readonly fixed: number;
}

const TOLERANCES: Partial<Record<keyof Sample, Tolerance>> = {
  heapMb: { share: 0.1, fixed: 2 },
  externalMb: { share: 0.1, fixed: 1 },
  openFiles: { share: 0, fixed: 2 },
  sockets: { share: 0, fixed: 1 },
  pipes: { share: 0, fixed: 0 },
  children: { share: 0, fixed: 0 },
  resources: { share: 0, fixed: 3 },
  timers: { share: 0, fixed: 2 },
  remoteSessions: { share: 0, fixed: 2 },
};

/** Samples that are taken while caches fill. */
const WARM_UP = 2;

/** What has grown from the first samples after warming up to the last ones, by end and by trend. */
export function findGrowth(samples: readonly Sample[]): readonly string[] {
  const warm = samples.slice(WARM_UP);
  const last = warm.at(-1);
  if (last === undefined || warm.length < 3) return ['too few samples'];
  const problems = Object.entries(TOLERANCES).flatMap(([name, { fixed, share }]) => {
    const values = warm.map((sample) => sample[name as keyof Sample]);
    const base = median(values.slice(0, 3));
    const most = base * share + fixed;
    const end = median(values.slice(-3));
    const rise = slope(values) * (values.length - 1);
    return [
      ...(end - base > most ? [`${name} ended at ${end}, from ${base} (tolerance ${most.toFixed(2)})`] : []),
      ...(rise > most
        ? [`${name} rises by ${rise.toFixed(2)} over the run (tolerance ${most.toFixed(2)})`]
        : []),
    ];
  });
  const orphans = samples.filter(({ children }) => children > 0).length;
  return orphans === 0 ? problems : [...problems, `children at ${orphans} quiet points`];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Least squares, per sample. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const above = values.reduce((total, value, index) => total + (index - middle) * (value - mean), 0);
  const below = values.reduce((total, _value, index) => total + (index - middle) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

export function toTable(samples: readonly Sample[]): string {
  const [first] = samples;
  if (first === undefined) return '';
  const names = Object.keys(first) as (keyof Sample)[];
  const rows = [names, ...samples.map((sample) => names.map((name) => String(sample[name])))];
  const widths = names.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
    .join('\n');
}
