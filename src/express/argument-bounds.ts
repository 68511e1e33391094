import { type Issue, isJsonObject } from './json-value.ts';

/** What arguments may amount to, all together. */
export interface ArgumentBounds {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly maxEntries: number;
}

/** Files come in base64, a third larger than they are. */
const ARGUMENT_BOUNDS: ArgumentBounds = {
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 32,
  maxEntries: 50_000,
};

interface Count {
  bytes: number;
  entries: number;
}

/**
 * Finds the first thing about arguments that is not JSON or exceeds the bounds; nothing else looks at them before.
 * Sizes are those of the text in UTF-8 at most.
 */
export function findUnbounded(args: unknown, bounds = ARGUMENT_BOUNDS): Issue | undefined {
  if (!isJsonObject(args)) return { path: [], message: 'the arguments must be an object' };
  const count: Count = { bytes: 0, entries: 0 };
  for (const [name, value] of Object.entries(args)) {
    const visit: Visit = { count, bounds, depth: 1 };
    const message = addName(name, visit) ?? findProblem(value, visit);
    if (message !== undefined) return { path: [name], message };
  }
  return undefined;
}

interface Visit {
  readonly count: Count;
  readonly bounds: ArgumentBounds;
  readonly depth: number;
}

function findProblem(value: unknown, visit: Visit): string | undefined {
  const { count, bounds, depth } = visit;
  if (++count.entries > bounds.maxEntries)
    return `all arguments must not have more than ${bounds.maxEntries} parts`;
  if (typeof value === 'string') return add(value, visit);
  if (value === null || value === undefined || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must be a finite number';
  if (depth >= bounds.maxDepth) return `must not nest deeper than ${bounds.maxDepth} levels`;
  if (Array.isArray(value)) return firstProblem(value, { ...visit, depth: depth + 1 });
  if (!isPlain(value)) return 'must be JSON';
  for (const name of Object.keys(value)) {
    const problem = addName(name, visit);
    if (problem !== undefined) return problem;
  }
  return firstProblem(Object.values(value), { ...visit, depth: depth + 1 });
}

function firstProblem(values: readonly unknown[], visit: Visit): string | undefined {
  for (const value of values) {
    const problem = findProblem(value, visit);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function addName(name: string, visit: Visit): string | undefined {
  return name === '__proto__' ? 'nothing can be named "__proto__"' : add(name, visit);
}

function add(text: string, { count, bounds }: Visit): string | undefined {
  // The length in UTF-16 first: no more than that many bytes need be counted of what is far too long.
  count.bytes += text.length > bounds.maxBytes ? text.length : Buffer.byteLength(text);
  return count.bytes > bounds.maxBytes ? `all arguments must not exceed ${bounds.maxBytes} bytes` : undefined;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isJsonObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
