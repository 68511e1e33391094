import { TransportError } from '../../core/errors.ts';
import { LimitedError } from './asking.ts';
import type { SingleTokenName } from './options.ts';
import type { CheckResult, Era, ItemReport, Level, Verdict } from './report.ts';
import type { Subject } from './subject.ts';

/** What one check saw. Evidence is a plain sentence or two, without any token. */
export interface Finding {
  readonly verdict: Verdict;
  readonly evidence: string;
}

/** What must be at hand before a check can see anything. */
export type Need =
  | SingleTokenName
  | 'foreignAudienceToken'
  | 'tool'
  | 'scopedTool'
  | 'hiddenTool'
  | 'hiddenPrompt'
  | 'hiddenResource'
  | 'raw';

/** One thing to send or to look at. */
export interface Check {
  readonly name: string;
  /** The item's own by default. */
  readonly level?: Level;
  /** Where it runs: in each era by default, or once where the era makes no difference. */
  readonly eras?: 'once' | readonly Era[];
  readonly needs?: readonly Need[];
  /** Without this check's evidence the item is not applicable, whatever else passed. */
  readonly essential?: boolean;
  /** Its eras run at the same time: for a check that waits for something both eras share. */
  readonly together?: boolean;
  run(subject: Subject, era: Era): Promise<Finding>;
}

/** One row of the contract: an ordered list of checks. */
export interface Item {
  readonly id: number;
  readonly title: string;
  readonly section: string;
  readonly level: Level;
  readonly checks: readonly Check[];
}

/** Seen, and as it should be. */
export const passed = (evidence: string): Finding => ({ verdict: 'passed', evidence });
/** Seen, and not as it should be. */
export const failed = (evidence: string): Finding => ({ verdict: 'failed', evidence });
/** Not seen: the evidence says why. */
export const notApplicable = (evidence: string): Finding => ({ verdict: 'not-applicable', evidence });

/** Not applicable although something was given for it: the report says so among its problems. */
export function unusable(subject: Subject, evidence: string): Finding {
  subject.problems.add(evidence);
  return notApplicable(evidence);
}

/** Credentials that must be seen to work before a refusal of something else means anything. */
const CONTROLLED: readonly Need[] = ['token', 'otherToken', 'limitedToken'];

const EVIDENCE_SENTENCES = 3;

/** Runs the checks of one item, in order, in every era given. Never rejects. */
export async function runItem(item: Item, subject: Subject, eras: readonly Era[]): Promise<ItemReport> {
  const checks: CheckResult[] = [];
  let essentialMissing = false;
  for (const check of item.checks) {
    const run = async (era: Era): Promise<CheckResult> => {
      const base = { name: check.name, level: check.level ?? item.level };
      const finding = await runCheck(check, subject, era);
      return { ...base, ...(check.eras === 'once' ? {} : { era }), ...finding };
    };
    const results = await inEras(erasOf(check, eras), check.together === true, run);
    if (check.essential === true && isUnseen(results)) {
      essentialMissing = true;
    }
    checks.push(...results);
  }
  const { id, title, section, level } = item;
  const verdict = verdictOf(checks, essentialMissing);
  return { id, title, section, level, verdict, evidence: summarise(checks, verdict), checks };
}

function erasOf(check: Check, eras: readonly Era[]): readonly Era[] {
  if (check.eras === 'once') return eras.slice(0, 1);
  return check.eras === undefined ? eras : eras.filter((era) => check.eras?.includes(era) === true);
}

async function inEras<T>(
  eras: readonly Era[],
  together: boolean,
  run: (era: Era) => Promise<T>,
): Promise<readonly T[]> {
  if (together) return Promise.all(eras.map(run));
  const results: T[] = [];
  for (const era of eras) results.push(await run(era));
  return results;
}

async function runCheck(check: Check, subject: Subject, era: Era): Promise<Finding> {
  try {
    for (const need of check.needs ?? []) {
      const missing = await findMissing(need, subject, era);
      if (missing !== undefined) return missing;
    }
    return await check.run(subject, era);
  } catch (error) {
    if (error instanceof LimitedError) {
      return notApplicable('The server limited the requests (429), so nothing could be seen.');
    }
    // A server that hangs up on a hostile request has not answered it: that is a finding, not an outage.
    if (error instanceof TransportError) return failed(`No answer came: ${error.message}.`);
    throw error;
  }
}

async function findMissing(need: Need, subject: Subject, era: Era): Promise<Finding | undefined> {
  if (need === 'raw') {
    return subject.raw ? undefined : notApplicable('Needs a connection of its own: fetch cannot send this.');
  }
  if (!isGiven(need, subject)) return notApplicable(`Needs the option ${need}.`);
  if (!CONTROLLED.includes(need)) return undefined;
  const token = subject.options.tokens[need as SingleTokenName] ?? '';
  if (await subject.isAccepted(era, token)) return undefined;
  return unusable(
    subject,
    `The ${need} given was not let in with an honest request, so a refusal would prove nothing.`,
  );
}

function isGiven(need: Exclude<Need, 'raw'>, { options }: Subject): boolean {
  switch (need) {
    case 'foreignAudienceToken':
      return options.foreignAudienceTokens.length > 0;
    case 'tool':
    case 'scopedTool':
      return options[need] !== undefined;
    case 'hiddenTool':
      return options.hidden.tool !== undefined;
    case 'hiddenPrompt':
      return options.hidden.prompt !== undefined;
    case 'hiddenResource':
      return options.hidden.resource !== undefined;
    default:
      return options.tokens[need] !== undefined;
  }
}

function isUnseen(results: readonly CheckResult[]): boolean {
  return results.length > 0 && results.every(({ verdict }) => verdict === 'not-applicable');
}

function verdictOf(checks: readonly CheckResult[], essentialMissing: boolean): Verdict {
  if (checks.some(({ verdict }) => verdict === 'failed')) return 'failed';
  if (essentialMissing) return 'not-applicable';
  return checks.some(({ verdict }) => verdict === 'passed') ? 'passed' : 'not-applicable';
}

function summarise(checks: readonly CheckResult[], verdict: Verdict): string {
  const sentences = [
    ...new Set(checks.filter((check) => check.verdict === verdict).map(({ evidence }) => evidence)),
  ];
  const shown = sentences.slice(0, EVIDENCE_SENTENCES);
  const rest = sentences.length - shown.length;
  if (shown.length === 0) return 'Nothing could be sent.';
  return [...shown, ...(rest > 0 ? [`(And ${rest} more.)`] : [])].join(' ');
}
