import { type Issue, quote } from './json-value.ts';
import { matchPath, type Span } from './match-path.ts';
import { type CaptureToken, isCapture, type PathTemplate, type PathToken, segmentsOf } from './route-path.ts';

/** Values by parameter name; those of a wildcard hold the slashes between its segments. */
export type PathValues = ReadonlyMap<string, string>;

export type BuiltPath =
  | { readonly path: string; readonly spans: readonly Span[] }
  | { readonly issues: readonly Issue[] };

const MAX_VALUE_LENGTH = 2048;

/**
 * Fills a template in. The path that comes of it matches the template and nothing in it means another value: every
 * value is encoded, whatever could part, leave or end a segment is refused, and the finished path is read back.
 */
export function createPathBuilder(template: PathTemplate): (values: PathValues) => BuiltPath {
  const around = textAround(template);
  return (values) => {
    const issues: Issue[] = [];
    const encoded = new Map<string, string>();
    for (const capture of template.captures) {
      const value = values.get(capture.name);
      if (value === undefined) continue;
      const problem = findProblem(capture, value);
      if (problem !== undefined) issues.push({ path: [capture.name], message: problem });
      else encoded.set(capture.name, encodeValue(capture, value, around.get(capture.name) ?? new Set()));
    }
    // Express takes a path that has lost all its parts for the root.
    const filled = fill(template.tokens, encoded, issues);
    const path = filled === '' ? '/' : filled;
    if (issues.length > 0) return { issues };
    const spans = matchPath(template, path);
    if (spans === undefined || !isReadBack(spans, path, encoded)) {
      return { issues: [{ path: [], message: misread(template, encoded) }] };
    }
    return { path, spans };
  };
}

function findProblem({ kind, pattern }: CaptureToken, value: string): string | undefined {
  if (value === '') return 'must not be empty';
  if (value.length > MAX_VALUE_LENGTH) return `must not be longer than ${MAX_VALUE_LENGTH} characters`;
  if (value.includes('\0')) return 'must not hold a NUL character';
  if (/\p{Surrogate}/u.test(value)) return 'must be well-formed Unicode text';
  if (kind === 'param' && value.includes('/')) return 'must not hold "/": it is a single segment of the path';
  for (const segment of value.split('/')) {
    if (segment === '') return 'must not begin or end with "/" nor hold "//"';
    if (segment === '.' || segment === '..') return 'must not be or hold the segments "." and ".."';
  }
  if (pattern !== undefined && !pattern.test(encodeURIComponent(value))) {
    return `must match ${pattern.source} as the route demands`;
  }
  return undefined;
}

/** Characters of the text that shares a segment with a capture: encoded in its value, they part nothing. */
function textAround(template: PathTemplate): ReadonlyMap<string, ReadonlySet<string>> {
  const around = new Map<string, Set<string>>();
  for (const segment of template.alternatives.flatMap((tokens) => segmentsOf(tokens))) {
    const first = segment.findIndex(isCapture);
    const characters = segment.flatMap((token, index) =>
      token.kind === 'text' ? partingCharacters(token.text, index > first) : [],
    );
    for (const { name } of segment.filter(isCapture)) {
      const known = around.get(name) ?? new Set<string>();
      for (const character of characters) known.add(character);
      around.set(name, known);
    }
  }
  return around;
}

/** Punctuation is enough to tell where a text is; one without any, after a value, parts by its letters. */
function partingCharacters(text: string, isAfterValue: boolean): readonly string[] {
  const punctuation = [...text].filter((character) => /[^A-Za-z0-9]/.test(character));
  return punctuation.length === 0 && isAfterValue ? [...text.toLowerCase()] : punctuation;
}

function encodeValue(capture: CaptureToken, value: string, around: ReadonlySet<string>): string {
  // A constraint is matched against the encoded value, and a constrained parameter has its segment for itself.
  if (capture.pattern !== undefined) return encodeURIComponent(value);
  if (capture.kind === 'param') return encodeSegment(value, around);
  return value
    .split('/')
    .map((segment) => encodeSegment(segment, around))
    .join('/');
}

function encodeSegment(value: string, around: ReadonlySet<string>): string {
  let encoded = '';
  for (const character of value) {
    encoded += around.has(character.toLowerCase()) ? toPercent(character) : encodeURIComponent(character);
  }
  return encoded;
}

function toPercent(character: string): string {
  const encoded = encodeURIComponent(character);
  if (encoded !== character) return encoded;
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function fill(tokens: readonly PathToken[], values: PathValues, issues: Issue[]): string {
  let path = '';
  for (const token of tokens) {
    if (token.kind === 'text') path += token.text;
    else if (token.kind === 'group') path += fillGroup(token.tokens, values, issues);
    else {
      const value = values.get(token.name);
      if (value === undefined) addMissing(issues, token.name);
      path += value ?? '';
    }
  }
  return path;
}

/** A group is there when one of its captures has a value, and then all must; one of text alone always is. */
function fillGroup(tokens: readonly PathToken[], values: PathValues, issues: Issue[]): string {
  const names = tokens.flatMap((token) => namesOf(token));
  if (names.length > 0 && !names.some((name) => values.has(name))) return '';
  return fill(tokens, values, issues);
}

function namesOf(token: PathToken): readonly string[] {
  if (token.kind === 'group') return token.tokens.flatMap((inner) => namesOf(inner));
  return token.kind === 'text' ? [] : [token.name];
}

function addMissing(issues: Issue[], name: string): void {
  if (!issues.some(({ path }) => path[0] === name)) issues.push({ path: [name], message: 'is missing' });
}

function isReadBack(spans: readonly Span[], path: string, encoded: PathValues): boolean {
  return (
    spans.length === encoded.size &&
    spans.every(({ name, start, end }) => encoded.get(name) === path.slice(start, end))
  );
}

function misread(template: PathTemplate, encoded: PathValues): string {
  const names = [...encoded.keys()].map(quote).join(', ');
  return `${names === '' ? 'no argument' : names} cannot be told apart in ${template.source}; give its other parameters as well`;
}
