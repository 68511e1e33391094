import { type ArgumentLayout, type PartName, pick, unknownNames } from './argument-layout.ts';
import { type Issue, isJsonObject, type JsonObject, ownValue, setOwn } from './json-value.ts';
import { hasReference, moveReferences } from './map-schema.ts';
import { findShape, type PreparedSchema } from './tool-schema.ts';

/** A part of a request and its schema. */
export interface Part {
  readonly name: PartName;
  readonly schema: PreparedSchema;
  readonly isRequired: boolean;
}

/** All names in one object; undefined when two parts share one, or a part is more than its fields. */
export function flatLayout(parts: readonly Part[]): ArgumentLayout | undefined {
  const shapes = parts.map(({ schema }) => findShape(schema.json));
  if (shapes.some((shape) => shape === undefined || shape.isOpen)) return undefined;
  const fields = parts.map((part, index) => ({
    ...part,
    names: Object.keys(shapes[index]?.properties ?? {}),
  }));
  const names = fields.flatMap((field) => field.names);
  if (new Set(names).size !== names.length) return undefined;
  const properties: Record<string, unknown> = {};
  const definitions: Record<string, unknown> = {};
  for (const [index, { name: part, schema }] of parts.entries()) {
    const moved = moveInto(part, schema.json, definitions);
    for (const name of Object.keys(shapes[index]?.properties ?? {})) {
      setOwn(
        properties,
        name,
        isJsonObject(moved['properties']) ? ownValue(moved['properties'], name) : undefined,
      );
    }
  }
  const required = shapes.flatMap((shape) => shape?.required ?? []);
  const take = (part: PartName) => (args: JsonObject) =>
    pick(args, fields.find(({ name }) => name === part)?.names ?? []);
  return {
    inputSchema: objectSchema(properties, required, definitions),
    checks: parts.map(({ name, schema }) => ({ schema, take: take(name) })),
    sort: (args) => ({
      params: take('params')(args),
      query: take('query')(args),
      body: parts.some(({ name }) => name === 'body') ? take('body')(args) : undefined,
    }),
    findUnknown: (args) => unknownNames(args, names),
  };
}

/** Each part as an argument of its own: `{ params, query, body }`. */
export function nestedLayout(parts: readonly Part[]): ArgumentLayout {
  const properties: Record<string, unknown> = {};
  const definitions: Record<string, unknown> = {};
  for (const { name, schema } of parts) properties[name] = closed(moveInto(name, schema.json, definitions));
  const required = parts.filter(isPartRequired).map(({ name }) => name);
  const object = (value: unknown) => (isJsonObject(value) ? value : {});
  return {
    inputSchema: objectSchema(properties, required, definitions),
    checks: parts.map((part) => ({
      schema: part.schema,
      part: part.name,
      isRequired: isPartRequired(part),
      take: (args) => ownValue(args, part.name),
    })),
    sort: (args) => ({
      params: object(ownValue(args, 'params')),
      query: object(ownValue(args, 'query')),
      body: ownValue(args, 'body'),
    }),
    findUnknown: (args) => [
      ...unknownNames(
        args,
        parts.map(({ name }) => name),
      ),
      ...parts.flatMap(({ name, schema }) => unknownWithin(name, schema, ownValue(args, name))),
    ],
  };
}

function isPartRequired({ name, schema, isRequired }: Part): boolean {
  return name === 'body' ? isRequired : (findShape(schema.json)?.required.length ?? 0) > 0;
}

function unknownWithin(part: PartName, { json }: PreparedSchema, value: unknown): readonly Issue[] {
  const shape = findShape(json);
  if (shape === undefined || shape.isOpen || !isJsonObject(value)) return [];
  return unknownNames(value, Object.keys(shape.properties)).map((issue) => ({
    ...issue,
    path: [part, ...issue.path],
  }));
}

/** An object of plain fields takes no others, unless it says so. */
function closed(json: JsonObject): JsonObject {
  return findShape(json) === undefined || json['additionalProperties'] !== undefined
    ? json
    : { ...json, additionalProperties: false };
}

/** A part's schema as it stands inside the schema of all arguments. */
function moveInto(part: PartName, json: JsonObject, definitions: Record<string, unknown>): JsonObject {
  if (!hasReference(json)) return json;
  const moved = moveReferences(json, `#/$defs/${part}`) as JsonObject;
  definitions[part] = moved;
  const { $defs: _defs, definitions: _definitions, ...rest } = moved;
  return rest;
}

function objectSchema(
  properties: JsonObject,
  required: readonly string[],
  definitions: JsonObject,
): JsonObject {
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...(Object.keys(definitions).length > 0 && { $defs: definitions }),
  };
}
