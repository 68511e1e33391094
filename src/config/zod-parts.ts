import * as z from 'zod';
import { findNearest, shorten } from './problem.ts';

/** The longest a timer of this platform can wait; more would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

interface ObjectHints {
  /** Keys of the format that this version does not know. */
  readonly later?: readonly string[];
  /** Key → why it is refused here. */
  readonly refused?: Readonly<Record<string, string>>;
}

/** An object in which an unknown key is a problem that names the key probably meant. */
export function strict<const Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  hints: ObjectHints = {},
): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape).filter((key) => key !== '$schema');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => describeUnknownKey(key, known, hints)).join('\n')
        : undefined,
  });
}

function describeUnknownKey(key: string, known: readonly string[], hints: ObjectHints): string {
  const name = JSON.stringify(shorten(key)).slice(1, -1);
  if (hints.refused !== undefined && Object.hasOwn(hints.refused, key))
    return `\`${name}\` ${hints.refused[key]}`;
  if (hints.later?.includes(key) === true) {
    return `\`${name}\` is not supported in this version (supported: ${known.join(', ')})`;
  }
  const nearest = findNearest(key, known);
  const hint = nearest === undefined ? `known: ${known.join(', ')}` : `did you mean \`${nearest}\`?`;
  return `Unknown key \`${name}\` (${hint})`;
}

/** One of a few words; `later` are those of the format that this version does not know. */
export function choice<const Words extends readonly string[]>(
  words: Words,
  later: readonly string[] = [],
): z.ZodEnum<z.core.util.ToEnum<Words[number]>> {
  return z.enum(words, { error: (issue) => describeWord(issue.input, words, later) });
}

/** Objects told apart by their `type`. */
export function kinds<
  const Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]],
>(
  options: Options,
  words: { readonly supported: readonly string[]; readonly later: readonly string[] },
): z.ZodDiscriminatedUnion<Options, 'type'> {
  return z.discriminatedUnion('type', options, {
    error: (issue) => {
      const { input } = issue;
      if (typeof input !== 'object' || input === null) return undefined;
      return describeWord(Reflect.get(input, 'type'), words.supported, words.later);
    },
  });
}

function describeWord(input: unknown, words: readonly string[], later: readonly string[]): string {
  const list = words.join(', ');
  if (input === undefined) return `is required (one of: ${list})`;
  if (typeof input !== 'string') return `must be one of: ${list}`;
  if (later.includes(input)) return `\`${input}\` is not supported in this version (supported: ${list})`;
  const nearest = findNearest(input, words);
  return `must be one of: ${list}${nearest === undefined ? '' : ` (did you mean \`${nearest}\`?)`}`;
}

/** A string that is not empty. */
export function text(description?: string): z.ZodString {
  const schema = z.string().min(1);
  return description === undefined ? schema : schema.describe(description);
}

/** A string that passes `find`, which tells what is wrong with it without repeating it. */
export function checkedText(find: (value: string) => string | undefined, description?: string): z.ZodString {
  return text(description).check((context) => {
    const message = context.value === '' ? undefined : find(context.value);
    if (message !== undefined) context.issues.push({ code: 'custom', message, input: context.value });
  });
}

/** A string of a fixed form, which the published JSON Schema shows too. */
export function formedText(form: RegExp, message: string): z.ZodString {
  return z.string().regex(form, message);
}

export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodInt {
  return z.int().min(min).max(max);
}

/** A span of time a timer can wait. */
export function milliseconds(min = 1): z.ZodInt {
  return whole(min, MAX_TIMER_MS);
}

/** A list of texts. */
export function texts(entry: z.ZodString = text()): z.ZodArray<z.ZodString> {
  return z.array(entry);
}

/** Accepts an instance as it is, anything else by `schema`. */
export function orInstance<Instance, Schema extends z.ZodType>(
  isInstance: (value: unknown) => value is Instance,
  schema: Schema,
): z.ZodType<Instance | z.output<Schema>> {
  return z.unknown().transform((value, context): Instance | z.output<Schema> => {
    if (isInstance(value)) return value;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: undefined });
    return z.NEVER;
  });
}
