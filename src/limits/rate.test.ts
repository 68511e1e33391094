import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { parseRate } from './rate.ts';

describe('parseRate', () => {
  it.each([
    ['100/min', 100, 60],
    ['10/s', 10, 1],
    ['1000/h', 1000, 3600],
    ['5000/day', 5000, 86_400],
    [' 5 / minute ', 5, 60],
    ['1/d', 1, 86_400],
  ])('[config/limits] reads %j', (text, limit, windowSeconds) => {
    expect(parseRate(text)).toEqual({ limit, windowSeconds, ratePerSecond: limit / windowSeconds });
  });

  it('reads a count and a window', () => {
    expect(parseRate({ limit: 30, windowSeconds: 0.5 })).toEqual({
      limit: 30,
      windowSeconds: 0.5,
      ratePerSecond: 60,
    });
  });

  it.each([
    '',
    '100',
    '100/m',
    '100/week',
    '-1/s',
    '1.5/s',
    '1e3/s',
    '100 per min',
    '100/min/h',
    '9'.repeat(400) + '/s',
  ])('says how to write what it does not understand: %j', (text) => {
    expect(() => parseRate(text)).toThrow(/such as "100\/min"/);
  });

  it.each([undefined, null, 5, [], {}, { limit: 5 }])('refuses %j', (value) => {
    expect(() => parseRate(value)).toThrow(ConfigurationError);
  });

  it('sends those who want to forbid calls to authorization', () => {
    expect(() => parseRate('0/min')).toThrow(/deny them under authorization/);
  });

  it('names both problems of a pair', () => {
    const parse = () => parseRate({ limit: '5', windowSeconds: 0 });
    expect(parse).toThrow(/whole count from 1/);
    expect(parse).toThrow(/windowSeconds must be a number above 0/);
  });
});
