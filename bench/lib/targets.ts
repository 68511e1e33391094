import type { Measured, Sample } from './measure.ts';
import { median, quantile } from './statistics.ts';

/** A target, judged. */
export interface Verdict {
  readonly what: string;
  readonly unit: '×' | 'µs' | 'MB' | 'B';
  /** The value that counts: the quartile of paired ratios on the worse side. */
  readonly value: number;
  readonly median: number;
  readonly floor: number;
  readonly aim: number;
  /** Whether more is better. */
  readonly more: boolean;
}

export function meetsFloor({ floor, more, value }: Verdict): boolean {
  return more ? value >= floor : value <= floor;
}

export function meetsAim({ aim, more, value }: Verdict): boolean {
  return more ? value >= aim : value <= aim;
}

interface Bounds {
  readonly floor: number;
  readonly aim: number;
}

/** Every target of which both sides were measured. */
export function judge(measured: readonly Measured[]): readonly Verdict[] {
  const find = (name: string) => measured.find(({ arm, samples }) => arm.name === name && samples.length > 0);
  const faster = (name: string, than: Measured | undefined, bounds: Bounds) =>
    compare(find(name), than, { ...bounds, more: true });
  const dearer = (name: string, than: string, bounds: Bounds) =>
    compare(find(name), find(than), { ...bounds, more: false });
  return [
    faster('ours-fresh', find('bare-v2'), { floor: 1, aim: 1.7 }),
    faster('ours-pooled', find('bare-v2'), { floor: 2.4, aim: 4 }),
    faster('ours-fresh', fastest(measured, 'stateless-peer'), { floor: 2.4, aim: 3 }),
    faster('ours-pooled', fastest(measured, 'session-peer'), { floor: 2, aim: 4 }),
    alone(find('guard-alone'), { floor: 25, aim: 10 }),
    dearer('ours-fresh-100', 'ours-fresh', { floor: 1.5, aim: 1.1 }),
    dearer('ours-pooled-100', 'ours-pooled', { floor: 1.05, aim: 1 }),
  ].filter((verdict) => verdict !== undefined);
}

/** What is worth knowing and gates nothing: how much less or more one costs than the other. */
export function observe(measured: readonly Measured[]): readonly string[] {
  const pairs = [
    ['ours-fresh-100', 'bare-v2-100'],
    ['ours-fresh-2025', 'bare-v2-2025'],
    ['ours-pooled-2025', 'bare-v2-2025'],
    ['ours-session', 'bare-v2-2025'],
    ['ideal', 'ours-pooled'],
    ['ideal', 'ours-fresh'],
  ] as const;
  return pairs.flatMap(([left, right]) => {
    const ratios = pairedRatios(
      measured.find(({ arm }) => arm.name === left),
      measured.find(({ arm }) => arm.name === right),
    );
    return ratios.length === 0
      ? []
      : [`${left} answers ${median(ratios).toFixed(2)} × the calls of ${right}`];
  });
}

function fastest(measured: readonly Measured[], group: Measured['arm']['group']): Measured | undefined {
  const peers = measured.filter(({ arm, samples }) => arm.group === group && samples.length > 0);
  return peers.toSorted((left, right) => medianCost(left) - medianCost(right))[0];
}

export function medianCost({ samples }: Measured): number {
  return median(samples.map(({ cpuMicrosecondsPerCall }) => cpuMicrosecondsPerCall));
}

/** How many calls the first answers in the time of one of the second, slice by slice of the same round. */
export function pairedRatios(first: Measured | undefined, second: Measured | undefined): readonly number[] {
  const key = ({ restart, round }: Sample) => `${restart}/${round}`;
  const others = new Map(second?.samples.map((sample) => [key(sample), sample.cpuMicrosecondsPerCall]));
  return (first?.samples ?? []).flatMap((sample) => {
    const other = others.get(key(sample));
    return other === undefined ? [] : [other / sample.cpuMicrosecondsPerCall];
  });
}

function compare(
  first: Measured | undefined,
  second: Measured | undefined,
  bounds: Bounds & { readonly more: boolean },
): Verdict | undefined {
  const calls = pairedRatios(first, second);
  if (calls.length === 0) return undefined;
  const ratios = bounds.more ? calls : calls.map((ratio) => 1 / ratio);
  return {
    what: `${first?.arm.name} ${bounds.more ? 'against' : 'costs, to'} ${second?.arm.name}`,
    unit: '×',
    value: quantile(ratios, bounds.more ? 0.25 : 0.75),
    median: median(ratios),
    ...bounds,
  };
}

function alone(guard: Measured | undefined, bounds: Bounds): Verdict | undefined {
  if (guard === undefined) return undefined;
  const costs = guard.samples.map(({ cpuMicrosecondsPerCall }) => cpuMicrosecondsPerCall);
  return {
    what: 'guard alone, for each message',
    unit: 'µs',
    value: quantile(costs, 0.75),
    median: median(costs),
    more: false,
    ...bounds,
  };
}
