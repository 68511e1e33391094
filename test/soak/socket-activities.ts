import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../support/wire.ts';
import { pick, quickCall, SERVERS } from './choices.ts';
import { openSocket, type Socket } from './socket.ts';
import type { User } from './user.ts';

/** Opens a WebSocket, does a few things over it, and leaves it in one way or another. */
export async function useSocket(user: User): Promise<void> {
  const server = pick(user, SERVERS);
  const socket = await openSocket(user, { server, era: pick(user, ['2025-11-25', '2026-07-28']) });
  if (socket === undefined) return;
  for (let count = 1 + user.roll(5); count > 0 && socket.isOpen; count -= 1) {
    await pick(user, [callSome, callSome, takeBack, beAsked, subscribe, readSlowly, crash])(user, socket);
  }
  // Some wait until their token is over.
  if (user.roll(6) === 0) await delay(user.roll(6000));
  if (user.roll(3) === 0) socket.cut();
  else await socket.close();
}

async function callSome(user: User, socket: Socket): Promise<void> {
  await Promise.all([1, 2, 3].map(() => socket.call(quickCall(user))));
}

/** What is taken back is not answered. */
async function takeBack(user: User, socket: Socket): Promise<void> {
  const running = socket.call({
    tool: 'hang',
    allow: ['failure', 'REQUEST_TIMEOUT', 'taken back'],
    onSent: (requestId) => {
      setTimeout(() => {
        const params = { requestId, reason: 'no longer wanted' };
        socket.tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
        socket.forget(requestId);
      }, user.roll(200));
    },
  });
  await running;
}

async function beAsked(user: User, socket: Socket): Promise<void> {
  const colour = `colour of ${user.name}`;
  const answer = { action: 'accept', content: { colour } };
  const allow = ['failure', 'REQUEST_TIMEOUT', 'VALIDATION_ERROR'];
  const nonce = randomUUID();
  const asked = await socket.call({
    tool: 'ask',
    nonce,
    allow,
    onMessage: (question: Json) => {
      if (String(question['method']) !== 'elicitation/create') return;
      socket.tell({ jsonrpc: '2.0', id: question['id'], result: answer });
    },
  });
  if (asked.kind !== 'result' || asked.result['inputRequests'] === undefined) return;
  const { inputRequests, requestState } = asked.result;
  const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, answer]));
  const params = { inputResponses, ...(requestState !== undefined && { requestState }) };
  await socket.call({ tool: 'ask', nonce, params, allow });
}

async function subscribe(user: User, socket: Socket): Promise<void> {
  if (socket.era === '2025-11-25') return callSome(user, socket);
  socket.listen();
  return callSome(user, socket);
}

async function readSlowly(user: User, socket: Socket): Promise<void> {
  const running = socket.call({ tool: 'large', args: { bytes: 800_000 } });
  socket.pause();
  await delay(user.roll(800));
  socket.resume();
  await running;
}

async function crash(user: User, socket: Socket): Promise<void> {
  if (user.roll(3) > 0) return callSome(user, socket);
  const allow = ['failure', 'REQUEST_TIMEOUT', 'INTERNAL_ERROR'];
  await socket.call({ tool: 'crash', args: { how: pick(user, ['throw', 'die']) }, allow });
}
