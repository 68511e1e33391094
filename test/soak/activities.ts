import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Era, Json } from '../support/wire.ts';
import { headersOf, messageOf } from '../support/wire.ts';
import { pick, quickCall, SERVERS } from './choices.ts';
import { send } from './http.ts';
import { inTime, type Outcome, outcomeOfHttp, Violation } from './outcome.ts';
import { openSession } from './session.ts';
import { useSocket } from './socket-activities.ts';
import type { Calling, User } from './user.ts';

/** Something that a user does, which is over when everything that belongs to it is. */
export type Activity = (user: User) => Promise<void>;

/** Servers that take requests of the older era without a session. */
const STATELESS = ['fresh', 'pooled', 'remote'] as const;
const STATEFUL = ['bridged', 'lasting', 'command'] as const;
const LEGACY: Era = '2025-11-25';

async function callInTurn(user: User): Promise<void> {
  for (let count = 4 + user.roll(8); count > 0; count -= 1) {
    await user.call({ server: pick(user, SERVERS), ...quickCall(user) });
  }
}

async function callAtOnce(user: User): Promise<void> {
  const server = pick(user, SERVERS);
  const calls = Array.from({ length: 4 + user.roll(4) }, () => user.call({ server, ...quickCall(user) }));
  await Promise.all(calls);
}

async function callLegacy(user: User): Promise<void> {
  const server = pick(user, STATELESS);
  const calls = Array.from({ length: 2 + user.roll(3) }, () =>
    user.call({ server, era: LEGACY, ...quickCall(user) }),
  );
  await Promise.all(calls);
}

/** A session ends after twenty seconds, with whatever runs in it; a busy machine comes near that. */
const ENOUGH_OF_SESSION_MS = 10_000;

async function useSession(user: User): Promise<void> {
  const server = pick(user, STATEFUL);
  const session = await openSession(user, server);
  if (session === undefined) return;
  const leave = user.roll(2) === 0 ? session.listen() : undefined;
  const startedAtMs = Date.now();
  for (
    let count = 1 + user.roll(6);
    count > 0 && Date.now() - startedAtMs < ENOUGH_OF_SESSION_MS;
    count -= 1
  ) {
    // Most have another token by then, some go on with what has expired.
    const token = user.roll(4) === 0 ? session.token : await user.token(server);
    const own = { server, era: LEGACY, sessionId: session.id, token };
    if (user.roll(3) > 0) await Promise.all([1, 2].map(() => user.call({ ...own, ...quickCall(user) })));
    else await askInSession(user, own, session.answer);
  }
  // Some clients are just gone.
  if (user.roll(2) === 0) await session.end();
  await leave?.();
}

async function askInSession(
  user: User,
  own: Pick<Calling, 'server' | 'sessionId'> & Pick<Calling, 'era'>,
  answer: (question: Json) => Promise<void>,
): Promise<void> {
  const answering: Promise<void>[] = [];
  const onMessage = (message: Json): void => {
    if (String(message['method']) === 'elicitation/create') answering.push(answer(message));
  };
  // A server may end, and a token expire, between question and answer.
  await user.call({ ...own, tool: 'ask', onMessage, allow: ['failure', 'REQUEST_TIMEOUT'] });
  await Promise.all(answering);
}

async function follow(user: User): Promise<void> {
  const seen: number[] = [];
  const n = 20;
  const onMessage = (message: Json): void => {
    if (String(message['method']) !== 'notifications/progress') return;
    if (String(message['params']?.['message']) !== user.name) {
      throw new Violation(`Progress of somebody else: ${JSON.stringify(message)}`);
    }
    seen.push(Number(message['params']?.['progress']));
  };
  const params = { _meta: { progressToken: 1 } };
  const server = pick(user, SERVERS);
  const outcome = await user.call({ server, tool: 'count', args: { n }, params, onMessage });
  const isRight = seen.every((progress, index) => progress === index + 1);
  if (!isRight || (outcome.kind === 'result' && seen.length !== n)) {
    throw new Violation(`${user.name}: progress of ${server} came as ${seen.join(' ')}`);
  }
}

async function leaveMidCall(user: User): Promise<void> {
  const isLegacy = user.roll(3) === 0;
  const server = pick(user, isLegacy ? STATELESS : SERVERS);
  const controller = new AbortController();
  const params = user.roll(2) === 0 ? { _meta: { progressToken: 'p' } } : {};
  const tool = user.roll(2) === 0 ? { tool: 'hang' } : { tool: 'slow', args: { ms: 3000 } };
  const running = user.call({
    server,
    ...tool,
    params,
    signal: controller.signal,
    ...(isLegacy && { era: LEGACY }),
  });
  await Promise.race([running, delay(5 + user.roll(600))]);
  controller.abort();
  await running;
}

async function readSlowly(user: User): Promise<void> {
  const server = pick(user, SERVERS);
  const controller = new AbortController();
  const call = { tool: 'large', args: { bytes: 1_500_000 }, pauseMs: 10 + user.roll(60) };
  const running = user.call({ server, ...call, signal: controller.signal });
  if (user.roll(3) === 0) {
    await Promise.race([running, delay(100 + user.roll(500))]);
    controller.abort();
  }
  await running;
}

async function answerQuestion(user: User): Promise<void> {
  const server = pick(user, SERVERS);
  const nonce = randomUUID();
  // Whoever never came back to too many of them cannot be asked any more.
  const asked = await user.call({ server, tool: 'ask', nonce, allow: ['failure'] });
  if (asked.kind !== 'result') return;
  await delay(user.roll(300));
  const colour = `colour of ${user.name}`;
  // The server behind the call may have ended meanwhile; then the question is nobody's.
  const answered = await user.call({
    server,
    tool: 'ask',
    nonce,
    params: answersTo(asked.result, colour),
    allow: ['failure', 'VALIDATION_ERROR'],
  });
  // The gate has not taken the answer, so the call goes on waiting for it.
  if (answered.kind === 'refused') user.leavesQuestion = true;
  if (answered.kind === 'result' && !Object.is(answered.result['isError'], true)) {
    const text = JSON.stringify(answered.result);
    if (!text.includes(colour) && !text.includes('input_required')) {
      throw new Violation(`${user.name}: an answer of somebody else's: ${text}`);
    }
  }
}

/** What goes with the same call again. */
function answersTo(result: Json, colour: string): Readonly<Record<string, unknown>> {
  const questions = Object.keys(result['inputRequests'] ?? {});
  const answer = { action: 'accept', content: { colour } };
  return {
    inputResponses: Object.fromEntries(questions.map((key) => [key, answer])),
    ...(result['requestState'] !== undefined && { requestState: result['requestState'] }),
  };
}

async function subscribe(user: User): Promise<void> {
  const server = pick(user, SERVERS);
  const token = await user.token(server);
  const call = {
    era: '2026-07-28' as const,
    method: 'subscriptions/listen',
    token: token.text,
    params: { notifications: { toolsListChanged: true } },
  };
  const leave = new AbortController();
  const what = `${user.name}: listens to ${server}`;
  let told = 0;
  const listening = send(user.gate.url(server), {
    headers: headersOf(call),
    body: JSON.stringify(messageOf(call)),
    signal: leave.signal,
    onMessage: () => {
      told += 1;
    },
  }).catch((error: unknown) => {
    if (!leave.signal.aborted) throw error;
  });
  // Some of them stay until their token has expired, which ends the stream.
  const timer = setTimeout(() => leave.abort(), user.roll(4) > 0 ? 200 + user.roll(2000) : 20_000);
  const heard = await inTime(listening, what);
  clearTimeout(timer);
  // Without a message it is still waiting to be let in, which has a bound of its own.
  if (leave.signal.aborted && told > 0 && Date.now() > token.expiresAtMs + 5000) {
    const lateMs = Date.now() - token.expiresAtMs;
    throw new Violation(`${what}: went on ${lateMs} ms after its token had expired, with ${told} messages`);
  }
  if (heard !== undefined && heard.status !== 200) {
    user.check(outcomeOfHttp(heard, 1), { server, tool: 'listen', nonce: '', token });
  }
}

async function showBadToken(user: User): Promise<void> {
  const server = pick(user, SERVERS);
  const expiresAtMs = Number.POSITIVE_INFINITY;
  const bad = [
    await user.makeToken(server, { expiresInSeconds: -60 }),
    await user.makeToken(server, { audience: 'https://elsewhere.example' }),
    { text: `${(await user.token(server)).text}x`, expiresAtMs },
    { text: 'not.a.token', expiresAtMs },
  ];
  const outcome = await user.call({
    server,
    tool: 'whoami',
    token: pick(user, bad),
    allow: ['INVALID_TOKEN', 'AUTHENTICATION_FAILED'],
  });
  if (outcome.kind !== 'refused') throw new Violation(`${user.name}: served with a bad token`);
}

async function tryDenied(user: User): Promise<void> {
  const server = pick(user, SERVERS);
  const guarded = await user.call({ server, tool: 'guarded', allow: ['INSUFFICIENT_SCOPE'] });
  const secret = await user.call({ server, tool: 'secret', allow: ['failure', 'VALIDATION_ERROR'] });
  if ([guarded, secret].some(isServed))
    throw new Violation(`${user.name}: served what is denied in ${server}`);
}

function isServed(outcome: Outcome): boolean {
  return outcome.kind === 'result' && !Object.is(outcome.result['isError'], true);
}

async function sendTooMuch(user: User): Promise<void> {
  const args = { padding: 'x'.repeat(80_000) };
  const outcome = await user.call({
    server: pick(user, SERVERS),
    tool: 'whoami',
    args,
    isAlone: true,
    allow: ['PAYLOAD_TOO_LARGE'],
  });
  if (outcome.kind === 'result') throw new Violation(`${user.name}: served a body that is too large`);
}

async function crash(user: User): Promise<void> {
  const how = pick(user, ['throw', 'die']);
  const allow = ['failure', 'REQUEST_TIMEOUT', 'INTERNAL_ERROR'];
  await user.call({ server: pick(user, SERVERS), tool: 'crash', args: { how }, allow });
}

async function flood(user: User): Promise<void> {
  const server = pick(user, ['fresh', 'pooled']);
  const calls = Array.from({ length: 30 }, () => user.call({ server, tool: 'whoami' }));
  await Promise.all(calls);
}

async function waitTooLong(user: User): Promise<void> {
  const allow = ['failure', 'REQUEST_TIMEOUT'];
  const outcome = await user.call({ server: pick(user, SERVERS), tool: 'hang', allow });
  if (isServed(outcome)) throw new Violation(`${user.name}: an answer of what never answers`);
}

/** Each as often as it stands here. */
export const ACTIVITIES: readonly Activity[] = [
  ...[callInTurn, callInTurn, callInTurn, callAtOnce, callAtOnce, callLegacy, callLegacy],
  ...[useSession, useSession, useSession, useSocket, useSocket, useSocket],
  ...[follow, follow, leaveMidCall, leaveMidCall, leaveMidCall, readSlowly],
  ...[answerQuestion, answerQuestion, subscribe, subscribe],
  ...[showBadToken, tryDenied, sendTooMuch, crash, crash, flood, waitTooLong],
];

/** Is asked and never comes back. Such calls wait for ten minutes, or until their user is revoked. */
export async function leaveQuestion(user: User): Promise<void> {
  user.leavesQuestion = true;
  // Beyond a number of such calls nobody can be asked any more.
  await user.call({ server: pick(user, SERVERS), tool: 'ask', allow: ['failure'] });
}
