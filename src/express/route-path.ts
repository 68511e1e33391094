/** One piece of a path. Groups are what may be left out. */
export type PathToken = TextToken | CaptureToken | GroupToken;
/** A piece of a path of which everything optional has been decided. */
export type FlatToken = TextToken | CaptureToken;

export interface TextToken {
  readonly kind: 'text';
  readonly text: string;
}

export interface CaptureToken {
  /** `param` stays within a segment, `wildcard` spans several. */
  readonly kind: 'param' | 'wildcard';
  readonly name: string;
  /** What the whole encoded value must match: the constraint of an Express 4 `:id(\\d+)`. */
  readonly pattern?: RegExp;
}

export interface GroupToken {
  readonly kind: 'group';
  readonly tokens: readonly PathToken[];
}

/** A path with parameters, understood well enough to be filled in. */
export interface PathTemplate {
  /** As it is written in the app, with the paths of all mounts before it. */
  readonly source: string;
  readonly tokens: readonly PathToken[];
  /** Every way to take or leave the groups, in the order in which Express tries them. */
  readonly alternatives: readonly (readonly FlatToken[])[];
  readonly captures: readonly CaptureToken[];
  /** Names of captures outside of all groups. */
  readonly required: ReadonlySet<string>;
}

const MAX_ALTERNATIVES = 64;
const ROOT: readonly FlatToken[] = [{ kind: 'text', text: '/' }];
const TRAILING_SLASHES = /\/+$/;

/** The pieces of a mount and of what is mounted in it, as one path. Express ignores the last slash of a mount. */
export function joinTokens(mount: readonly PathToken[], inner: readonly PathToken[]): readonly PathToken[] {
  const before = withoutLastSlash(mount);
  const [first] = inner;
  const isRoot = inner.length === 0 || (inner.length === 1 && first?.kind === 'text' && first.text === '/');
  if (before.length === 0) return isRoot ? [{ kind: 'text', text: '/' }] : inner;
  return isRoot ? before : mergeTexts([...before, ...inner]);
}

function withoutLastSlash(tokens: readonly PathToken[]): readonly PathToken[] {
  const last = tokens.at(-1);
  if (last?.kind !== 'text') return tokens;
  const text = last.text.replace(TRAILING_SLASHES, '');
  return text === '' ? tokens.slice(0, -1) : [...tokens.slice(0, -1), { kind: 'text', text }];
}

/** The same for paths as they are written. */
export function joinSources(mount: string, inner: string): string {
  const before = mount.replace(TRAILING_SLASHES, '');
  if (before === '') return inner === '' ? '/' : inner;
  return inner === '/' || inner === '' ? before : `${before}${inner}`;
}

/** Neighbouring texts as one. */
export function mergeTexts(tokens: readonly PathToken[]): readonly PathToken[] {
  const merged: PathToken[] = [];
  for (const token of tokens) {
    const last = merged.at(-1);
    if (token.kind === 'text' && last?.kind === 'text') {
      merged[merged.length - 1] = { kind: 'text', text: last.text + token.text };
    } else {
      merged.push(token);
    }
  }
  return merged;
}

/**
 * Makes a template of the pieces of a path.
 *
 * @throws Error that says why paths cannot be built from it so that nobody can mistake them.
 */
export function createTemplate(source: string, tokens: readonly PathToken[]): PathTemplate {
  const captures = capturesOf(tokens);
  const names = captures.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`the parameter "${twice}" occurs twice`);
  const taken = names.find((name) => name in Object.prototype);
  if (taken !== undefined) throw new Error(`a parameter cannot be named "${taken}"`);
  checkTexts(tokens);
  checkWildcards(tokens);
  // Without any of its parts a path is the root.
  const alternatives = flatten(tokens).map((alternative) => (alternative.length === 0 ? ROOT : alternative));
  for (const alternative of alternatives) checkAlternative(alternative);
  const required = new Set(tokens.filter(isCapture).map(({ name }) => name));
  return { source, tokens, alternatives, captures, required };
}

export function isCapture(token: PathToken): token is CaptureToken {
  return token.kind === 'param' || token.kind === 'wildcard';
}

function capturesOf(tokens: readonly PathToken[]): readonly CaptureToken[] {
  return tokens.flatMap((token) => {
    if (token.kind === 'group') return capturesOf(token.tokens);
    return token.kind === 'text' ? [] : [token];
  });
}

function checkTexts(tokens: readonly PathToken[]): void {
  for (const token of tokens) {
    if (token.kind === 'group') checkTexts(token.tokens);
    // Nothing of this can stand in the path of a request as it is, and Express does not encode what it compares.
    else if (token.kind === 'text' && /[^!-~]|[?#\\]/.test(token.text)) {
      throw new Error('the path holds characters that no URL has');
    }
  }
}

function checkWildcards(tokens: readonly PathToken[]): void {
  const at = tokens.findIndex(
    (token) =>
      token.kind === 'wildcard' ||
      (token.kind === 'group' && capturesOf(token.tokens).some(({ kind }) => kind === 'wildcard')),
  );
  if (at === -1) return;
  if (tokens.slice(at + 1).some(({ kind }) => kind === 'group')) {
    throw new Error('something optional follows a wildcard');
  }
}

function flatten(tokens: readonly PathToken[]): readonly (readonly FlatToken[])[] {
  let alternatives: (readonly FlatToken[])[] = [[]];
  for (const token of tokens) {
    const endings = token.kind === 'group' ? [...flatten(token.tokens), []] : [[token]];
    alternatives = alternatives.flatMap((start) => endings.map((ending) => [...start, ...ending]));
    if (alternatives.length > MAX_ALTERNATIVES) throw new Error('the path has too many optional parts');
  }
  return alternatives.map((alternative) => mergeTexts(alternative) as readonly FlatToken[]);
}

function checkAlternative(tokens: readonly FlatToken[]): void {
  const text = tokens.map((token) => (token.kind === 'text' ? token.text : 'x')).join('');
  if (!text.startsWith('/')) throw new Error('the path does not begin with "/"');
  if (text.startsWith('//')) throw new Error('the path begins with "//"');
  if (tokens.filter(({ kind }) => kind === 'wildcard').length > 1) {
    throw new Error('the path has more than one wildcard');
  }
  for (const segment of segmentsOf(tokens)) checkSegment(segment);
}

/** What stands between two slashes: texts without any, and captures. */
export function segmentsOf(tokens: readonly FlatToken[]): readonly (readonly FlatToken[])[] {
  const segments: FlatToken[][] = [[]];
  for (const token of tokens) {
    if (token.kind !== 'text') {
      segments.at(-1)?.push(token);
      continue;
    }
    token.text.split('/').forEach((text, index) => {
      if (index > 0) segments.push([]);
      if (text !== '') segments.at(-1)?.push({ kind: 'text', text });
    });
  }
  return segments;
}

/** Several captures in one segment must be kept apart by something that their values cannot hold once encoded. */
function checkSegment(segment: readonly FlatToken[]): void {
  const captures = segment.filter(isCapture);
  if (captures.length < 2) return;
  if (captures.some(({ kind, pattern }) => kind === 'wildcard' || pattern !== undefined)) {
    throw new Error('a wildcard or a constrained parameter shares its segment with another parameter');
  }
  segment.forEach((token, index) => {
    const next = segment[index + 1];
    if (token.kind !== 'text' && next?.kind === 'param') {
      throw new Error(`nothing stands before the parameter "${next.name}"`);
    }
    const isBetween = index > 0 && index < segment.length - 1;
    if (token.kind === 'text' && isBetween && !/[^0-9A-Fa-f%]/.test(token.text)) {
      throw new Error(`"${token.text}" does not part two parameters clearly`);
    }
  });
}
