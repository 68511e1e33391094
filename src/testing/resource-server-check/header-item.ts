import { type Answer, type Ask, challengesOf } from './asking.ts';
import type { HeaderList } from './exchange.ts';
import { type Finding, failed, type Item, notApplicable, passed } from './item.ts';
import { findDifference, toAbsentName } from './likeness.ts';
import { type LegacySession, toProbe } from './messages.ts';
import { type Era, LEGACY } from './report.ts';
import { type Subject, sessionHeaders } from './subject.ts';
import { describe, expectResult, expectStatus, judgeAll, type Rule, type Trial } from './trial.ts';

/** Ends a quoted string and begins a parameter of its own. */
const QUOTE_BREAK = 'a", injected="yes';
const LINE_BREAK = 'a\r\nX-Injected: yes\r\n';

/** Item 14: injection into headers, and sessions of others. */
export const HEADER_ITEM: Item = {
  id: 14,
  title: 'No input breaks out of a header, and a session belongs to its principal',
  section: 'RFC 9110 §5.5, §11.6.1; MCP security best practices "Session Hijacking"',
  level: 'MUST',
  checks: [
    {
      name: 'hostile query and path',
      essential: true,
      run: (subject, era) => judgeAll(subject, hostilePaths(subject, era), expectUnbroken),
    },
    {
      name: 'hostile headers',
      run: (subject, era) => judgeAll(subject, hostileHeaders(subject, era), expectUnbroken),
    },
    {
      name: 'hostile messages',
      run: (subject, era) => judgeAll(subject, hostileMessages(subject, era, undefined), expectUnbroken),
    },
    {
      name: 'hostile messages with a token',
      needs: ['token'],
      run: (subject, era) =>
        judgeAll(subject, hostileMessages(subject, era, subject.options.tokens.token), expectWhole),
    },
    {
      name: "another principal's token on a session",
      eras: [LEGACY],
      needs: ['token', 'otherToken'],
      run: checkSession,
    },
  ],
};

function hostilePaths(subject: Subject, era: Era): readonly Trial[] {
  const mark = subject.path.includes('?') ? '&' : '?';
  const tails = [
    `${mark}gatehouse=${encodeURIComponent(QUOTE_BREAK)}`,
    `${mark}gatehouse=${QUOTE_BREAK.replaceAll(' ', '')}`,
    `${mark}gatehouse=${encodeURIComponent(LINE_BREAK)}`,
    `/${encodeURIComponent(QUOTE_BREAK)}`,
    `/${encodeURIComponent(LINE_BREAK)}`,
  ];
  return tails.map((tail) => ({
    what: `a request to ${subject.ledger.quote(tail)}`,
    send: () => subject.ask({ era, call: toProbe(era), path: subject.path + tail }),
  }));
}

function hostileHeaders(subject: Subject, era: Era): readonly Trial[] {
  const names = ['X-Forwarded-Host', 'X-Forwarded-Proto', 'Mcp-Name', 'MCP-Protocol-Version', 'User-Agent'];
  const headers: [string, string][] = names.map((name) => [name, QUOTE_BREAK]);
  headers.push(['Authorization', `Bearer ${QUOTE_BREAK}`], ['Authorization', 'Bearer \xff\xfe']);
  headers.push(['Authorization', `${QUOTE_BREAK} gatehouse`]);
  if (subject.raw) headers.push(['Host', QUOTE_BREAK]);
  return headers.map(
    (header): Trial => ({
      what: `${header[0]}: ${subject.ledger.quote(header[1])}`,
      send: () => subject.ask({ era, call: toProbe(era), headers: [header] }),
    }),
  );
}

function hostileMessages(subject: Subject, era: Era, token: string | undefined): readonly Trial[] {
  const sendAs = (ask: Omit<Ask, 'era'>): Promise<Answer> =>
    token === undefined ? subject.ask({ era, ...ask }) : subject.askWithin(token, { era, ...ask });
  return [QUOTE_BREAK, LINE_BREAK].flatMap((name): readonly Trial[] => {
    const shown = subject.ledger.quote(name);
    // The mirrored header cannot hold it as it is; a benign one keeps the request sendable.
    const headers: HeaderList = [['Mcp-Method', 'tools/list']];
    const call = { method: 'tools/call', params: { name, arguments: { name } } };
    return [
      { what: `the method ${shown}`, send: () => sendAs({ call: { method: name }, headers }) },
      { what: `a call of the tool ${shown}`, send: () => sendAs({ call }) },
    ];
  });
}

/** Nothing but a refusal, and that in one piece. */
const expectUnbroken: Rule = (answer) => {
  if (answer.status < 400 || answer.status > 499) return 'a refusal (400 to 499)';
  return expectWhole(answer);
};

const expectWhole: Rule = (answer) => {
  if (answer.status >= 500) return 'no server error';
  if (answer.response.headers.some(([name]) => name.toLowerCase() === 'x-injected')) {
    return 'no header that the sender made up';
  }
  const parsed = challengesOf(answer);
  if (!parsed.ok) return `a well-formed challenge (${parsed.reason})`;
  const isInjected = parsed.challenges.some(({ params }) => params.has('injected'));
  return isInjected ? 'no challenge parameter that the sender made up' : undefined;
};

async function checkSession(subject: Subject): Promise<Finding> {
  const { token = '', otherToken = '' } = subject.options.tokens;
  const session = await subject.openSession(token);
  if (session?.id === undefined) return notApplicable('The server keeps no protocol sessions.');
  const foreign = await judgeAll(subject, foreignTrials(subject, session, otherToken), expectStatus(404));
  if (foreign.verdict === 'failed') return foreign;

  const list: Pick<Ask, 'era' | 'call'> = { era: LEGACY, call: { method: 'tools/list', id: 1 } };
  const absent = { ...session, id: toAbsentName(session.id) };
  const real = await subject.ask({ ...list, token: otherToken, session });
  const none = await subject.ask({ ...list, token: otherToken, session: absent });
  const difference = findDifference(real.response, none.response, [session.id, absent.id]);
  if (difference !== undefined) {
    return failed(
      `Another's session answers ${describe(subject, real)}, one that does not exist ` +
        `${describe(subject, none)}: they differ in ${difference}.`,
    );
  }
  const own = {
    what: 'a request of its owner afterwards',
    send: () => subject.ask({ ...list, token, session }),
  };
  const after = await judgeAll(subject, [own], expectResult);
  return after.verdict === 'failed' ? after : passed(`${foreign.evidence} ${after.evidence}`);
}

/** GET and DELETE may be offered to nobody; if they are, then not to another. */
function foreignTrials(subject: Subject, session: LegacySession, token: string): readonly Trial[] {
  const headers = sessionHeaders(session);
  const offered = (answer: Answer): Answer => (answer.status === 405 ? { ...answer, status: 404 } : answer);
  const stream: HeaderList = [...headers, ['Accept', 'text/event-stream']];
  return [
    {
      what: 'tools/list in it',
      send: () => subject.ask({ era: LEGACY, call: { method: 'tools/list' }, token, session }),
    },
    {
      what: 'GET of its event stream',
      send: async () =>
        offered(await subject.plain({ method: 'GET', headers: stream, token, isEnough: () => true })),
    },
    {
      what: 'DELETE of it',
      send: async () => offered(await subject.plain({ method: 'DELETE', headers, token })),
    },
  ];
}
