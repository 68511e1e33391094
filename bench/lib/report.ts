import type { Measured } from './measure.ts';
import { median, quantile } from './statistics.ts';
import { medianCost, meetsAim, meetsFloor, type Verdict } from './targets.ts';

export function armTable(measured: readonly Measured[]): string {
  const rows = measured.map((each) => {
    const cost = medianCost(each);
    const costs = each.samples.map(({ cpuMicrosecondsPerCall }) => cpuMicrosecondsPerCall);
    if (each.samples.length === 0) return [each.arm.name, '-', '-', '-', '-', '-'];
    return [
      each.arm.name,
      cost.toFixed(1),
      `${quantile(costs, 0.25).toFixed(1)}-${quantile(costs, 0.75).toFixed(1)}`,
      (1e6 / cost).toFixed(0),
      each.latenciesMs.length === 0 ? '-' : median(each.latenciesMs).toFixed(2),
      each.latenciesMs.length === 0 ? '-' : quantile(each.latenciesMs, 0.99).toFixed(2),
    ];
  });
  const head = ['arm', 'µs CPU', 'quartiles', 'calls per CPU-s', 'p50 ms', 'p99 ms'];
  return toTable([head, ...rows]);
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => [
    verdict.what,
    number(verdict.value, verdict),
    number(verdict.median, verdict),
    `${verdict.more ? '≥' : '≤'} ${number(verdict.floor, verdict)}`,
    meetsFloor(verdict) ? 'met' : 'MISSED',
    `${verdict.more ? '≥' : '≤'} ${number(verdict.aim, verdict)}`,
    meetsAim(verdict) ? 'met' : 'not yet',
  ]);
  return toTable([['target', 'value', 'median', 'floor', '', 'aim', ''], ...rows]);
}

function number(value: number, { unit }: Verdict): string {
  return `${value.toFixed(unit === '×' ? 2 : 1)} ${unit}`;
}

function toTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_unused, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column === 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, width: number, left: boolean): string {
  return left ? cell.padEnd(width) : cell.padStart(width);
}
