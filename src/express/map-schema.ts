import { isJsonObject, type JsonObject, setOwn } from './json-value.ts';

const SCHEMAS: ReadonlySet<string> = new Set([
  ...[
    'items',
    'additionalItems',
    'contains',
    'additionalProperties',
    'propertyNames',
    'not',
    'if',
    'then',
    'else',
  ],
  ...['unevaluatedItems', 'unevaluatedProperties', 'contentSchema', 'allOf', 'anyOf', 'oneOf', 'prefixItems'],
]);
const MAPS: ReadonlySet<string> = new Set([
  ...['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'],
]);

/**
 * A copy of a JSON Schema in which every schema was changed, the inner ones first. Only what is a schema is one: a
 * property named `$ref`, or examples that look like a schema, stay as they are.
 */
export function mapSchema(schema: unknown, change: (schema: JsonObject) => unknown): unknown {
  if (Array.isArray(schema)) return schema.map((entry) => mapSchema(entry, change));
  if (!isJsonObject(schema)) return schema;
  const copy: Record<string, unknown> = {};
  for (const [name, keyword] of Object.entries(schema)) {
    if (SCHEMAS.has(name)) setOwn(copy, name, mapSchema(keyword, change));
    else if (MAPS.has(name) && isJsonObject(keyword)) setOwn(copy, name, mapFields(keyword, change));
    else setOwn(copy, name, keyword);
  }
  return change(copy);
}

function mapFields(fields: JsonObject, change: (schema: JsonObject) => unknown): JsonObject {
  const copy: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(fields)) setOwn(copy, name, mapSchema(schema, change));
  return copy;
}

/** Whether a schema refers to parts of its document. */
export function hasReference(schema: unknown): boolean {
  let found = false;
  mapSchema(schema, (inner) => {
    found ||= typeof inner['$ref'] === 'string';
    return inner;
  });
  return found;
}

/** The same schema inside another document, at `place` (`#/$defs/body`). */
export function moveReferences(schema: unknown, place: string): unknown {
  return mapSchema(schema, (inner) => {
    const reference = inner['$ref'];
    return typeof reference === 'string' && reference.startsWith('#')
      ? { ...inner, $ref: `${place}${reference.slice(1)}` }
      : inner;
  });
}
