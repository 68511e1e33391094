import { describe, expect, it } from 'vitest';
import type { HeaderList, RawResponse } from './exchange.ts';
import { findDifference, toAbsentName } from './likeness.ts';

function response(body: string, headers: HeaderList = [], status = 200): RawResponse {
  return { status, headers, body, ending: 'ended', endedAt: 0 };
}

describe('the likeness of two answers', () => {
  it('sees status, headers and bodies', () => {
    const one = response('a', [['X-A', '1']]);
    expect(findDifference(one, one)).toBeUndefined();
    expect(findDifference(one, { ...one, status: 404 })).toBe('their status');
    expect(findDifference(one, { ...one, headers: [] })).toBe('their headers');
    expect(findDifference(one, { ...one, body: 'b' })).toBe('their bodies');
  });

  it('overlooks dates, ids and counters', () => {
    const id = (last: number): string => `0b5a3a3e-6f0c-4d1e-9c43-00000000000${last}`;
    const at = (n: number): RawResponse =>
      response(`{"id":"${id(n)}","trace":"00000000000000000000000${n}","at":"2026-01-0${n}T00:00:00.000Z"}`, [
        ['Date', `Thu, 0${n} Jan 2026 00:00:00 GMT`],
        ['X-Request-Id', String(n)],
        ['RateLimit-Remaining', String(n)],
      ]);
    expect(findDifference(at(1), at(2))).toBeUndefined();
  });

  it('overlooks the names asked for where they stand alone', () => {
    const names = ['to', 'qz'] as const;
    expect(findDifference(response('no tool "to"'), response('no tool "qz"'), names)).toBeUndefined();
    expect(findDifference(response('to to'), response('qz qz'), names)).toBeUndefined();
    expect(findDifference(response('no tool "to"'), response('no toqz "qz"'), names)).toBe('their bodies');
  });

  it('compares the messages of event streams, not their framing', () => {
    const stream = (n: number): RawResponse =>
      response(`id: ${n}\ndata: {"id":1,"error":{"code":1}}\n\n`, [['Content-Type', 'text/event-stream']]);
    expect(findDifference(stream(1), stream(2))).toBeUndefined();
  });

  it.each([
    ['vault', 'qzxjk'],
    ['get_data-2', 'qzx_kvwy-z'],
    ['notes://diary/1', 'notes://xjkvw/q'],
  ])('makes of %s a name of its shape that nothing bears', (name, absent) => {
    expect(toAbsentName(name)).toHaveLength(name.length);
    expect(toAbsentName(name).replaceAll(/[a-z]/g, 'x')).toBe(absent.replaceAll(/[a-z]/g, 'x'));
  });
});
