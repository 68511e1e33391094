import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { ServerSdk } from './sdk.ts';

type Json = Readonly<Record<string, unknown>>;
type Side = 'input' | 'output';

/** A schema in the SDK's form. Made once: building schemas is most of the cost of a fresh server. */
export type PreparedSchema = (sdk: ServerSdk) => StandardSchemaWithJSON;

const TARGET = 'draft-2020-12';

/** For tools that declare none: any arguments pass, and the list of tools still carries a schema. */
export const OPEN_SCHEMA: PreparedSchema = () => openSchema;

const openSchema = standardSchema('mcp-gatehouse', { type: 'object', properties: {} }, (value) =>
  isPlainObject(value) ? { value } : { issues: [{ message: 'Arguments must be an object' }] },
);

/**
 * Turns a schema into the SDK's form: a Zod 4 object or raw shape, a Standard Schema that converts itself to
 * JSON Schema, or plain JSON Schema. An empty object is an empty raw shape, as it is in the SDK.
 *
 * Plain JSON Schema is compiled at first use, when the SDK is loaded.
 *
 * @throws Error saying what is wrong.
 */
export function prepareSchema(schema: object, side: Side): PreparedSchema {
  if (isStandardSchema(schema)) return prepareStandard(schema, side);
  const values = Object.values(schema);
  if (values.every(isZodSchema)) return prepareStandard(z.object(schema as z.ZodRawShape), side);
  if (values.some((value) => isZodSchema(value) || isZod3(value))) {
    throw new Error('every field of a raw shape must be a Zod 4 schema');
  }
  return prepareJson(schema, side);
}

function prepareStandard(schema: StandardSchemaLike, side: Side): PreparedSchema {
  const json = toJsonSchema(schema, side);
  checkRoot(json, side);
  const standard = schema['~standard'];
  const prepared = standardSchema(standard.vendor, json, (value) => standard.validate(value));
  return () => prepared;
}

function prepareJson(schema: object, side: Side): PreparedSchema {
  // Later changes to the caller's object must not part what is listed from what is checked.
  const json = JSON.parse(JSON.stringify(schema)) as Json;
  checkRoot(json, side);
  let prepared: StandardSchemaWithJSON | undefined;
  return (sdk) => (prepared ??= sdk.fromJsonSchema(json));
}

function toJsonSchema(schema: StandardSchemaLike, side: Side): Json {
  const { jsonSchema, vendor } = schema['~standard'];
  if (jsonSchema !== undefined) return jsonSchema[side]({ target: TARGET });
  // Zod 4.0 and 4.1 do not convert themselves yet.
  if (isZodSchema(schema)) return z.toJSONSchema(schema, { target: TARGET, io: side });
  throw new Error(`a schema of ${vendor} does not convert to JSON Schema; pass plain JSON Schema instead`);
}

// MCP, server/tools: inputSchema describes an object; outputSchema may have any root (SEP-2106).
function checkRoot(json: Json, side: Side): void {
  if (side === 'input' && json['type'] !== undefined && json['type'] !== 'object') {
    throw new Error(`an input schema must describe an object, not ${JSON.stringify(json['type'])}`);
  }
}

type Validation = StandardSchemaWithJSON['~standard']['validate'];

interface StandardSchemaLike {
  readonly '~standard': {
    readonly vendor: string;
    readonly validate: Validation;
    readonly jsonSchema?: Readonly<Record<Side, (options: { readonly target: string }) => Json>> | undefined;
  };
}

function standardSchema(vendor: string, json: Json, validate: Validation): StandardSchemaWithJSON {
  const toJson = () => json;
  return { '~standard': { version: 1, vendor, validate, jsonSchema: { input: toJson, output: toJson } } };
}

function isStandardSchema(schema: object): schema is StandardSchemaLike {
  const standard = '~standard' in schema ? schema['~standard'] : undefined;
  return isObject(standard) && typeof standard['validate'] === 'function';
}

function isZodSchema(value: unknown): value is z.ZodType {
  return isObject(value) && '_zod' in value;
}

function isZod3(value: unknown): boolean {
  return isObject(value) && '_def' in value && !('_zod' in value);
}

function isPlainObject(value: unknown): boolean {
  return isObject(value) && !Array.isArray(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
