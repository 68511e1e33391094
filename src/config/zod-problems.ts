import type * as z from 'zod';
import type { Problem } from './problem.ts';

type Issue = z.core.$ZodIssue;

const EXPECTED: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'an object'],
  ['record', 'an object'],
]);

/** What zod found, in plain language and without any value. `input` is what was parsed. */
export function toProblems(issues: readonly Issue[], input: unknown): readonly Problem[] {
  return issues.flatMap((issue) => describeIssue(issue, issue.path, input));
}

function describeIssue(issue: Issue, path: readonly PropertyKey[], input: unknown): readonly Problem[] {
  switch (issue.code) {
    case 'invalid_type':
      return [{ path, message: describeType(issue.expected, path, input) }];
    case 'unrecognized_keys':
      return issue.message.split('\n').map((message) => ({ path, message }));
    case 'too_small':
      return [{ path, message: describeBound('least', Number(issue.minimum), issue.origin) }];
    case 'too_big':
      return [{ path, message: describeBound('most', Number(issue.maximum), issue.origin) }];
    case 'invalid_union':
      return describeUnion(issue, path, input);
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? 'is not a valid name' }];
    default:
      return [{ path, message: issue.message }];
  }
}

function describeType(expected: string, path: readonly PropertyKey[], input: unknown): string {
  const [found, isPresent] = lookUp(path, input);
  if (found === undefined && isPresent && path.length > 0) {
    return 'is undefined: set it, or leave the key out (is an environment variable not set?)';
  }
  if (found === undefined && path.length > 0) return 'is required';
  const wanted = EXPECTED.get(expected) ?? expected;
  return path.length === 0
    ? `The configuration must be ${wanted}, not ${kindOf(found)}`
    : `must be ${wanted}, not ${kindOf(found)}`;
}

function describeBound(side: 'least' | 'most', bound: number, origin: string): string {
  if (origin === 'string')
    return side === 'least' ? 'must not be empty' : `must be at most ${bound} characters long`;
  if (origin === 'array') return `needs at ${side} ${bound} ${bound === 1 ? 'entry' : 'entries'}`;
  return `must be at ${side} ${bound}`;
}

/** The alternative whose outer form was met says what is wrong inside; without one, the union speaks. */
function describeUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: readonly PropertyKey[],
  input: unknown,
): readonly Problem[] {
  const closest = issue.errors.filter(
    (issues) => !issues.some((inner) => inner.path.length === 0 && inner.code === 'invalid_type'),
  );
  const [only] = closest;
  if (only !== undefined && closest.length === 1) {
    return only.flatMap((inner) => describeIssue(inner, [...path, ...inner.path], input));
  }
  const [found, isPresent] = lookUp(path, input);
  return [
    { path, message: found === undefined && isPresent ? describeType('', path, input) : issue.message },
  ];
}

function lookUp(path: readonly PropertyKey[], input: unknown): readonly [value: unknown, isPresent: boolean] {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return [undefined, false];
    value = Reflect.get(value, part);
  }
  return [value, true];
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'string') return 'text';
  return typeof value === 'boolean' ? String(value) : `a ${typeof value}`;
}
