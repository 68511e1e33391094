import { z } from 'zod';
import { fileSchema, isFileSchema, toFile } from './file-field.ts';
import { compileJsonSchema } from './json-schema.ts';
import { type Issue, isJsonObject, type JsonObject, messageOf, ownValue, setOwn } from './json-value.ts';

/** A schema of whatever kind, ready to be published and to check. */
export interface PreparedSchema {
  /** JSON Schema 2020-12 of what is given, complete in itself and without `$schema`. */
  readonly json: JsonObject;
  /** What is wrong with a value; the value itself is never changed. */
  check(value: unknown): readonly Issue[] | Promise<readonly Issue[]>;
}

/** The fields of an object and nothing that joins them. */
export interface ObjectShape {
  readonly properties: JsonObject;
  readonly required: readonly string[];
  /** Whether fields without a name of their own are welcome. */
  readonly isOpen: boolean;
}

type Validate = (value: unknown) => StandardResult | Promise<StandardResult>;

type StandardResult = {
  readonly issues?:
    | readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[]
    | undefined;
};

interface StandardSchema {
  readonly '~standard': {
    readonly vendor: string;
    readonly validate: Validate;
    readonly jsonSchema?: { input(options: { readonly target: string }): JsonObject } | undefined;
  };
}

const TARGET = 'draft-2020-12';

/**
 * Prepares a Zod 4 schema or raw shape, a Standard Schema that converts itself to JSON Schema, `{ schema, jsonSchema }`
 * for one that does not, or plain JSON Schema. What is described is what is sent, before a schema changes it.
 *
 * @throws Error saying why the schema cannot be used.
 */
export function prepareSchema(schema: unknown): PreparedSchema {
  if (isStandardSchema(schema)) return prepareStandard(schema, toJsonSchema(schema));
  if (!isJsonObject(schema)) throw new Error('is not a schema');
  const names = Object.keys(schema);
  if (names.length === 0) throw new Error('is an empty schema, which says nothing; leave it out');
  const { schema: standard, jsonSchema } = schema;
  if (names.length === 2 && isStandardSchema(standard) && isJsonObject(jsonSchema)) {
    compileJsonSchema(toPlainJson(jsonSchema));
    return prepareStandard(standard, jsonSchema);
  }
  const values = Object.values(schema);
  if (values.every(isZodSchema)) return prepareSchema(z.object(schema as z.ZodRawShape));
  if (values.some((value) => isZodSchema(value) || isStandardSchema(value))) {
    throw new Error('mixes schemas with something else; every field of a raw shape must be a Zod 4 schema');
  }
  return prepareJson(schema);
}

/** Plain JSON Schema. @throws Error when it does not compile. */
export function prepareJson(schema: JsonObject): PreparedSchema {
  const json = replaceFiles(withoutDialect(schema));
  return { json, check: compileJsonSchema(json) };
}

function prepareStandard(schema: StandardSchema, described: JsonObject): PreparedSchema {
  const json = withoutDialect(described);
  const { properties } = json;
  const files = isJsonObject(properties)
    ? Object.keys(properties).filter((name) => isFileSchema(properties[name]))
    : [];
  const { validate } = schema['~standard'];
  return {
    json: replaceFiles(json),
    check: (value) => {
      const result = validate(withFiles(value, files));
      return result instanceof Promise ? result.then(toIssues) : toIssues(result);
    },
  };
}

function toIssues(result: StandardResult): readonly Issue[] {
  return (result.issues ?? []).map(({ message, path = [] }) => ({ message, path: path.map(toKey) }));
}

// Standard Schema: a step of a path is a key or `{ key }`.
function toKey(step: unknown): PropertyKey {
  const key = typeof step === 'object' && step !== null && 'key' in step ? step.key : step;
  return typeof key === 'string' || typeof key === 'number' ? key : String(key);
}

function toJsonSchema(schema: StandardSchema): JsonObject {
  const { jsonSchema, vendor } = schema['~standard'];
  try {
    if (jsonSchema !== undefined) return jsonSchema.input({ target: TARGET });
    // Zod 4.0 and 4.1 do not convert themselves yet.
    if (isZodSchema(schema)) return z.toJSONSchema(schema, { target: TARGET, io: 'input' });
  } catch (cause) {
    throw new Error(`cannot be written as JSON Schema (${messageOf(cause)}); give { schema, jsonSchema }`, {
      cause,
    });
  }
  throw new Error(`a schema of ${vendor} does not convert to JSON Schema; give { schema, jsonSchema }`);
}

/** A copy that nobody else holds: what is published and what is checked stay the same. */
function toPlainJson(schema: JsonObject): JsonObject {
  try {
    return JSON.parse(JSON.stringify(schema)) as JsonObject;
  } catch (cause) {
    throw new Error('is not JSON', { cause });
  }
}

function withoutDialect(schema: JsonObject): JsonObject {
  const { $schema: dialect, ...rest } = toPlainJson(schema);
  if (dialect !== undefined) compileJsonSchema({ $schema: dialect });
  return rest;
}

const SHAPE_KEYWORDS: ReadonlySet<string> = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', '$defs', 'definitions'],
  ...['title', 'description', 'default', 'examples', 'deprecated', '$comment', 'readOnly', 'writeOnly'],
]);

/** The fields of an object schema; undefined when it is anything else, or says more than its fields do. */
export function findShape(json: JsonObject): ObjectShape | undefined {
  const { type, properties = {}, required = [], additionalProperties } = json;
  const isPlain = Object.keys(json).every((name) => SHAPE_KEYWORDS.has(name) || name.startsWith('x-'));
  if (!isPlain || type !== 'object' || !isJsonObject(properties) || !Array.isArray(required))
    return undefined;
  return {
    properties,
    required: required.filter((name): name is string => typeof name === 'string'),
    isOpen: additionalProperties !== undefined && additionalProperties !== false,
  };
}

/** Files of a form are said to be binary text; a caller gives them as an object. */
function replaceFiles(json: JsonObject): JsonObject {
  const { properties } = json;
  if (!isJsonObject(properties)) return json;
  const replaced: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    setOwn(replaced, name, isFileSchema(property) ? fileSchema(property) : property);
  }
  return { ...json, properties: replaced };
}

function withFiles(value: unknown, names: readonly string[]): unknown {
  if (names.length === 0 || !isJsonObject(value)) return value;
  const copy: Record<string, unknown> = { ...value };
  for (const name of names) {
    const given = ownValue(value, name);
    if (given !== undefined) setOwn(copy, name, Array.isArray(given) ? given.map(toFile) : toFile(given));
  }
  return copy;
}

export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = '~standard' in value ? value['~standard'] : undefined;
  return isJsonObject(standard) && typeof standard['validate'] === 'function';
}

function isZodSchema(value: unknown): value is z.ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value;
}
