import * as z from 'zod';
import { ConfigurationError } from '../core/errors.ts';
import { CROSS_RULES, findAmbientProblems } from './cross-rules.ts';
import { type FilledOptions, gateConfigSchema, gateOptionsSchema } from './gate-schema.ts';
import { formatProblem, type Problem } from './problem.ts';
import { resolveOptions } from './resolve.ts';
import type { ResolvedGateOptions } from './resolved-options.ts';
import { takeSnapshot } from './snapshot.ts';
import { toProblems } from './zod-problems.ts';

export interface ParseOptions {
  /** Whether providers, resolvers, sinks and factories may stand where a file names a kind. */
  readonly allowInstances: boolean;
}

/**
 * Options of a gate, checked and with every default filled. Throws nothing but ConfigurationError, which
 * lists every problem as `path: what is wrong and how to mend it` and repeats no value.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR)
 */
export function parseGateOptions(input: unknown, options: ParseOptions): ResolvedGateOptions {
  const { filled, problems } = fillOptions(input, options);
  if (filled === undefined) throw new ConfigurationError(problems.map(formatProblem));
  return resolveOptions(filled);
}

type Shape = typeof gateConfigSchema.shape | typeof gateOptionsSchema.shape;

export interface Filling {
  /** Absent when there are problems. */
  readonly filled?: FilledOptions | undefined;
  readonly problems: readonly Problem[];
}

/** Checks options and fills the defaults of each part, in the spelling of the input. Never throws. */
export function fillOptions(input: unknown, { allowInstances }: ParseOptions): Filling {
  const snapshot = takeSnapshot(input);
  try {
    const schema = allowInstances ? gateOptionsSchema : gateConfigSchema;
    const parsed = schema.safeParse(snapshot.value);
    const found = parsed.success ? [] : toProblems(parsed.error.issues, snapshot.value);
    const crossed = findCrossProblems(schema.shape, snapshot.value);
    const problems = mergeProblems(snapshot.problems, [...found, ...crossed]);
    return problems.length === 0 && parsed.success ? { filled: parsed.data, problems } : { problems };
  } catch {
    // A getter of an instance threw.
    return { problems: [...snapshot.problems, { path: [], message: 'The configuration cannot be read' }] };
  }
}

/** Keeps the later problems that are not a consequence of an earlier one at the same place. */
export function mergeProblems(earlier: readonly Problem[], later: readonly Problem[]): readonly Problem[] {
  const places = earlier.map(({ path }) => JSON.stringify(path));
  const isNew = ({ path }: Problem): boolean => !places.includes(JSON.stringify(path));
  return [...earlier, ...later.filter(isNew)];
}

/**
 * Why these options may not be served over HTTP, empty when they may: whatever signs in everybody who can
 * connect is for stdio. Part of {@link parseGateOptions} when `listen` is given; a gate that was not
 * given one asks before it listens or answers a request.
 */
export function findHttpProblems(options: ResolvedGateOptions): readonly string[] {
  const auth = options.auth.map((entry) => (entry.type === 'custom' ? entry.provider : entry));
  return findAmbientProblems(auth, options).map(formatProblem);
}

/** Each part is parsed by itself, so that a rule is not silenced by what is wrong elsewhere. */
function findCrossProblems(shape: Shape, input: unknown): readonly Problem[] {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return [];
  const given = Object.entries<unknown>({ ...input });
  const schemas: Readonly<Record<string, z.ZodType>> = shape;
  const sound: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(schemas)) {
    const part = Object.fromEntries(given.filter(([name]) => name === key));
    const parsed = z.object({ [key]: schema }).safeParse(part);
    if (parsed.success) sound[key] = parsed.data[key];
  }
  return CROSS_RULES.filter(({ reads }) => reads.every((key) => Object.hasOwn(sound, key))).flatMap(
    ({ find }) => find(sound as FilledOptions),
  );
}
