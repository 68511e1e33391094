import { describe, expect, test } from 'vitest';
import { ServerUnavailableError } from '../../core/errors.ts';
import { createStartBackoff } from './start-backoff.ts';

function create() {
  let time = 0;
  const backoff = createStartBackoff({ now: () => time, firstMs: 1000, longestMs: 8000 });
  const waitOf = (key: string): number => {
    try {
      backoff.checkMayStart(key);
      return 0;
    } catch (error) {
      return (error as ServerUnavailableError).retryAfterSeconds;
    }
  };
  return { ...backoff, waitOf, pass: (ms: number) => void (time += ms) };
}

describe('starts that fail', () => {
  test('are waited for longer each time, up to a bound', () => {
    const { waitOf, failed, pass } = create();
    const waits: number[] = [];
    for (let count = 0; count < 6; count += 1) {
      failed('a');
      const wait = waitOf('a');
      waits.push(wait);
      pass(wait * 1000);
      expect(waitOf('a')).toBe(0);
    }
    expect(waits).toEqual([1, 2, 4, 8, 8, 8]);
  });

  test('together count once', () => {
    const { waitOf, failed } = create();
    for (let count = 0; count < 5; count += 1) failed('a');
    expect(waitOf('a')).toBe(1);
  });

  test('are forgotten after one that succeeds, and are no business of another key', () => {
    const { waitOf, failed, succeeded } = create();
    failed('a');
    expect([waitOf('a'), waitOf('b')]).toEqual([1, 0]);
    succeeded('a');
    expect(waitOf('a')).toBe(0);
  });

  test('are refused as an outage', () => {
    const { checkMayStart, failed } = create();
    failed('a');
    expect(() => checkMayStart('a')).toThrow(ServerUnavailableError);
  });

  test('of the longest ago are forgotten first', () => {
    const { waitOf, failed } = create();
    for (let count = 0; count <= 1000; count += 1) failed(String(count));
    expect([waitOf('0'), waitOf('1'), waitOf('1000')]).toEqual([0, 1, 1]);
  });
});
