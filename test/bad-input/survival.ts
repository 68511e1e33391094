import { homedir } from 'node:os';
import { expect } from 'vitest';
import type { Harness } from '../support/gate-harness.ts';
import { isEventStream, type SocketAnswer } from '../support/raw-socket.ts';
import { type Era, rpc } from '../support/wire.ts';

/** The same inputs in every run; what fails is printed with its seed and path, and can be replayed. */
export const SEED = 20_260_728;

const TRACES: readonly (string | RegExp)[] = [
  /^\s+at .*[:)]/m,
  /\.[cm]?[jt]s:\d+/,
  'node_modules',
  'node:internal',
  'file://',
  'INTERNAL_ERROR',
  process.cwd(),
  homedir(),
];

/** Holds for every answer to anybody, whatever was sent: it is whole, no failure of ours, and tells nothing of us. */
export function expectSafe(answer: SocketAnswer): void {
  expect(answer.status, 'an answer').toBeTypeOf('number');
  expect(answer.status).toBeLessThan(500);
  expect(answer.complete || isEventStream(answer), 'the whole answer').toBe(true);
  expectNoTrace(answer);
}

/** For what may be no HTTP at all: Node may then close the connection without a word. */
export function expectBounded(answer: SocketAnswer): void {
  expect(answer.status ?? 0).toBeLessThan(500);
  expect(answer.closed || answer.complete || isEventStream(answer), 'an end').toBe(true);
  expectNoTrace(answer);
}

function expectNoTrace({ head, body }: SocketAnswer): void {
  for (const trace of TRACES) {
    if (typeof trace === 'string') expect(head + body).not.toContain(trace);
    else expect(head + body).not.toMatch(trace);
  }
}

/** After all that, a good caller gets what it asks for, and nothing inherited has changed. */
export async function expectServed(
  harness: Pick<Harness, 'url'>,
  token: string,
  era: Era = '2025-11-25',
): Promise<void> {
  const params = { name: 'echo', arguments: { text: 'still here' } };
  const answer = await rpc(harness.url, { era, token, method: 'tools/call', params });
  expect(answer).toMatchObject({ status: 200, json: { result: { content: [{ text: 'still here' }] } } });
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
}
