import { type Answer, challengesOf, findBearerChallenge, isResult } from './asking.ts';
import { type Finding, failed, passed } from './item.ts';
import type { Era } from './report.ts';
import type { Subject } from './subject.ts';

/** What a check works with: the server under test, and the era to speak. */
export interface Scene {
  readonly subject: Subject;
  readonly era: Era;
}

/** Something to send, in words that complete the sentence `Sent …`. */
export interface Trial {
  readonly what: string;
  send(): Promise<Answer>;
}

/** A complaint that completes `…, but expected …`; undefined when the answer is as it should be. */
export type Rule = (answer: Answer) => string | undefined;

/** Sends every trial and holds each answer against the rule; all must satisfy it. */
export async function judgeAll(subject: Subject, trials: readonly Trial[], rule: Rule): Promise<Finding> {
  const good: string[] = [];
  const bad: string[] = [];
  for (const { what, send } of trials) {
    const answer = await send();
    const complaint = rule(answer);
    const came = describe(subject, answer);
    if (complaint === undefined) good.push(`${what}: ${came}`);
    else bad.push(`Sent ${what}; got ${came}, but expected ${complaint}.`);
  }
  return bad.length > 0 ? failed(bad.join(' ')) : passed(`Sent ${good.join('; ')}.`);
}

/** What came back, in a few words. */
export function describe(subject: Subject, answer: Answer): string {
  const { status, message } = answer;
  const challenge = answer.response.headers.find(([name]) => name.toLowerCase() === 'www-authenticate');
  const parts = [String(status)];
  if (message?.result !== undefined) parts.push('with a JSON-RPC result');
  else if (message?.error !== undefined) {
    parts.push(`with JSON-RPC error ${subject.ledger.quote(String(message.error.code))}`);
  }
  if (challenge !== undefined) parts.push(`and the challenge [${subject.ledger.quote(challenge[1])}]`);
  return parts.join(' ');
}

/** One of these statuses. */
export function expectStatus(...statuses: readonly number[]): Rule {
  return ({ status }) => (statuses.includes(status) ? undefined : statuses.join(' or '));
}

/** Let in: a JSON-RPC result. */
export const expectResult: Rule = (answer) => (isResult(answer) ? undefined : '200 with a JSON-RPC result');

/** RFC 6750 §3.1: a credential that was presented and is no good is named so. */
export const expectInvalidToken: Rule = (answer) => {
  if (answer.status !== 401) return '401';
  const error = findBearerChallenge(answer)?.params.get('error');
  return error === 'invalid_token' ? undefined : '401 with error="invalid_token" in a Bearer challenge';
};

/** One well-formed Bearer challenge. */
export const expectBearer: Rule = (answer) => {
  const parsed = challengesOf(answer);
  if (!parsed.ok) return `a well-formed challenge (${parsed.reason})`;
  const bearers = parsed.challenges.filter(({ scheme }) => scheme === 'bearer').length;
  return bearers === 1 ? undefined : 'one Bearer challenge in WWW-Authenticate';
};
