import { type Issue, isJsonObject, type JsonObject } from './json-value.ts';

/** How an app reads a query: Node's querystring, the nested syntax of qs, or not at all. */
export type QueryParser = 'simple' | 'extended' | 'none';

// What qs keeps as a list and how deep it goes unless told otherwise, as Express does not.
const MAX_EXTENDED_ITEMS = 20;
const MAX_EXTENDED_DEPTH = 5;

/**
 * Writes values so that Express reads the same ones: lists as repeated names (`tag=a&tag=b`), with brackets where the
 * app understands them, so that a list of one stays a list; true, false and numbers as their text. What is null
 * is left out. Anything that would arrive as something else is refused.
 */
export function writeQuery(
  values: JsonObject,
  parser: QueryParser,
): { readonly text: string } | readonly Issue[] {
  const pairs: string[] = [];
  const issues: Issue[] = [];
  for (const [name, value] of Object.entries(values)) {
    const problem = isKey(name, parser)
      ? write(encodeURIComponent(name), value, { pairs, parser, depth: 0 })
      : BAD_NAME;
    if (problem !== undefined) issues.push({ path: [name], message: problem });
  }
  return issues.length > 0 ? issues : { text: pairs.join('&') };
}

const BAD_NAME = 'has a name that cannot be sent in a query';

interface Writing {
  readonly pairs: string[];
  readonly parser: QueryParser;
  readonly depth: number;
}

function isKey(name: string, parser: QueryParser): boolean {
  if (name === '' || name === '__proto__' || /\p{Surrogate}/u.test(name)) return false;
  return parser !== 'extended' || !/[[\]]/.test(name);
}

function write(name: string, value: unknown, writing: Writing): string | undefined {
  if (value === null) return undefined;
  if (Array.isArray(value)) return writeList(name, value, writing);
  if (isJsonObject(value)) return writeObject(name, value, writing);
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    return 'must be text';
  const text = String(value);
  if (/\p{Surrogate}/u.test(text)) return 'must be well-formed Unicode text';
  writing.pairs.push(`${name}=${encodeURIComponent(text)}`);
  return undefined;
}

function writeList(name: string, values: readonly unknown[], writing: Writing): string | undefined {
  const isExtended = writing.parser === 'extended';
  if (isExtended && values.length > MAX_EXTENDED_ITEMS) {
    return `must not have more than ${MAX_EXTENDED_ITEMS} entries: the app would read no list`;
  }
  const key = isExtended ? `${name}[]` : name;
  for (const value of values) {
    if (typeof value === 'object') return 'must be a list of text, numbers, true or false';
    const problem = write(key, value, writing);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function writeObject(name: string, value: JsonObject, writing: Writing): string | undefined {
  if (writing.parser !== 'extended') return 'must not be an object: the app reads none in a query';
  if (writing.depth >= MAX_EXTENDED_DEPTH) return 'nests deeper than the app reads';
  for (const [key, entry] of Object.entries(value)) {
    if (!isKey(key, writing.parser)) return BAD_NAME;
    const inner = { ...writing, depth: writing.depth + 1 };
    const problem = write(`${name}[${encodeURIComponent(key)}]`, entry, inner);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
