import { type Issue, type JsonObject, setOwn } from './json-value.ts';
import type { PathTemplate } from './route-path.ts';
import type { PreparedSchema } from './tool-schema.ts';

/** What a route takes: one schema for all of it, or one for each part of the request. */
export type RouteInput =
  | { readonly kind: 'whole'; readonly schema: PreparedSchema }
  | {
      readonly kind: 'parts';
      readonly params?: PreparedSchema | undefined;
      readonly query?: PreparedSchema | undefined;
      readonly body?: PreparedSchema | undefined;
      /** Whether a body must be sent; a body of fields is sent whenever one is described. */
      readonly isBodyRequired?: boolean | undefined;
    };

/** Arguments, sorted by where they go. */
export interface SortedArguments {
  readonly params: JsonObject;
  readonly query: JsonObject;
  /** Undefined when none is sent. */
  readonly body: unknown;
}

/** How the arguments of a tool stand for the parts of a request. */
export interface ArgumentLayout {
  readonly inputSchema: JsonObject;
  /** The schemas that are put to parts of the arguments, and where these stand in them. */
  readonly checks: readonly PartCheck[];
  sort(args: JsonObject): SortedArguments;
  /** Names that nothing stands for. */
  findUnknown(args: JsonObject): readonly Issue[];
}

export interface PartCheck {
  readonly schema: PreparedSchema;
  /** The argument that holds the part; absent when its fields are arguments themselves. */
  readonly part?: PartName;
  /** Whether that argument must be there. */
  readonly isRequired?: boolean;
  /** What to check. */
  take(args: JsonObject): unknown;
}

export interface LayoutFacts {
  readonly method: string;
  readonly template: PathTemplate;
}

export type PartName = 'params' | 'query' | 'body';

/** What a parameter is that nothing describes. */
export const TEXT: JsonObject = { type: 'string', minLength: 1 };
export const WILDCARD: JsonObject = { ...TEXT, description: 'Segments of the path, divided by "/"' };

/** The named arguments that are there. */
export function pick(args: JsonObject, names: Iterable<string>): JsonObject {
  const picked: Record<string, unknown> = {};
  for (const name of names) {
    if (Object.hasOwn(args, name) && args[name] !== undefined) setOwn(picked, name, args[name]);
  }
  return picked;
}

/** All arguments but some. */
export function without(args: JsonObject, names: ReadonlySet<string>): JsonObject {
  return pick(
    args,
    Object.keys(args).filter((name) => !names.has(name)),
  );
}

export function unknownNames(args: JsonObject, known: readonly string[]): readonly Issue[] {
  const unknown = Object.keys(args).filter((name) => !known.includes(name) && args[name] !== undefined);
  const takes = known.length === 0 ? 'there are no arguments' : `the arguments are ${known.join(', ')}`;
  return unknown.map((name) => ({ path: [name], message: `is not known; ${takes}` }));
}
