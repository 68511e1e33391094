import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRunTimes } from './run-times.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const question = (id: number, method = 'elicitation/create') => ({ jsonrpc: '2.0' as const, id, method });

function begin(...ids: number[]) {
  const times = createRunTimes(1000, 60_000);
  const expired: number[] = [];
  for (const id of ids) times.begin(id, () => void expired.push(id));
  return { times, expired };
}

it('ends a request that runs too long, and none that has ended', () => {
  const { times, expired } = begin(1, 2);
  times.end(2);
  vi.advanceTimersByTime(999);
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(expired).toEqual([1]);
});

it('does not count while the client is asked, until the last question is answered or taken back', () => {
  const { times, expired } = begin(1);
  vi.advanceTimersByTime(600);
  times.sent(question(7), { relatedRequestId: 1 });
  times.sent(question(8), { relatedRequestId: 1 });
  vi.advanceTimersByTime(5000);
  times.answered(7);
  vi.advanceTimersByTime(5000);
  times.sent({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 8 } }, undefined);
  vi.advanceTimersByTime(399);
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(expired).toEqual([1]);
});

it('stops only the request that is asked for, and all where nobody can tell', () => {
  const related = begin(1, 2);
  related.times.sent(question(7), { relatedRequestId: 1 });
  vi.advanceTimersByTime(1000);
  expect(related.expired).toEqual([2]);
  const unrelated = begin(1, 2);
  unrelated.times.sent(question(7), undefined);
  vi.advanceTimersByTime(1000);
  expect(unrelated.expired).toEqual([]);
});

it('counts on when the client takes too long, and for what is no question', () => {
  const { times, expired } = begin(1);
  times.sent(question(6, 'ping'), { relatedRequestId: 1 });
  times.sent(question(7), { relatedRequestId: 1 });
  vi.advanceTimersByTime(60_999);
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(expired).toEqual([1]);
});
