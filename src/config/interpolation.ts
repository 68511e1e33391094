import { resolve } from 'node:path';
import { CREDENTIAL } from '../core/placeholder.ts';
import { type Problem, shorten } from './problem.ts';
import { readBounded } from './read-bounded.ts';

/** Where references of one configuration file lead. */
export interface ReferenceSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Paths of `${file:…}` are relative to it. */
  readonly directory: string;
}

export interface Interpolation {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** What stood where a reference was replaced, by the path in JSON. */
  readonly references: ReadonlyMap<string, string>;
}

const MAX_FILE_BYTES = 65_536;
const KEY_PROBLEM = 'holds `${` in a key, where nothing is replaced: write the name itself';

const CREDENTIAL_PROBLEM =
  'holds `${credential}`, which can stand in values of a server’s `env` and `headers` only: ' +
  'arguments and URLs are seen by others';

/** Where `${credential}` stands for the token of a user, and is left for the time of the request. */
function isForCredential([section, , part, , ...deeper]: readonly PropertyKey[]): boolean {
  return section === 'servers' && (part === 'env' || part === 'headers') && deeper.length === 0;
}

/**
 * Replaces `${env:NAME}` and `${file:PATH}` in every string of plain data, and `$${` by `${`. A key
 * that holds `${` is a problem. What a reference leads to is not searched for further references. A string with a problem stays as it was.
 */
export async function interpolate(value: unknown, sources: ReferenceSources): Promise<Interpolation> {
  const problems: Problem[] = [];
  const references = new Map<string, string>();
  const visit = async (part: unknown, path: readonly PropertyKey[]): Promise<unknown> => {
    if (typeof part === 'string') return part.includes('${') ? replaceIn(part, path) : part;
    if (Array.isArray(part)) {
      const list: unknown[] = [];
      for (const [index, entry] of part.entries()) list.push(await visit(entry, [...path, index]));
      return list;
    }
    if (typeof part !== 'object' || part === null || !isRecord(part)) return part;
    const copy: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(part)) {
      if (key.includes('${')) problems.push({ path: [...path, key], message: KEY_PROBLEM });
      copy[key] = await visit(entry, [...path, key]);
    }
    return copy;
  };
  const replaceIn = async (text: string, path: readonly PropertyKey[]): Promise<string> => {
    const parts: string[] = [];
    const found: Problem[] = [];
    for (const token of tokenize(text)) {
      if (typeof token !== 'string' && token.reference === 'credential') {
        if (isForCredential(path)) parts.push(CREDENTIAL);
        else found.push({ path, message: CREDENTIAL_PROBLEM });
        continue;
      }
      const outcome = typeof token === 'string' ? { text: token } : await follow(token.reference, sources);
      if (typeof token !== 'string') references.set(JSON.stringify(path), text);
      if ('problem' in outcome) found.push({ path, message: outcome.problem });
      else parts.push(outcome.text);
    }
    problems.push(...found);
    return found.length === 0 ? parts.join('') : text;
  };
  return { value: await visit(value, []), problems, references };
}

function isRecord(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

type Token = string | { readonly reference: string | undefined };

/** Literal text and references, in order; `undefined` is a reference that does not end. */
function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let position = 0;
  for (let start = text.indexOf('${'); start !== -1; start = text.indexOf('${', position)) {
    if (text[start - 1] === '$' && start > position) {
      tokens.push(text.slice(position, start - 1), '${');
      position = start + 2;
      continue;
    }
    tokens.push(text.slice(position, start));
    const end = text.indexOf('}', start);
    if (end === -1) return [...tokens, { reference: undefined }];
    tokens.push({ reference: text.slice(start + 2, end) });
    position = end + 1;
  }
  return [...tokens, text.slice(position)];
}

type Outcome = { readonly text: string } | { readonly problem: string };

async function follow(reference: string | undefined, sources: ReferenceSources): Promise<Outcome> {
  if (reference === undefined)
    return { problem: 'holds a reference without its closing brace (write `$${` for a literal `${`)' };
  const colon = reference.indexOf(':');
  const target = reference.slice(colon + 1);
  if (colon !== -1 && reference.startsWith('env:')) return followVariable(target, sources);
  if (colon !== -1 && reference.startsWith('file:')) return followFile(target, sources);
  return {
    problem:
      'holds a reference that is neither `${env:NAME}` nor `${file:PATH}` (write `$${` for a literal `${`)',
  };
}

function followVariable(name: string, { environment }: ReferenceSources): Outcome {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name))
    return { problem: 'names no environment variable: write `${env:NAME}`' };
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (value === undefined || value === '') return { problem: `the environment variable ${name} is not set` };
  return { text: value };
}

async function followFile(path: string, { directory }: ReferenceSources): Promise<Outcome> {
  if (path === '' || path.includes('\0')) return { problem: 'names no file: write `${file:PATH}`' };
  const reading = await readBounded(resolve(directory, path), MAX_FILE_BYTES);
  if ('problem' in reading)
    return { problem: `the file ${JSON.stringify(shorten(path))} ${reading.problem}` };
  const text = reading.text.replace(/\r?\n$/, '');
  return text === '' ? { problem: `the file ${JSON.stringify(shorten(path))} is empty` } : { text };
}
