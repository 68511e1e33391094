import { ConfigurationError } from '../core/errors.ts';

/** A rate as it is written: `100/min`, or a count and a window. */
export type RateSpec = string | { readonly limit: number; readonly windowSeconds: number };

/** A rate as it is used. */
export interface Rate {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly ratePerSecond: number;
}

const UNIT_SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['sec', 1],
  ['second', 1],
  ['min', 60],
  ['minute', 60],
  ['h', 3600],
  ['hour', 3600],
  ['d', 86_400],
  ['day', 86_400],
]);

const HOW = 'write a count, a slash and s, min, h or day, such as "100/min"';

/**
 * Reads `100/min`, `10/s`, `1000/h`, `5000/day` or `{limit, windowSeconds}`.
 *
 * @throws ConfigurationError `CONFIGURATION_ERROR`; its text says how to write it
 */
export function parseRate(rate: unknown): Rate {
  if (typeof rate === 'string') return parseText(rate);
  if (typeof rate === 'object' && rate !== null && 'limit' in rate && 'windowSeconds' in rate) {
    return checked(rate.limit, rate.windowSeconds);
  }
  throw new ConfigurationError(`the rate is missing or of the wrong kind: ${HOW}, or {limit, windowSeconds}`);
}

function parseText(text: string): Rate {
  const [, count, unit] = /^\s*([0-9]{1,15})\s*\/\s*([a-z]{1,8})\s*$/.exec(text) ?? [];
  const windowSeconds = UNIT_SECONDS.get(unit ?? '');
  if (count === undefined || windowSeconds === undefined) {
    throw new ConfigurationError(`the rate ${JSON.stringify(text.slice(0, 40))} is not understood: ${HOW}`);
  }
  return checked(Number(count), windowSeconds);
}

function checked(limit: unknown, windowSeconds: unknown): Rate {
  const problems: string[] = [];
  if (!isPositive(limit) || !Number.isSafeInteger(limit)) {
    problems.push('a rate needs a whole count from 1; to forbid calls, deny them under authorization');
  }
  if (!isPositive(windowSeconds)) problems.push('windowSeconds must be a number above 0, such as 60');
  if (!isPositive(limit) || !isPositive(windowSeconds) || problems.length > 0)
    throw new ConfigurationError(problems);
  return { limit, windowSeconds, ratePerSecond: limit / windowSeconds };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
