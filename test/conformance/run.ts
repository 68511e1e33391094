import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startExaminedGate, TENANT } from './examined-gate.ts';
import { EXPECTATIONS } from './expectations.ts';
import { judge, type Revision } from './judge.ts';
import { startLoopbackProxy } from './loopback-proxy.ts';
import { proveAudited, proveGuarded } from './proof.ts';
import { FIRST, OTHERS, type Subject } from './subjects.ts';
import { compare, format } from './verdict.ts';

// The official conformance suite, strictly, through a gate with every guard on. `--all` puts the server behind the
// gate in every way there is; `--only <text>` takes those of them whose name has the text in it.
const { values } = parseArgs({
  options: { all: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const REVISIONS: readonly Revision[] = ['2025-11-25', '2026-07-28'];

const lacks: string[] = [];
for (const subject of chosen()) {
  // Every subject is judged, whatever is found before.
  await examine(subject).catch((error: unknown) => void lacks.push(`${subject.name}: ${String(error)}`));
}
for (const lack of lacks) say(`BAD ${lack}`);
process.exitCode = lacks.length === 0 ? 0 : 1;

function chosen(): readonly Subject[] {
  const { all, only } = values;
  if (only === undefined) return all ? [...FIRST, ...OTHERS] : FIRST;
  const named = [...FIRST, ...OTHERS].filter(({ name }) => name.includes(only));
  if (named.length === 0) throw new Error(`No subject has "${only}" in its name`);
  return named;
}

async function examine(subject: Subject): Promise<void> {
  say(`== ${subject.name}`);
  const running = await subject.start();
  const gate = await startExaminedGate(running.server);
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    await proveGuarded(gate);
    say(
      '  the gate serves the token, and refuses no token (401), a forged one (401), one without the scope (403)',
    );
    const proxy = await startLoopbackProxy(gate.url, await gate.token());
    try {
      for (const revision of REVISIONS) {
        const lacking = await examineRevision({
          subject,
          revision,
          url: proxy.url,
          folder: join(folder, revision),
        });
        lacks.push(...lacking.map((scenario) => `${subject.name}, ${revision}: ${scenario}`));
      }
    } finally {
      await proxy.close();
    }
    say(`  ${await proveAudited(gate, TENANT)} events in the audit log`);
  } finally {
    for (const error of gate.errors) say(`  the gate reports: ${String(error)}`);
    await gate.close();
    await running.close?.();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Examination {
  readonly subject: Subject;
  readonly revision: Revision;
  readonly url: string;
  readonly folder: string;
}

async function examineRevision({ subject, revision, url, folder }: Examination): Promise<readonly string[]> {
  const judgement = await judge(url, revision, folder);
  const expectation = EXPECTATIONS[revision];
  const rows = compare(judgement, expectation, subject.exceptions[revision]);
  for (const line of format(rows)) say(line);
  const passed = (names: readonly string[]): string => {
    const count = rows.filter((row) => row.passed && names.includes(row.scenario)).length;
    return `${count}/${names.length}`;
  };
  const lacking = rows.filter(({ fine }) => !fine).map(({ scenario }) => scenario);
  say(`  ${revision}: ${passed(expectation.required)} required, ${passed(expectation.extra)} extra`);
  if (judgement.scenarios.size === 0) say(judgement.output);
  return lacking;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
