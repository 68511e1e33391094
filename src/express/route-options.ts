import type { RouteInput } from './argument-layout.ts';
import { isJsonObject, type JsonObject, messageOf } from './json-value.ts';
import type { BodyKind } from './request-body.ts';
import { isStandardSchema, type PreparedSchema, prepareSchema } from './tool-schema.ts';

/** A Zod 4 schema or raw shape, any Standard Schema, JSON Schema 2020-12, or `{ schema, jsonSchema }` for a Standard Schema that does not convert itself. */
export type RouteSchema = object;

/** The schemas of the parts of a request, each by itself. */
export interface RouteInputParts {
  readonly params?: RouteSchema | undefined;
  readonly query?: RouteSchema | undefined;
  readonly body?: RouteSchema | undefined;
  /** Taken so that schemas a route has already fit as they are; headers are never arguments. */
  readonly headers?: RouteSchema | undefined;
}

/** Hints for clients, as MCP defines them; never a reason to trust a tool. */
export interface RouteAnnotations {
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
  readonly idempotentHint?: boolean | undefined;
  readonly openWorldHint?: boolean | undefined;
}

/** What is known of one route beside its path. */
export interface RouteOptions {
  /** Name of the tool; by default method and path, `get_user_profile`. */
  readonly name?: string | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  /**
   * What it takes: one schema over all arguments, of which path parameters go to the path and the rest to the body,
   * or to the query of GET, HEAD and DELETE; or each part by itself. What is not described is not taken.
   */
  readonly input?: RouteSchema | RouteInputParts | undefined;
  /** What its JSON answer holds: an object. */
  readonly output?: RouteSchema | undefined;
  /** How it takes its body; `json`. In a `multipart` body, fields of `format: binary` are files. */
  readonly body?: BodyKind | undefined;
  readonly annotations?: RouteAnnotations | undefined;
  readonly access?: 'app' | 'required' | undefined;
  /** Scopes, roles and permissions that a caller must all hold. */
  readonly scopes?: readonly string[] | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly permissions?: readonly string[] | undefined;
  /** How long its answer may take, in ms. */
  readonly timeoutMs?: number | undefined;
}

/** Which routes of an app become tools, and what is known of them. */
export interface RouteToolsOptions {
  /** By `GET /user/profile`, method and full path: further facts of a route, or one that cannot be found. */
  readonly routes?: Readonly<Record<string, RouteOptions>> | undefined;
  /**
   * Patterns on full paths, `/api/*` or with a method `POST /api/*`; then only what they match becomes a tool, beside
   * what `routes` names. A pattern without a method stands for GET and HEAD.
   */
  readonly include?: readonly string[] | undefined;
  /** The same; what they match never becomes a tool. Without a method they stand for all. */
  readonly exclude?: readonly string[] | undefined;
  /** An OpenAPI 3.0 or 3.1 document as an object, its references in place. */
  readonly openapi?: unknown;
  /** Where the tools are served; nothing at or below it becomes a tool. */
  readonly mountPath?: string | undefined;
}

type Rule = (value: unknown) => string | undefined;

const RULES: Readonly<Record<keyof RouteOptions, Rule>> = {
  name: (value) => (typeof value === 'string' ? undefined : 'must be text'),
  title: (value) => (typeof value === 'string' ? undefined : 'must be text'),
  description: (value) => (typeof value === 'string' ? undefined : 'must be text'),
  input: (value) => (isObject(value) ? undefined : 'must be a schema or { params, query, body }'),
  output: (value) => (isObject(value) ? undefined : 'must be a schema'),
  body: (value) =>
    oneOf(value, ['json', 'urlencoded', 'multipart'])
      ? undefined
      : "must be 'json', 'urlencoded' or 'multipart'",
  annotations: findAnnotationProblem,
  access: (value) => (oneOf(value, ['app', 'required']) ? undefined : "must be 'app' or 'required'"),
  scopes: (value) => (isTextList(value) ? undefined : 'must be a list of text'),
  roles: (value) => (isTextList(value) ? undefined : 'must be a list of text'),
  permissions: (value) => (isTextList(value) ? undefined : 'must be a list of text'),
  timeoutMs: (value) =>
    typeof value === 'number' && value > 0 && Number.isFinite(value)
      ? undefined
      : 'must be a number of ms above 0',
};

const HINTS: readonly string[] = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'];

function findAnnotationProblem(value: unknown): string | undefined {
  if (!isJsonObject(value)) return 'must be an object';
  const wrong = Object.keys(value).find((name) => !HINTS.includes(name) || !isFlag(value[name]));
  return wrong === undefined ? undefined : `${wrong} must be one of ${HINTS.join(', ')}, true or false`;
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean';
}

/** What is wrong with the options of one route, schemas aside. */
export function findOptionProblems(options: unknown): readonly string[] {
  if (!isJsonObject(options)) return ['must be an object'];
  return Object.entries(options).flatMap(([name, value]) => {
    if (!Object.hasOwn(RULES, name))
      return [`${name} is not an option; there are ${Object.keys(RULES).join(', ')}`];
    const problem = value === undefined ? undefined : RULES[name as keyof RouteOptions](value);
    return problem === undefined ? [] : [`${name} ${problem}`];
  });
}

const PARTS: readonly string[] = ['params', 'query', 'body', 'headers'];

/** Prepares what a route takes. @throws Error that names the part whose schema cannot be used. */
export function prepareInput(input: RouteOptions['input']): RouteInput {
  if (input === undefined) return { kind: 'parts' };
  if (!isParts(input)) return { kind: 'whole', schema: prepareNamed('input', input) };
  return {
    kind: 'parts',
    params: preparePart('params', input),
    query: preparePart('query', input),
    body: preparePart('body', input),
    isBodyRequired: true,
  };
}

function isParts(input: object): input is JsonObject {
  if (!isJsonObject(input) || isStandardSchema(input)) return false;
  const names = Object.keys(input);
  return names.length > 0 && names.every((name) => PARTS.includes(name));
}

function preparePart(name: string, input: JsonObject): PreparedSchema | undefined {
  return input[name] === undefined ? undefined : prepareNamed(`input.${name}`, input[name]);
}

function prepareNamed(name: string, schema: unknown): PreparedSchema {
  try {
    return prepareSchema(schema);
  } catch (error) {
    throw new Error(`${name}: ${messageOf(error)}`, { cause: error });
  }
}

/** Prepares what a route answers. @throws Error when that is not an object, the root of structured results. */
export function prepareOutput(output: RouteSchema | undefined): PreparedSchema | undefined {
  if (output === undefined) return undefined;
  const prepared = prepareNamed('output', output);
  if (prepared.json['type'] !== 'object') throw new Error('output: must describe an object');
  return prepared;
}

function isObject(value: unknown): boolean {
  return (
    (typeof value === 'object' || typeof value === 'function') && value !== null && !Array.isArray(value)
  );
}

function oneOf(value: unknown, allowed: readonly string[]): boolean {
  return typeof value === 'string' && allowed.includes(value);
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string' && entry !== '');
}
