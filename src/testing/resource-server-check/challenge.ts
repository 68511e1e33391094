/** One challenge of a WWW-Authenticate header. Scheme and parameter names are lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

/** The challenges, or what is wrong with them in words fit for evidence. */
export type ParsedChallenges =
  | { readonly ok: true; readonly challenges: readonly Challenge[] }
  | { readonly ok: false; readonly reason: string };

interface Cursor {
  readonly text: string;
  at: number;
}

/**
 * Reads the field values of WWW-Authenticate without forgiving anything: what a lenient client might
 * still guess is an error here, because two clients would guess differently.
 * @see RFC 9110 §11.6.1, §11.2 and RFC 6750 §3
 */
export function parseChallenges(fields: readonly string[]): ParsedChallenges {
  const challenges: Challenge[] = [];
  for (const field of fields) {
    const reason = readField({ text: field, at: 0 }, challenges);
    if (reason !== undefined) return { ok: false, reason };
  }
  for (const challenge of challenges) {
    const reason = findBadValue(challenge);
    if (reason !== undefined) return { ok: false, reason };
  }
  return { ok: true, challenges };
}

function readField(cursor: Cursor, challenges: Challenge[]): string | undefined {
  skipListSpace(cursor);
  while (cursor.at < cursor.text.length) {
    const scheme = readToken(cursor).toLowerCase();
    if (scheme === '') return 'a challenge does not start with a scheme name';
    const params = new Map<string, string>();
    challenges.push({ scheme, params });
    const reason = readParams(cursor, params);
    if (reason !== undefined) return reason;
    skipListSpace(cursor);
  }
  return undefined;
}

/** Stops before the next challenge, at the end, or at the first fault. */
function readParams(cursor: Cursor, params: Map<string, string>): string | undefined {
  if (cursor.at === cursor.text.length || cursor.text[cursor.at] === ',') return undefined;
  if (cursor.text[cursor.at] !== ' ') return 'a scheme name is not followed by a space';
  if (skipToken68(cursor)) return undefined;
  for (;;) {
    skipListSpace(cursor);
    const start = cursor.at;
    const name = readToken(cursor).toLowerCase();
    if (name === '') return cursor.at === cursor.text.length ? undefined : 'a parameter has no name';
    skipSpace(cursor);
    if (cursor.text[cursor.at] !== '=') {
      cursor.at = start; // the name was the next challenge's scheme
      return undefined;
    }
    cursor.at += 1;
    skipSpace(cursor);
    const value = readValue(cursor);
    if (value === undefined) return `the value of ${name} is neither a token nor a string`;
    // RFC 9110 §11.2: a parameter occurs once per challenge.
    if (params.has(name)) return `the parameter ${name} occurs twice`;
    params.set(name, value);
    skipSpace(cursor);
    if (cursor.at < cursor.text.length && cursor.text[cursor.at] !== ',') {
      return `something other than a comma follows the parameter ${name}`;
    }
  }
}

function skipToken68(cursor: Cursor): boolean {
  const found = /^ +[A-Za-z0-9\-._~+/]+=*[ \t]*(?=,|$)/.exec(cursor.text.slice(cursor.at));
  if (found === null) return false;
  cursor.at += found[0].length;
  return true;
}

function readToken(cursor: Cursor): string {
  const found = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+/.exec(cursor.text.slice(cursor.at));
  cursor.at += found?.[0].length ?? 0;
  return found?.[0] ?? '';
}

function readValue(cursor: Cursor): string | undefined {
  if (cursor.text[cursor.at] === '"') return readQuoted(cursor);
  const token = readToken(cursor);
  return token === '' ? undefined : token;
}

function readQuoted(cursor: Cursor): string | undefined {
  const found = /^"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"/.exec(
    cursor.text.slice(cursor.at),
  );
  if (found === null) return undefined;
  cursor.at += found[0].length;
  return (found[1] ?? '').replace(/\\(.)/g, '$1');
}

function skipSpace(cursor: Cursor): void {
  while (cursor.text[cursor.at] === ' ' || cursor.text[cursor.at] === '\t') cursor.at += 1;
}

function skipListSpace(cursor: Cursor): void {
  while (cursor.at < cursor.text.length && ' \t,'.includes(cursor.text[cursor.at] ?? '')) cursor.at += 1;
}

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;
const ERROR_TEXT = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/;

/** RFC 6750 §3: one parameter at least, and the characters allowed in scope, error and error_description. */
function findBadValue({ scheme, params }: Challenge): string | undefined {
  if (scheme !== 'bearer' && scheme !== 'dpop') return undefined;
  if (params.size === 0) return 'a challenge of this scheme has no parameter';
  const scope = params.get('scope');
  if (scope !== undefined && !SCOPE.test(scope)) return 'scope is not a list of scope tokens';
  for (const name of ['error', 'error_description']) {
    const value = params.get(name);
    if (value !== undefined && !ERROR_TEXT.test(value)) return `${name} holds characters not allowed in it`;
  }
  return undefined;
}
