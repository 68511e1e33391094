/** Stands for whatever is there. */
export const ANY = Symbol('any');

/** A JSON value to be met exactly; a RegExp stands for any string that it matches. */
export type Shape =
  | typeof ANY
  | string
  | number
  | boolean
  | null
  | RegExp
  | readonly Shape[]
  | { readonly [name: string]: Shape };

/** One request to an app and the answer that it must give, as data. Whoever plays it chooses the way it goes. */
export interface Row {
  /** Says what holds; no two rows of a story say the same. */
  readonly title: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As on a request line. */
  readonly path: string;
  /** Where `path` has parameters: the route as the app declares it, and their values, not encoded. */
  readonly route?: { readonly template: string; readonly params: Readonly<Record<string, string>> };
  /** Names in lower case. `${name}` stands for what an earlier row has kept. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly expect: { readonly status: number; readonly body: Shape };
  /** What later rows may name: their name for it → the field of the answer. */
  readonly keep?: Readonly<Record<string, string>>;
  /** Signs somebody in, or renews that: such a route is no tool, so the row goes to the app itself whatever the way. */
  readonly isLogin?: boolean;
}

export interface Answer {
  readonly status: number;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

/** One way to an app. The row's headers are filled in already. */
export type Call = (row: Row) => Promise<Answer>;

/** Plays one row after the other; says what is different, or undefined. */
export type Player = (row: Row) => Promise<string | undefined>;

/** `known` is what rows may name before any row has kept it. */
export function createPlayer(call: Call, known: Readonly<Record<string, string>> = {}): Player {
  const kept = new Map(Object.entries(known));
  return async (row) => {
    const { status, body } = await call({ ...row, headers: fillIn(row.headers, kept) });
    const difference = findDifference({ status, body }, row.expect);
    if (difference !== undefined) return difference;
    for (const [name, field] of Object.entries(row.keep ?? {})) {
      kept.set(name, String((body as Readonly<Record<string, unknown>>)[field]));
    }
    return undefined;
  };
}

/** Plays all rows in their order. @throws Error at the first that is not as it says, naming it */
export async function playRows(
  rows: readonly Row[],
  call: Call,
  known: Readonly<Record<string, string>> = {},
): Promise<void> {
  const play = createPlayer(call, known);
  for (const row of rows) {
    const difference = await play(row);
    if (difference !== undefined) throw new Error(`${row.title}: ${difference}`);
  }
}

/** The way over HTTP, without anything in between. */
export function callDirectly(baseUrl: string): Call {
  return async ({ method, path, headers, body }) => {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      redirect: 'manual',
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
  };
}

function fillIn(
  headers: Readonly<Record<string, string>>,
  kept: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  const fill = (value: string) =>
    value.replace(/\$\{([A-Za-z]+)\}/g, (_whole, name: string) => {
      const found = kept.get(name);
      if (found === undefined) throw new Error(`No earlier row has kept ${name}`);
      return found;
    });
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(value)]));
}

function findDifference({ status, body }: Answer, expected: Row['expect']): string | undefined {
  if (status !== expected.status) {
    return `status is ${status}, not ${expected.status}; body is ${JSON.stringify(body)}`;
  }
  return findBodyDifference(body, expected.body, 'body');
}

/** Where a value is not of a shape, or undefined. What the shape does not name must not be there. */
function findBodyDifference(actual: unknown, shape: Shape, place: string): string | undefined {
  if (shape === ANY) return undefined;
  const isDifferent = `${place} is ${JSON.stringify(actual)}, not ${shape instanceof RegExp ? String(shape) : JSON.stringify(shape)}`;
  if (shape instanceof RegExp)
    return typeof actual === 'string' && shape.test(actual) ? undefined : isDifferent;
  if (typeof shape !== 'object' || shape === null) return actual === shape ? undefined : isDifferent;
  if (typeof actual !== 'object' || actual === null) return isDifferent;
  if (Array.isArray(actual) !== Array.isArray(shape)) return isDifferent;
  const names = Object.keys(shape);
  if (Object.keys(actual).toSorted().join() !== names.toSorted().join()) return isDifferent;
  for (const name of names) {
    const inner = findBodyDifference(
      (actual as Record<string, unknown>)[name],
      (shape as Record<string, Shape>)[name] ?? null,
      `${place}.${name}`,
    );
    if (inner !== undefined) return inner;
  }
  return undefined;
}
