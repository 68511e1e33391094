import { findReferenced } from './json-schema.ts';
import { isJsonObject, type JsonObject, setOwn } from './json-value.ts';
import { mapSchema } from './map-schema.ts';

/** A document, and the dialect of its schemas. */
export interface ApiDocument {
  readonly root: JsonObject;
  /** 3.0 has a dialect of its own; that of 3.1 is JSON Schema 2020-12. */
  readonly isVersion30: boolean;
}

/** Whether what is described goes to the app or comes from it. */
export type Direction = 'request' | 'response';

const MAX_REFERENCES = 1000;

/**
 * Takes a schema out of a document: what it refers to comes along under `$defs`, cycles and all, and the words that
 * only OpenAPI knows become JSON Schema or, where they are mere description, go.
 *
 * @throws Error for references that lead out of the document or nowhere.
 */
export function takeSchema(document: ApiDocument, schema: unknown, direction: Direction): JsonObject {
  const names = new Map<string, string>();
  const queue: string[] = [];
  const convert = (part: unknown): unknown =>
    mapSchema(part, (inner) => {
      const changed = document.isVersion30 ? fromVersion30(inner) : inner;
      return takeReference(withoutOneWay(withoutDescription(changed), direction), { names, queue });
    });
  const taken = convert(resolve(document, schema));
  const definitions: Record<string, unknown> = {};
  for (let reference = queue.pop(); reference !== undefined; reference = queue.pop()) {
    if (names.size > MAX_REFERENCES) throw new Error('refers to too many schemas');
    setOwn(definitions, names.get(reference) ?? '', convert(resolveOnce(document, reference)));
  }
  if (!isJsonObject(taken)) throw new Error('is not a schema of an object');
  return Object.keys(definitions).length === 0 ? taken : { ...taken, $defs: definitions };
}

/** What a `$ref` object stands for, through any number of them. */
export function resolve(document: ApiDocument, value: unknown): unknown {
  let found = value;
  for (let hops = 0; isJsonObject(found) && typeof found['$ref'] === 'string'; hops++) {
    if (hops > 32) throw new Error(`${found['$ref']} leads back to itself`);
    // Words beside a reference count in the schemas of 3.1.
    if (!document.isVersion30 && Object.keys(found).some((name) => !DESCRIPTIVE.has(name))) return found;
    found = resolveOnce(document, found['$ref']);
  }
  return found;
}

const DESCRIPTIVE: ReadonlySet<string> = new Set(['$ref', 'description', 'summary']);

function resolveOnce({ root }: ApiDocument, reference: string): unknown {
  if (!reference.startsWith('#')) {
    throw new Error(`${reference} leads out of the document; bundle it into one`);
  }
  const found = findReferenced(root, reference);
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return found;
}

interface References {
  readonly names: Map<string, string>;
  readonly queue: string[];
}

function takeReference(schema: JsonObject, { names, queue }: References): JsonObject {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  let name = names.get(reference);
  if (name === undefined) {
    name = toDefinitionName(reference);
    if ([...names.values()].includes(name)) throw new Error(`${reference} has the name of another schema`);
    names.set(reference, name);
    queue.push(reference);
  }
  return { ...schema, $ref: `#/$defs/${name}` };
}

// OpenAPI, Components Object: the names of components hold nothing that a pointer would have to escape.
function toDefinitionName(reference: string): string {
  const [, component] = /^#\/components\/schemas\/([A-Za-z0-9._-]+)$/.exec(reference) ?? [];
  return component ?? reference.slice(1).replaceAll(/[^A-Za-z0-9]+/g, '_');
}

const DESCRIPTION = ['example', 'externalDocs', 'xml', 'discriminator'] as const;

// A discriminator helps to choose among the forms of a oneOf; it neither adds one nor takes one away.
function withoutDescription(schema: JsonObject): JsonObject {
  return omit(schema, DESCRIPTION);
}

/** Fields that only ever go the other way: OpenAPI, Schema Object, readOnly and writeOnly. */
function withoutOneWay(schema: JsonObject, direction: Direction): JsonObject {
  const { properties, required } = schema;
  if (!isJsonObject(properties)) return schema;
  const word = direction === 'request' ? 'readOnly' : 'writeOnly';
  const gone = new Set(
    Object.keys(properties).filter((name) => {
      const property = properties[name];
      return isJsonObject(property) && property[word] === true;
    }),
  );
  if (gone.size === 0) return schema;
  const needed = Array.isArray(required)
    ? { required: required.filter((name) => !gone.has(String(name))) }
    : {};
  return { ...schema, properties: omit(properties, [...gone]), ...needed };
}

/** OpenAPI 3.0.3, Schema Object: what differs from JSON Schema 2020-12. */
function fromVersion30(schema: JsonObject): JsonObject {
  // Nothing beside a reference counts.
  if (typeof schema['$ref'] === 'string') return { $ref: schema['$ref'] };
  const { nullable, ...rest } = schema;
  const bounded = withBound(withBound(rest, 'minimum', 'exclusiveMinimum'), 'maximum', 'exclusiveMaximum');
  if (nullable !== true) return bounded;
  if (typeof bounded['type'] === 'string') return { ...bounded, type: [bounded['type'], 'null'] };
  return { anyOf: [bounded, { type: 'null' }] };
}

function withBound(schema: JsonObject, bound: string, exclusive: string): JsonObject {
  const flag = schema[exclusive];
  if (typeof flag !== 'boolean') return schema;
  const rest = omit(schema, [exclusive]);
  return flag && schema[bound] !== undefined ? { ...omit(rest, [bound]), [exclusive]: schema[bound] } : rest;
}

function omit(object: JsonObject, names: readonly string[]): JsonObject {
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(object)) if (!names.includes(name)) setOwn(kept, name, object[name]);
  return kept;
}
