import type { PathToken } from './route-path.ts';

/** What a mount of Express 4 has become: it keeps the expression and the names of its groups, not the path. */
export interface CompiledMount {
  readonly source: string;
  readonly tokens: readonly PathToken[];
}

const END = '\\/?(?=\\/|$)';
// A parameter with the slash before it: path-to-regexp 0.1.10 and later, and before that.
const PARAM = /^(?:\(\?:\\\/\(\[\^\\?\/\]\+\?\)\)|\\\/\(\?:\(\[\^\\?\/\]\+\?\)\))(?!\?)/;
const ESCAPED = /^\\[/.]/;
const PLAIN = /^[^\\^$.*+?()[\]{}|/]/;

/**
 * Reads the path back from an expression of path-to-regexp 0.1, where only one path can have become it: plain text
 * and whole parameters. Anything else, also what a user wrote as an expression, gives undefined.
 */
export function readExpress4Mount(regexp: unknown, keys: unknown): CompiledMount | undefined {
  if (!(regexp instanceof RegExp) || !/^i?$/.test(regexp.flags) || !Array.isArray(keys)) return undefined;
  if ('fast_star' in regexp && regexp.fast_star === true) return undefined;
  if ('fast_slash' in regexp && regexp.fast_slash === true) return { source: '/', tokens: [] };
  const names = keys.map(nameOf);
  const body = withoutEnds(regexp.source);
  const read = body === undefined ? undefined : readBody(body, names);
  return read !== undefined && read.used === names.length ? read : undefined;
}

function nameOf(key: unknown): unknown {
  return typeof key === 'object' && key !== null && 'name' in key ? key.name : undefined;
}

function withoutEnds(source: string): string | undefined {
  return source.startsWith('^') && source.endsWith(END) ? source.slice(1, -END.length) : undefined;
}

function readBody(
  body: string,
  names: readonly unknown[],
): (CompiledMount & { readonly used: number }) | undefined {
  const tokens: PathToken[] = [];
  let source = '';
  let used = 0;
  let rest = body;
  while (rest !== '') {
    const param = PARAM.exec(rest)?.[0];
    if (param !== undefined) {
      const name = names[used++];
      if (typeof name !== 'string') return undefined;
      tokens.push({ kind: 'text', text: '/' }, { kind: 'param', name });
      source += `/:${name}`;
      rest = rest.slice(param.length);
      continue;
    }
    const text = (ESCAPED.exec(rest) ?? PLAIN.exec(rest))?.[0];
    if (text === undefined) return undefined;
    tokens.push({ kind: 'text', text: text.slice(-1) });
    source += text.slice(-1);
    rest = rest.slice(text.length);
  }
  return { source, tokens, used };
}
