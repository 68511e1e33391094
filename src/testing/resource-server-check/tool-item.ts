import { type Answer, isResult } from './asking.ts';
import type { HeaderList } from './exchange.ts';
import { type Check, type Finding, failed, type Item, type Need, notApplicable, passed } from './item.ts';
import { findDifference, toAbsentName } from './likeness.ts';
import { isRecord, type RpcCall, toBody } from './messages.ts';
import { type Era, LEGACY, MODERN } from './report.ts';
import type { ListName, Subject } from './subject.ts';
import { randomToken } from './tokens.ts';
import { describe, expectStatus, judgeAll, type Rule, type Scene, type Trial } from './trial.ts';

/** Something that can be hidden from a principal, and every way of asking for it. */
interface Kind {
  readonly name: 'tool' | 'prompt' | 'resource';
  readonly need: Need;
  readonly list: ListName;
  readonly key: 'name' | 'uri';
  readonly calls: (target: string) => readonly RpcCall[];
}

const argument = { name: 'gatehouse', value: '' };

const KINDS: readonly Kind[] = [
  {
    name: 'tool',
    need: 'hiddenTool',
    list: 'tools',
    key: 'name',
    calls: (name) => [{ method: 'tools/call', params: { name, arguments: {} } }],
  },
  {
    name: 'prompt',
    need: 'hiddenPrompt',
    list: 'prompts',
    key: 'name',
    calls: (name) => [
      { method: 'prompts/get', params: { name, arguments: {} } },
      { method: 'completion/complete', params: { ref: { type: 'ref/prompt', name }, argument } },
    ],
  },
  {
    name: 'resource',
    need: 'hiddenResource',
    list: 'resources',
    key: 'uri',
    calls: (uri) => [
      { method: 'resources/read', params: { uri } },
      { method: 'completion/complete', params: { ref: { type: 'ref/resource', uri }, argument } },
    ],
  },
];

const SCOPED: readonly Need[] = ['limitedToken', 'scopedTool'];

/** Item 15: tools, prompts and resources that only some may use. */
export const TOOL_ITEM: Item = {
  id: 15,
  title: 'What a principal may not use is enforced everywhere, and hidden things look absent',
  section: 'MCP 2026-07-28 server/utilities/caching; streamable-http "Server Validation"',
  level: 'MUST',
  checks: [
    ...KINDS.flatMap(hiddenChecks),
    { name: 'lists are private', eras: [MODERN], needs: ['token'], run: checkPrivate },
    {
      name: 'a tool within reach of more scope is listed',
      level: 'judgement',
      needs: SCOPED,
      run: checkReachable,
    },
    { name: 'a call inside a batch', eras: [LEGACY], needs: SCOPED, run: checkBatch },
    {
      name: 'a batch without a credential',
      eras: [LEGACY],
      run: (subject, era) => {
        const body = JSON.stringify([toBody(era, { id: 1, method: 'tools/list' })]);
        const send = (): Promise<Answer> => subject.ask({ era, call: { method: 'tools/list' }, body });
        return judgeAll(subject, [{ what: 'a batch without a credential', send }], expectStatus(401));
      },
    },
    { name: 'headers do not decide what is called', needs: SCOPED, run: checkHeaders },
    {
      name: 'subscriptions/listen needs a credential',
      eras: [MODERN],
      run: (subject) => judgeAll(subject, listenTrials(subject), expectStatus(401)),
    },
    {
      name: 'subscriptions/listen honours no hidden resource',
      eras: [MODERN],
      needs: ['token', 'hiddenResource'],
      run: checkListen,
    },
    {
      name: 'resources/subscribe takes a hidden resource for an unknown one',
      eras: [LEGACY],
      needs: ['token', 'hiddenResource'],
      run: (subject, era) =>
        compareHidden({ subject, era }, subject.options.hidden.resource ?? '', (uri) => [
          { method: 'resources/subscribe', params: { uri } },
        ]),
    },
  ],
};

function hiddenChecks(kind: Kind): readonly Check[] {
  const needs: readonly Need[] = ['token', kind.need];
  return [
    {
      name: `a hidden ${kind.name} is not listed`,
      needs,
      run: async (subject, era) => {
        const target = subject.options.hidden[kind.name] ?? '';
        const listed = await subject.listed(era, subject.options.tokens.token ?? '', kind.list);
        return listed.some((item) => item[kind.key] === target)
          ? failed(`${kind.list}/list names it.`)
          : passed(`${kind.list}/list names ${listed.length} others, and not it.`);
      },
    },
    {
      name: `a hidden ${kind.name} answers as an unknown one`,
      needs,
      essential: kind.name === 'tool',
      run: (subject, era) =>
        compareHidden({ subject, era }, subject.options.hidden[kind.name] ?? '', kind.calls),
    },
  ];
}

async function compareHidden(
  { subject, era }: Scene,
  hidden: string,
  calls: (target: string) => readonly RpcCall[],
): Promise<Finding> {
  const token = subject.options.tokens.token ?? '';
  const absent = toAbsentName(hidden);
  const evidence: string[] = [];
  for (const [index, call] of calls(hidden).entries()) {
    const twin = calls(absent)[index] ?? call;
    const real = await subject.askWithin(token, { era, call: { ...call, id: 1 } });
    const none = await subject.askWithin(token, { era, call: { ...twin, id: 1 } });
    const difference = findDifference(real.response, none.response, [hidden, absent]);
    const came = `Sent ${call.method} for it and for a name that nothing bears; got ${describe(subject, real)}`;
    if (difference !== undefined) {
      return failed(`${came} and ${describe(subject, none)}, which differ in ${difference}.`);
    }
    evidence.push(`${came} both times.`);
  }
  return passed(evidence.join(' '));
}

async function checkPrivate(subject: Subject, era: Era): Promise<Finding> {
  const token = subject.options.tokens.token ?? '';
  const found: string[] = [];
  for (const list of ['tools', 'prompts', 'resources', 'resources/templates']) {
    const answer = await subject.askWithin(token, { era, call: { method: `${list}/list`, params: {} } });
    const { result } = answer.message ?? {};
    if (result === undefined) continue;
    if (result.cacheScope !== 'private') {
      return failed(`${list}/list came with cacheScope ${subject.ledger.quote(String(result.cacheScope))}.`);
    }
    found.push(`${list}/list`);
  }
  if (found.length === 0) return notApplicable('The server offers no lists.');
  return passed(`${found.join(', ')} came with cacheScope private.`);
}

async function checkReachable(subject: Subject, era: Era): Promise<Finding> {
  const { tokens, scopedTool } = subject.options;
  const listed = await subject.listed(era, tokens.limitedToken ?? '', 'tools');
  return listed.some(({ name }) => name === scopedTool?.name)
    ? passed('The token that lacks the scope sees the tool, and so can ask for it.')
    : failed('The token that lacks the scope does not see the tool, so nobody learns what to ask for.');
}

/** Neither a result nor anything else that shows the tool having run; an error result is a refusal. */
function hasRun(answer: Answer, id: number): boolean {
  return answer.messages.some(
    ({ id: own, result }) => own === id && isRecord(result) && result.isError !== true,
  );
}

const expectNotRun: Rule = (answer) => {
  const { result } = answer.message ?? {};
  const isRefused = result === undefined || result.isError === true;
  return isRefused && answer.status < 500 ? undefined : 'a refusal';
};

async function checkBatch(subject: Subject, era: Era): Promise<Finding> {
  const { tokens, scopedTool } = subject.options;
  const params = { arguments: {}, ...scopedTool };
  const body = JSON.stringify([
    toBody(era, { id: 1, method: 'tools/list' }),
    toBody(era, { id: 2, method: 'tools/call', params }),
  ]);
  const ask = { era, call: { method: 'tools/list' }, body };
  const answer = await subject.askWithin(tokens.limitedToken ?? '', ask);
  const came = `Sent a batch of tools/list and a call beyond the scope; got ${describe(subject, answer)}`;
  if (hasRun(answer, 2)) return failed(`${came} with a result of the call.`);
  return answer.status >= 500
    ? failed(`${came}, but expected a refusal.`)
    : passed(`${came} and no result of the call.`);
}

async function checkHeaders(subject: Subject, era: Era): Promise<Finding> {
  const { tokens, scopedTool } = subject.options;
  const call = { method: 'tools/call', params: { arguments: {}, ...scopedTool } };
  const disguises: readonly (readonly [string, HeaderList])[] = [
    ['Mcp-Name of another tool', [['Mcp-Name', 'gatehouse_check']]],
    ['Mcp-Method: tools/list', [['Mcp-Method', 'tools/list']]],
  ];
  const trials = disguises.map(
    ([what, headers]): Trial => ({
      what: `a call beyond the scope under ${what}`,
      send: () => subject.askWithin(tokens.limitedToken ?? '', { era, call, headers }),
    }),
  );
  return judgeAll(subject, trials, expectNotRun);
}

function listen(subject: Subject, token: string | undefined, filter: object): Promise<Answer> {
  const call = { method: 'subscriptions/listen', params: { notifications: filter } };
  return subject.ask({ era: MODERN, call, token });
}

function listenTrials(subject: Subject): readonly Trial[] {
  const unknown = randomToken();
  subject.ledger.protect(unknown);
  const filter = { toolsListChanged: true };
  return [
    { what: 'subscriptions/listen without a credential', send: () => listen(subject, undefined, filter) },
    { what: 'subscriptions/listen with a made-up token', send: () => listen(subject, unknown, filter) },
  ];
}

async function checkListen(subject: Subject): Promise<Finding> {
  const { tokens, hidden } = subject.options;
  const answer = await listen(subject, tokens.token, { resourceSubscriptions: [hidden.resource] });
  const acknowledged = answer.messages.find(
    ({ method }) => method === 'notifications/subscriptions/acknowledged',
  );
  const came = `Sent subscriptions/listen for it; got ${describe(subject, answer)}`;
  if (acknowledged === undefined) {
    return isResult(answer) || answer.status < 400
      ? notApplicable(`${came} without an acknowledgement that could be read.`)
      : passed(came);
  }
  const { params } = acknowledged;
  const honoured = isRecord(params) && isRecord(params.notifications) ? params.notifications : {};
  return Array.isArray(honoured.resourceSubscriptions) &&
    honoured.resourceSubscriptions.includes(hidden.resource)
    ? failed(`${came} and an acknowledgement that honours it.`)
    : passed(`${came} and an acknowledgement without it.`);
}
