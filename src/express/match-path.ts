import { type FlatToken, isCapture, type PathTemplate, segmentsOf } from './route-path.ts';

/** A part of a path that a capture took: from `start` up to `end`. */
export interface Span {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/**
 * What of a path each capture takes, as Express decides it for paths in which no encoded value holds the text around
 * it; undefined when the path is another. Where more than one reading is possible, the first of Express.
 */
export function matchPath(template: PathTemplate, path: string): readonly Span[] | undefined {
  for (const alternative of template.alternatives) {
    const spans = matchSegments(segmentsOf(alternative), path);
    if (spans !== undefined) return spans;
  }
  return undefined;
}

/**
 * Whether a route may answer a path and is named by it more exactly than by `spans`, the captures of another route:
 * some of what they hold is fixed text here. Case and a last slash do not count, as is the default of Express.
 */
export function isClaimedBy(other: PathTemplate, path: string, spans: readonly Span[]): boolean {
  const plain = withoutLastSlash(path.toLowerCase());
  return other.alternatives.some((alternative) => {
    const lower = withoutLastText(alternative.map(lowerText));
    const taken = matchSegments(segmentsOf(lower), plain);
    if (taken === undefined) return false;
    return spans.some((span) => !isCovered(span, taken, plain.length));
  });
}

/** Whether a path is at or below another, as Express compares them. */
export function isBelow(path: string, mount: string): boolean {
  const base = mount.toLowerCase().replace(/\/+$/, '');
  const lower = path.toLowerCase();
  return base !== '' && (lower === base || lower.startsWith(`${base}/`));
}

function isCovered({ start, end }: Span, by: readonly Span[], length: number): boolean {
  for (let at = start; at < Math.min(end, length); at++) {
    if (!by.some((span) => span.start <= at && at < span.end)) return false;
  }
  return true;
}

function lowerText(token: FlatToken): FlatToken {
  return token.kind === 'text' ? { kind: 'text', text: token.text.toLowerCase() } : token;
}

function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function withoutLastText(tokens: readonly FlatToken[]): readonly FlatToken[] {
  const last = tokens.at(-1);
  if (last?.kind !== 'text' || (tokens.length === 1 && last.text === '/')) return tokens;
  return [
    ...tokens.slice(0, -1),
    { kind: 'text', text: last.text.endsWith('/') ? last.text.slice(0, -1) : last.text },
  ];
}

type Segment = readonly FlatToken[];

function matchSegments(pattern: readonly Segment[], path: string): readonly Span[] | undefined {
  const parts = splitPath(path);
  const wild = pattern.findIndex((segment) => segment.some(({ kind }) => kind === 'wildcard'));
  if (wild === -1) {
    return pattern.length === parts.length ? matchAll(pattern, parts, path) : undefined;
  }
  const after = pattern.length - wild - 1;
  if (parts.length < pattern.length) return undefined;
  const first = parts[wild];
  const last = parts[parts.length - after - 1];
  if (first === undefined || last === undefined) return undefined;
  // What the wildcard spans counts as one part.
  const spanned = [
    ...parts.slice(0, wild),
    { start: first.start, end: last.end },
    ...parts.slice(parts.length - after),
  ];
  return matchAll(pattern, spanned, path);
}

interface Part {
  readonly start: number;
  readonly end: number;
}

function splitPath(path: string): readonly Part[] {
  const parts: Part[] = [];
  let start = 0;
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', start)) {
    parts.push({ start, end: at });
    start = at + 1;
  }
  parts.push({ start, end: path.length });
  return parts;
}

function matchAll(
  pattern: readonly Segment[],
  parts: readonly Part[],
  path: string,
): readonly Span[] | undefined {
  const spans: Span[] = [];
  for (const [index, segment] of pattern.entries()) {
    const part = parts[index];
    const found = part === undefined ? undefined : matchSegment(segment, path, part);
    if (found === undefined) return undefined;
    spans.push(...found);
  }
  return spans;
}

function matchSegment(segment: Segment, path: string, { start, end }: Part): readonly Span[] | undefined {
  const spans: Span[] = [];
  let at = start;
  for (const [index, token] of segment.entries()) {
    if (token.kind === 'text') {
      if (!path.startsWith(token.text, at) || at + token.text.length > end) return undefined;
      at += token.text.length;
      continue;
    }
    const stop = findEnd(segment.slice(index + 1), path, { start: at, end });
    if (stop === undefined || stop === at) return undefined;
    const value = path.slice(at, stop);
    if (token.pattern !== undefined && !token.pattern.test(value)) return undefined;
    spans.push({ name: token.name, start: at, end: stop });
    at = stop;
  }
  return at === end ? spans : undefined;
}

/** Where a capture ends: before the text that follows it, which is the last of its kind when nothing follows that. */
function findEnd(rest: Segment, path: string, { start, end }: Part): number | undefined {
  const [next] = rest;
  if (next?.kind !== 'text') return end;
  const stop = rest.some(isCapture) ? path.indexOf(next.text, start + 1) : end - next.text.length;
  return stop <= start || stop > end ? undefined : stop;
}
