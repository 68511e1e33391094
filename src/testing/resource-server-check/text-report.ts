import type { CheckReport, CheckResult, ItemReport, Verdict } from './report.ts';

const MARKS: Readonly<Record<Verdict, string>> = { passed: 'pass', failed: 'FAIL', 'not-applicable': 'n/a ' };
const INDENT = ' '.repeat(9);

/**
 * The report for a reader: one line for each item, the evidence of what failed below it, and the reason
 * where nothing could be seen. Holds printable ASCII and line feeds only, and ends with a line feed.
 */
export function toText(report: CheckReport): string {
  const { passed, failed, notApplicable } = report.summary;
  const eras = report.eras.length === 0 ? 'none was opened by what was given' : report.eras.join(', ');
  const lines = [
    report.url,
    `Protocol revisions: ${eras}`,
    '',
    ...report.items.flatMap(itemLines),
    '',
    ...report.problems.map((problem) => `Problem: ${problem}`),
    `${passed} passed, ${failed} failed, ${notApplicable} not applicable`,
  ];
  return `${lines.join('\n')}\n`;
}

function itemLines(item: ItemReport): readonly string[] {
  const source = `[${item.level}; ${toAscii(item.section)}]`;
  const head = `${MARKS[item.verdict]} ${String(item.id).padStart(3)} ${item.title} ${source}`;
  const failures = item.checks.filter(({ verdict }) => verdict === 'failed').map(checkLine);
  if (item.verdict === 'failed') return [head, ...failures];
  const unseen = reasons(item.checks).map((reason) => `${INDENT}not seen: ${reason}`);
  return [head, ...unseen];
}

function checkLine({ name, level, era, evidence }: CheckResult): string {
  const where = era === undefined ? '' : ` in ${era}`;
  return `${INDENT}${name}${where} (${level}): ${evidence}`;
}

/** Each reason once, with the names of the checks that it kept from seeing anything. */
function reasons(checks: readonly CheckResult[]): readonly string[] {
  const names = new Map<string, Set<string>>();
  for (const { verdict, name, evidence } of checks) {
    if (verdict !== 'not-applicable') continue;
    names.set(evidence, (names.get(evidence) ?? new Set()).add(name));
  }
  return [...names].map(([reason, of]) => `${[...of].join('; ')}. ${reason}`);
}

function toAscii(section: string): string {
  return section.replaceAll('§', 'section ');
}
