import { type CaptureToken, mergeTexts, type PathToken } from './route-path.ts';

/** Which syntax a path is written in: that of path-to-regexp 0.1 (Express 4) or of 8 (Express 5). */
export type PathDialect = 'express4' | 'express5';

/**
 * Parses a path as it was given to an app or a router.
 *
 * @throws Error that says what cannot be understood.
 */
export function parsePath(path: string, dialect: PathDialect): readonly PathToken[] {
  const rooted = rootWildcard(path);
  return mergeTexts(dialect === 'express5' ? parseExpress5(rooted) : parseExpress4(rooted));
}

// Every path has a leading slash, so that `*` and `/*` stand for the same requests.
function rootWildcard(path: string): string {
  return path.startsWith('*') ? `/${path}` : path;
}

const ID_START = /^[$_\p{ID_Start}]$/u;
const ID_CONTINUE = /^[$\u200c\u200d\p{ID_Continue}]$/u;
const MAX_NESTING = 8;

function parseExpress5(path: string): readonly PathToken[] {
  const chars = [...path];
  let at = 0;

  function parseGroup(end: string, depth: number): readonly PathToken[] {
    if (depth > MAX_NESTING) throw new Error('its optional parts nest too deep');
    const tokens: PathToken[] = [];
    while (at < chars.length) {
      const char = chars[at++] ?? '';
      if (char === end) return tokens;
      if (char === '\\') tokens.push({ kind: 'text', text: next('\\') });
      else if (char === ':') tokens.push({ kind: 'param', name: parseName() });
      else if (char === '*') tokens.push({ kind: 'wildcard', name: parseName() });
      else if (char === '{') tokens.push({ kind: 'group', tokens: parseGroup('}', depth + 1) });
      else if ('}()[]+?!'.includes(char)) throw new Error(`"${char}" must be escaped`);
      else tokens.push({ kind: 'text', text: char });
    }
    if (end !== '') throw new Error(`"${end}" is missing`);
    return tokens;
  }

  function next(after: string): string {
    const char = chars[at++];
    if (char === undefined) throw new Error(`nothing follows ${after}`);
    return char;
  }

  function parseName(): string {
    let name = '';
    if (chars[at] === '"') {
      at++;
      for (let char = next('"'); char !== '"'; char = next('"')) name += char === '\\' ? next('\\') : char;
    } else if (ID_START.test(chars[at] ?? '')) {
      do name += next(name);
      while (ID_CONTINUE.test(chars[at] ?? ''));
    }
    if (name === '') throw new Error('a parameter has no name');
    return name;
  }

  return parseGroup('', 0);
}

// Of the regular expressions in parentheses, those that can match neither a slash nor nothing in particular.
const PLAIN_CONSTRAINT =
  /^(?:\\[dw]|\[(?:\\[dw]|[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_])+-?\]|[A-Za-z0-9_|-]|\{\d{1,3}(?:,\d{0,3})?\}|[+?])+$/;

const EXPRESS4_PARAM = /^([/.])?:(\w+)(\([^()*]*\))?(\*|\+)?(\?)?/;
const EXPRESS4_TEXT = /^[^\\()[\]{}*+?^$|:]/;

function parseExpress4(path: string): readonly PathToken[] {
  const tokens: PathToken[] = [];
  let rest = path;
  let unnamed = 0;
  while (rest !== '') {
    const param = EXPRESS4_PARAM.exec(rest);
    if (param !== null) {
      tokens.push(...toExpress4Param(param));
      rest = rest.slice(param[0].length);
    } else if (rest.startsWith('*')) {
      // `(.*)` matches nothing as well.
      tokens.push({ kind: 'group', tokens: [{ kind: 'wildcard', name: String(unnamed++) }] });
      rest = rest.slice(1);
    } else if (/^\\[^\w]/.test(rest)) {
      tokens.push({ kind: 'text', text: rest.charAt(1) });
      rest = rest.slice(2);
    } else if (EXPRESS4_TEXT.test(rest)) {
      tokens.push({ kind: 'text', text: rest.charAt(0) });
      rest = rest.slice(1);
    } else {
      throw new Error(`"${rest.charAt(0)}" makes it a regular expression`);
    }
  }
  return tokens;
}

function toExpress4Param(match: RegExpExecArray): readonly PathToken[] {
  const [, before, name = '', constraint, repeated, optional] = match;
  if (repeated !== undefined) throw new Error(`the parameter "${name}" is repeated by "${repeated}"`);
  const capture: CaptureToken = {
    kind: 'param',
    name,
    ...(constraint !== undefined && { pattern: compileConstraint(name, constraint) }),
  };
  const tokens: readonly PathToken[] =
    before === undefined ? [capture] : [{ kind: 'text', text: before }, capture];
  return optional === undefined ? tokens : [{ kind: 'group', tokens }];
}

/** Made of the app's own text when the app is read; requests never become part of an expression. */
function compileConstraint(name: string, constraint: string): RegExp {
  const inner = constraint.slice(1, -1);
  const problem = `the constraint of the parameter "${name}" is not one that can be told to match a single segment`;
  if (!PLAIN_CONSTRAINT.test(inner)) throw new Error(problem);
  try {
    // Express 4 ignores case unless told otherwise; the request is checked by the app as well.
    return new RegExp(`^(?:${inner})$`, 'i');
  } catch (cause) {
    throw new Error(problem, { cause });
  }
}
