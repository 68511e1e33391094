import type { Excuses, Expectation } from './expectations.ts';
import type { Check, Judgement } from './judge.ts';

export interface Row {
  readonly scenario: string;
  readonly passed: boolean;
  /** Whether what happened is what was expected. */
  readonly fine: boolean;
  readonly counts: string;
  readonly remarks: readonly string[];
}

/** Strict: every expected scenario ran, with at least one success, no failure and no warning. */
export function compare(
  judgement: Judgement,
  expectation: Expectation,
  excuses: Excuses = {},
): readonly Row[] {
  const { required, extra, notDemanded } = expectation;
  const demanded = [...required, ...extra];
  const known = new Set([...demanded, ...Object.keys(notDemanded)]);
  const unknown = [...judgement.scenarios.keys()].filter((scenario) => !known.has(scenario));
  const rows = demanded.map((scenario) =>
    judgeOne(scenario, judgement.scenarios.get(scenario), excuses[scenario]),
  );
  const strangers = unknown.map((scenario) => ({
    ...judgeOne(scenario, judgement.scenarios.get(scenario)),
    fine: false,
    remarks: ['the suite ran it, and nothing is said of it in expectations.ts'],
  }));
  // The suite may fail for a reason of its own, which no scenario shows.
  const isExcused = rows.some(({ scenario, passed }) => !passed && required.includes(scenario));
  const ending: Row = {
    scenario: '(exit code of the suite)',
    passed: judgement.exitCode === 0,
    fine: judgement.exitCode === (isExcused ? 1 : 0),
    counts: String(judgement.exitCode),
    remarks: [],
  };
  return [...rows, ...strangers, ending];
}

function judgeOne(
  scenario: string,
  checks: readonly Check[] | undefined,
  excuses: Readonly<Record<string, string>> = {},
): Row {
  if (checks === undefined) {
    return { scenario, passed: false, fine: false, counts: '-', remarks: ['did not run'] };
  }
  const bad = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  const succeeds = checks.some(({ status }) => status === 'SUCCESS');
  const badIds = new Set(bad.map(({ id }) => id));
  const needless = Object.keys(excuses).filter((id) => !badIds.has(id));
  const inexcusable = bad.filter(({ id }) => excuses[id] === undefined);
  const remarks = [
    ...inexcusable.map(({ id, status, errorMessage }) => `${status} ${id}: ${errorMessage ?? ''}`),
    ...[...badIds].flatMap((id) => (excuses[id] === undefined ? [] : [`excused ${id}: ${excuses[id]}`])),
    ...needless.map((id) => `passes ${id}, though it is excused`),
  ];
  const fine = succeeds && inexcusable.length === 0 && needless.length === 0;
  return { scenario, passed: succeeds && bad.length === 0, fine, counts: count(checks), remarks };
}

function count(checks: readonly Check[]): string {
  const counts = new Map<string, number>();
  for (const { status } of checks) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, number]) => `${number} ${status.toLowerCase()}`).join(', ');
}

/** The rows as lines for people. */
export function format(rows: readonly Row[]): readonly string[] {
  const width = Math.max(...rows.map(({ scenario }) => scenario.length));
  return rows.flatMap(({ scenario, passed, fine, counts, remarks }) => [
    `  ${fine ? (passed ? 'ok ' : 'n/a') : 'BAD'} ${scenario.padEnd(width)}  ${counts}`,
    ...remarks.map((remark) => `        ${remark}`),
  ]);
}
