import { CHALLENGE_ITEMS } from './challenge-items.ts';
import { HEADER_ITEM } from './header-item.ts';
import { type Item, runItem } from './item.ts';
import { LEAK_ITEMS } from './leak-items.ts';
import { METADATA_ITEM } from './metadata-item.ts';
import { type CheckOptions, parseCheckOptions } from './options.ts';
import { ORIGIN_ITEM } from './origin-item.ts';
import { PRESENTATION_ITEMS } from './presentation-items.ts';
import { type CheckReport, ERAS, type Era, type ItemReport, type Verdict } from './report.ts';
import { SCOPE_ITEM } from './scope-item.ts';
import { STREAM_ITEM } from './stream-item.ts';
import { createSubject, type Subject } from './subject.ts';
import { TOKEN_ITEMS } from './token-items.ts';
import { TOOL_ITEM } from './tool-item.ts';

/** The leak items come last: they look back on every answer of the run. */
const ITEMS: readonly Item[] = [
  ...CHALLENGE_ITEMS,
  ...TOKEN_ITEMS,
  ...PRESENTATION_ITEMS,
  SCOPE_ITEM,
  METADATA_ITEM,
  ORIGIN_ITEM,
  HEADER_ITEM,
  TOOL_ITEM,
  ...LEAK_ITEMS,
];

/**
 * Judges an MCP server from outside as an OAuth 2.1 resource server: each of the 17 items passed, failed or
 * not applicable, with what was sent and what came back. Nothing passes unseen: what was not given or not
 * offered is not applicable. Only the given origin is contacted, no redirect is followed, and no token
 * stands in the report. The server is exercised with bad requests: give it credentials of a test tenant.
 * @throws ValidationError when an option is malformed
 * @throws TransportError when the server cannot be reached
 */
export async function checkResourceServer(options: CheckOptions): Promise<CheckReport> {
  const resolved = parseCheckOptions(options);
  const subject = createSubject(resolved);
  try {
    const eras = await detectEras(subject);
    const tried = eras.length === 0 ? ERAS : eras;
    const items = await runItems(subject, tried);
    return {
      url: resolved.url.href,
      eras,
      items: items.filter(({ id }) => resolved.only.includes(id)).sort((one, other) => one.id - other.id),
      problems: [...subject.problems],
      summary: {
        passed: count(items, 'passed'),
        failed: count(items, 'failed'),
        notApplicable: count(items, 'not-applicable'),
      },
    };
  } finally {
    await subject.close();
  }
}

/** The revisions in which the token is let in; without a token, those in which anybody is. */
async function detectEras(subject: Subject): Promise<readonly Era[]> {
  const { token } = subject.options.tokens;
  const eras: Era[] = [];
  for (const era of ERAS) {
    const answer = await subject.challenged(era);
    const isOpen = answer.status === 200 && answer.message?.result !== undefined;
    if (token === undefined ? isOpen : await subject.isAccepted(era, token)) eras.push(era);
  }
  return eras;
}

async function runItems(subject: Subject, eras: readonly Era[]): Promise<readonly ItemReport[]> {
  const wanted = ({ id }: Item): boolean => subject.options.only.includes(id);
  const inOrder = async (items: readonly Item[]): Promise<readonly ItemReport[]> => {
    const reports: ItemReport[] = [];
    for (const item of items.filter(wanted)) reports.push(await runItem(item, subject, eras));
    return reports;
  };
  // The short-lived token ages from the start, so its item runs beside the others.
  return (await Promise.all([inOrder([STREAM_ITEM]), inOrder(ITEMS)])).flat();
}

function count(items: readonly ItemReport[], verdict: Verdict): number {
  return items.filter((item) => item.verdict === verdict).length;
}
