import type { Answer, Ask } from './asking.ts';
import { type Finding, failed, type Item, notApplicable, passed } from './item.ts';
import { findDifference, toAbsentName } from './likeness.ts';
import { type RpcCall, toProbe } from './messages.ts';
import { type Era, LEGACY } from './report.ts';
import type { Subject } from './subject.ts';
import { randomToken } from './tokens.ts';
import { describe, expectStatus, judgeAll, type Scene } from './trial.ts';

/** Stands for the callers who have no business here. */
const STRANGERS: readonly (readonly [string, string | undefined])[] = [
  ['without a credential', undefined],
  ['with a made-up token', randomToken()],
];

const silenceItem: Item = {
  id: 11,
  title: 'Nothing runs and nothing is told before the token is validated',
  section: 'MCP basic/authorization/security-considerations "Access Token Privilege Restriction"',
  level: 'MUST',
  checks: [
    {
      name: 'a tool that exists looks like one that does not',
      needs: ['token'],
      essential: true,
      run: checkTools,
    },
    {
      name: 'a method that exists looks like one that does not',
      run: (subject, era) =>
        compare({ subject, era }, [{ method: 'tools/list' }, { method: 'gatehouse/none', params: {} }]),
    },
    {
      name: 'the body is not read for a stranger',
      level: 'judgement',
      run: (subject, era) => {
        const ask = { era, call: toProbe(era), body: '{"jsonrpc":' };
        const trial = { what: 'half a JSON object without a credential', send: () => subject.ask(ask) };
        return judgeAll(subject, [trial], expectStatus(401));
      },
    },
    {
      name: 'a session that exists looks like one that does not',
      eras: [LEGACY],
      needs: ['token'],
      run: checkSessions,
    },
    { name: 'refusals name no tool', needs: ['token'], run: checkNames },
    { name: 'refusals hold no stack trace', level: 'judgement', eras: 'once', run: checkStacks },
  ],
};

async function checkTools(subject: Subject, era: Era): Promise<Finding> {
  const name = (await toolNames(subject, era))[0];
  if (name === undefined) return notApplicable('No name of a tool is known; give the option tool.');
  const absent = toAbsentName(name);
  const call = (tool: string): RpcCall => ({ method: 'tools/call', params: { name: tool, arguments: {} } });
  return compare({ subject, era }, [call(name), call(absent)], [name, absent]);
}

/** Names of tools that exist, as far as the token shows. */
async function toolNames(subject: Subject, era: Era): Promise<readonly string[]> {
  const { tokens, tool, scopedTool, hidden } = subject.options;
  const listed = await subject.listed(era, tokens.token ?? '', 'tools');
  const names = [tool?.name, scopedTool?.name, ...listed.map((item) => item.name), hidden.tool];
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}

async function compare(
  { subject, era }: Scene,
  [existing, absent]: readonly [RpcCall, RpcCall],
  names?: readonly [string, string],
): Promise<Finding> {
  for (const [who, token] of STRANGERS) {
    if (token !== undefined) subject.ledger.protect(token);
    const ask = (call: RpcCall): Promise<Answer> => subject.ask({ era, call: { ...call, id: 1 }, token });
    const [real, none] = [await ask(existing), await ask(absent)];
    const difference = findDifference(real.response, none.response, names);
    if (difference !== undefined) {
      return failed(
        `Sent ${existing.method} ${who} for what exists and for what does not; got ` +
          `${describe(subject, real)} and ${describe(subject, none)}, which differ in ${difference}.`,
      );
    }
    if (real.message?.result !== undefined) return failed(`Sent ${existing.method} ${who}; got a result.`);
  }
  return passed(`Sent ${existing.method} for what exists and for what does not; got the same refusal.`);
}

async function checkSessions(subject: Subject, era: Era): Promise<Finding> {
  const session = await subject.findSession(era, subject.options.tokens.token ?? '');
  if (session?.id === undefined) return notApplicable('The server keeps no protocol sessions.');
  const absent = { ...session, id: toAbsentName(session.id) };
  const base: Omit<Ask, 'session'> = { era, call: { method: 'tools/list', id: 1 } };
  const real = await subject.ask({ ...base, session });
  const none = await subject.ask({ ...base, session: absent });
  const difference = findDifference(real.response, none.response, [session.id, absent.id]);
  return difference === undefined
    ? passed(
        'Sent a session id that exists and one that does not, without a credential; got the same refusal.',
      )
    : failed(`A session id that exists and one that does not are told apart by ${difference}.`);
}

async function checkNames(subject: Subject, era: Era): Promise<Finding> {
  const names = await toolNames(subject, era);
  if (names.length === 0) return notApplicable('No name of a tool is known; give the option tool.');
  for (const [who, token] of STRANGERS) {
    for (const method of ['tools/list', 'tools/call', toProbe(era).method]) {
      const params = method === 'tools/call' ? { name: 'gatehouse_check', arguments: {} } : {};
      const { response } = await subject.ask({ era, call: { method, params }, token });
      const quoted = names.some((name) =>
        ['"', "'", '`'].some((mark) => response.body.includes(mark + name + mark)),
      );
      if (quoted) return failed(`Sent ${method} ${who}; the answer names a tool.`);
    }
  }
  return passed('Sent tools/list and tools/call without a valid token; no answer names a tool.');
}

async function checkStacks(subject: Subject): Promise<Finding> {
  const leaks = subject.ledger.leaks.filter(({ kind }) => kind === 'stack');
  const [first] = leaks;
  return first === undefined
    ? passed(`None of ${subject.ledger.count} answers held a stack trace.`)
    : failed(`A stack trace stood in ${first.where}.`);
}

const echoItem: Item = {
  id: 12,
  title: "The client's token comes back nowhere",
  section:
    'MCP basic/authorization/security-considerations "Token Theft", "Access Token Privilege Restriction"',
  level: 'MUST',
  checks: [
    { name: 'not in lists', needs: ['token'], essential: true, run: checkLists },
    { name: 'not in what a tool returns', needs: ['token', 'tool'], run: checkTool },
    { name: 'not in the answers to bad requests', needs: ['token'], run: checkErrors },
    { name: 'in no answer of this run', eras: 'once', needs: ['token'], run: checkLedger },
  ],
};

async function checkLists(subject: Subject, era: Era): Promise<Finding> {
  const token = subject.options.tokens.token ?? '';
  return watch(subject, 'lists', async () => {
    for (const list of ['tools', 'resources', 'prompts']) {
      await subject.askWithin(token, { era, call: { method: `${list}/list`, params: {} } });
    }
  });
}

async function checkTool(subject: Subject, era: Era): Promise<Finding> {
  const { tokens, tool } = subject.options;
  const call = { method: 'tools/call', params: { arguments: {}, ...tool } };
  return watch(subject, 'the result of the tool', async () => {
    await subject.askWithin(tokens.token ?? '', { era, call });
  });
}

async function checkErrors(subject: Subject, era: Era): Promise<Finding> {
  const token = subject.options.tokens.token ?? '';
  return watch(subject, 'errors', async () => {
    await subject.askWithin(token, { era, call: { method: 'gatehouse/none', params: {} } });
    await subject.askWithin(token, { era, call: { method: 'tools/list' }, body: '{"jsonrpc":' });
    await subject.ask({ era, call: toProbe(era), token: `${token}x` });
  });
}

async function watch(subject: Subject, where: string, send: () => Promise<void>): Promise<Finding> {
  const before = subject.ledger.leaks.length;
  await send();
  const leak = subject.ledger.leaks.slice(before).find(({ kind }) => kind === 'token');
  return leak === undefined
    ? passed(`Looked for the token, or any 24 characters of it, in ${where}; it is not there.`)
    : failed(`The token, or 24 characters of it, stood in ${leak.where}.`);
}

async function checkLedger(subject: Subject): Promise<Finding> {
  const [first] = subject.ledger.leaks.filter(({ kind }) => kind === 'token');
  return first === undefined
    ? passed(`None of ${subject.ledger.count} answers held a token that had been sent.`)
    : failed(`A token that had been sent, or 24 characters of it, stood in ${first.where}.`);
}

/** What must not be told: items 11 and 12, which look back on the whole run. */
export const LEAK_ITEMS: readonly Item[] = [silenceItem, echoItem];
