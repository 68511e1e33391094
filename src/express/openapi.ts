import type { RouteInput } from './argument-layout.ts';
import { isJsonObject, type JsonObject, messageOf, ownValue, setOwn } from './json-value.ts';
import { type ApiDocument, resolve, takeSchema } from './openapi-schema.ts';
import type { BodyKind } from './request-body.ts';
import { createTemplate, isCapture, mergeTexts, type PathTemplate, type PathToken } from './route-path.ts';
import { findShape, type PreparedSchema, prepareJson } from './tool-schema.ts';

/** One operation of an OpenAPI document. */
export interface ApiOperation {
  readonly method: string;
  /** Path by itself, and with the path of the first server before it. */
  readonly paths: readonly string[];
  readonly title: string | undefined;
  readonly description: string | undefined;
  /**
   * What it takes and answers; path parameters by the names given, in the order of the path.
   *
   * @throws Error for anything that cannot be turned into arguments.
   */
  describe(names: readonly string[]): OperationFacts;
}

export interface OperationFacts {
  readonly input: RouteInput;
  readonly bodyKind: BodyKind | undefined;
  readonly output: PreparedSchema | undefined;
}

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options', 'trace'] as const;

/**
 * Reads the operations of an OpenAPI 3.0 or 3.1 document, given as an object.
 *
 * @throws Error when it is none.
 */
export function readOpenApi(given: unknown): readonly ApiOperation[] {
  const document = parseDocument(given);
  const { paths, servers } = document.root;
  const base = basePath(servers);
  return Object.entries(isJsonObject(paths) ? paths : {}).flatMap(([path, item]) => {
    const resolved = path.startsWith('/') ? resolve(document, item) : undefined;
    if (!isJsonObject(resolved)) return [];
    return METHODS.flatMap((method) => {
      const operation = resolved[method];
      if (!isJsonObject(operation)) return [];
      const place: OperationPlace = { document, path, shared: resolved['parameters'], operation };
      return [toOperation(method.toUpperCase(), base, place)];
    });
  });
}

function parseDocument(given: unknown): ApiDocument {
  if (!isJsonObject(given)) throw new Error('must be an OpenAPI document as an object');
  let root: JsonObject;
  try {
    root = JSON.parse(JSON.stringify(given)) as JsonObject;
  } catch (cause) {
    throw new Error('must be JSON; give the document with its $ref, not resolved', { cause });
  }
  const { openapi: version } = root;
  if (typeof version !== 'string' || !/^3\.[01]\./.test(version)) {
    throw new Error('must be an OpenAPI document of version 3.0 or 3.1');
  }
  return { root, isVersion30: version.startsWith('3.0.') };
}

function basePath(servers: unknown): string {
  const [first] = Array.isArray(servers) ? (servers as readonly unknown[]) : [];
  const url = isJsonObject(first) && typeof first['url'] === 'string' ? first['url'] : '/';
  try {
    // Servers may be relative to the document; their host is not of interest here.
    return new URL(url, 'http://localhost').pathname.replace(/\/+$/, '');
  } catch {
    return '';
  }
}

interface OperationPlace {
  readonly document: ApiDocument;
  readonly path: string;
  readonly shared: unknown;
  readonly operation: JsonObject;
}

function toOperation(method: string, base: string, place: OperationPlace): ApiOperation {
  const { summary, description } = place.operation;
  const title = typeof summary === 'string' && summary !== '' ? summary : undefined;
  return {
    method,
    paths: base === '' ? [place.path] : [`${base}${place.path}`, place.path],
    title,
    description: typeof description === 'string' && description !== '' ? description : title,
    describe: (names) => describe(place, names),
  };
}

/** `/users/{}` for `/users/{id}` and `/users/:id` alike; undefined for templates that OpenAPI cannot write. */
export function toShape(template: PathTemplate): string | undefined {
  if (template.tokens.some(({ kind }) => kind === 'group' || kind === 'wildcard')) return undefined;
  return template.tokens.map((token) => (token.kind === 'text' ? token.text : '{}')).join('');
}

export function toPathShape(path: string): string {
  return path.replaceAll(PARAMETER, '{}');
}

const PARAMETER = /\{([^{}/]+)\}/g;

/** A template of an OpenAPI path, in the words of Express. @throws Error */
export function toApiTemplate(path: string): PathTemplate {
  const tokens: PathToken[] = path
    .split(PARAMETER)
    .map((text, index) => (index % 2 === 1 ? { kind: 'param', name: text } : { kind: 'text', text }));
  const source = path.replaceAll(PARAMETER, ':$1');
  return createTemplate(
    source,
    mergeTexts(tokens.filter((token) => token.kind !== 'text' || token.text !== '')),
  );
}

export function captureNames(template: PathTemplate): readonly string[] {
  return template.tokens.filter(isCapture).map(({ name }) => name);
}

function describe(place: OperationPlace, names: readonly string[]): OperationFacts {
  const { params, query } = readParameters(place, names);
  const { body, bodyKind, isBodyRequired } = readBody(place);
  return {
    input: { kind: 'parts', params, query, body, isBodyRequired },
    bodyKind,
    output: readOutput(place),
  };
}

interface Fields {
  readonly properties: Record<string, unknown>;
  readonly required: string[];
  readonly $defs: Record<string, unknown>;
}

function readParameters(place: OperationPlace, names: readonly string[]) {
  const params: Fields = { properties: {}, required: [], $defs: {} };
  const query: Fields = { properties: {}, required: [], $defs: {} };
  const own = [...place.path.matchAll(PARAMETER)].map(([, name]) => name);
  for (const parameter of parametersOf(place)) {
    const { name, in: where } = parameter;
    if (typeof name !== 'string') throw new Error('a parameter has no name');
    try {
      // What goes into headers and cookies is not for callers to say.
      if (where === 'path')
        addField(params, names[own.indexOf(name)] ?? name, readParameter(place, parameter));
      else if (where === 'query') addField(query, name, readParameter(place, parameter));
    } catch (error) {
      throw new Error(`parameter "${name}": ${messageOf(error)}`, { cause: error });
    }
  }
  return { params: toPart(params), query: toPart(query) };
}

/** Those of the path and of the operation, which has the last word. */
function parametersOf({ document, shared, operation }: OperationPlace): readonly JsonObject[] {
  const found = new Map<string, JsonObject>();
  for (const list of [shared, operation['parameters']]) {
    for (const entry of Array.isArray(list) ? (list as readonly unknown[]) : []) {
      const parameter = resolve(document, entry);
      if (isJsonObject(parameter))
        found.set(`${String(parameter['in'])} ${String(parameter['name'])}`, parameter);
    }
  }
  return [...found.values()];
}

interface ReadParameter {
  readonly schema: JsonObject;
  readonly isRequired: boolean;
}

function readParameter({ document }: OperationPlace, parameter: JsonObject): ReadParameter {
  const { in: where, schema, required, description } = parameter;
  if (schema === undefined) throw new Error('has no schema; those with content are not supported');
  const taken = takeSchema(document, schema, 'request');
  const { type } = taken;
  const usual = where === 'path' ? 'simple' : 'form';
  const { style = usual, explode = style === 'form' } = parameter;
  const isList = type === 'array';
  const isDeep = where === 'query' && style === 'deepObject' && type === 'object';
  if (!isDeep && (type === 'object' || style !== usual))
    throw new Error(`the style ${String(style)} is not supported`);
  if (isList && (where === 'path' || explode !== true))
    throw new Error('lists with separators are not supported');
  const words = typeof description === 'string' && taken['description'] === undefined ? { description } : {};
  return { schema: { ...taken, ...words }, isRequired: required === true };
}

function addField(fields: Fields, name: string, { schema, isRequired }: ReadParameter): void {
  const { $defs: definitions, ...own } = schema;
  for (const [definition, taken] of Object.entries(isJsonObject(definitions) ? definitions : {})) {
    const known = ownValue(fields.$defs, definition);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(taken)) {
      throw new Error(`two schemas have the name ${definition}`);
    }
    setOwn(fields.$defs, definition, taken);
  }
  setOwn(fields.properties, name, own);
  if (isRequired) fields.required.push(name);
}

function toPart({ properties, required, $defs }: Fields): PreparedSchema | undefined {
  if (Object.keys(properties).length === 0) return undefined;
  const definitions = Object.keys($defs).length === 0 ? {} : { $defs };
  return prepareJson({ type: 'object', properties, required, additionalProperties: false, ...definitions });
}

const BODY_TYPES: readonly (readonly [string, BodyKind])[] = [
  ['application/json', 'json'],
  ['multipart/form-data', 'multipart'],
  ['application/x-www-form-urlencoded', 'urlencoded'],
];

function readBody({ document, operation }: OperationPlace) {
  const request = resolve(document, operation['requestBody']);
  if (request === undefined) return { body: undefined, bodyKind: undefined, isBodyRequired: false };
  if (!isJsonObject(request)) throw new Error('requestBody is malformed');
  const content = isJsonObject(request['content']) ? request['content'] : {};
  for (const [mediaType, bodyKind] of BODY_TYPES) {
    const media = content[mediaType];
    if (!isJsonObject(media)) continue;
    try {
      const schema = takeSchema(document, media['schema'], 'request');
      const json = bodyKind === 'multipart' ? withFiles(schema) : schema;
      return { body: prepareJson(json), bodyKind, isBodyRequired: request['required'] === true };
    } catch (error) {
      throw new Error(`requestBody: ${messageOf(error)}`, { cause: error });
    }
  }
  throw new Error(`requestBody: none of ${Object.keys(content).join(', ')} is supported`);
}

/** OpenAPI 3.1: a part of a form whose content has a media type is a file; 3.0 says `format: binary` itself. */
function withFiles(schema: JsonObject): JsonObject {
  const { properties } = schema;
  if (!isJsonObject(properties)) return schema;
  const changed: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const isFile = isJsonObject(property) && property['contentMediaType'] !== undefined;
    setOwn(changed, name, isFile ? { ...property, type: 'string', format: 'binary' } : property);
  }
  return { ...schema, properties: changed };
}

/** What a successful answer holds, where that is an object: the only root that MCP knows for structured results. */
function readOutput({ document, operation }: OperationPlace): PreparedSchema | undefined {
  const { responses } = operation;
  if (!isJsonObject(responses)) return undefined;
  const statuses = Object.keys(responses).filter((status) => /^2(?:\d\d|XX)$/.test(status));
  // Several answers of success may differ, and a tool has one schema for all of them.
  const [status] = statuses;
  if (status === undefined || statuses.length > 1) return undefined;
  const response = resolve(document, responses[status]);
  const content = isJsonObject(response) ? response['content'] : undefined;
  const media = isJsonObject(content) ? content['application/json'] : undefined;
  if (!isJsonObject(media) || media['schema'] === undefined) return undefined;
  try {
    const schema = takeSchema(document, media['schema'], 'response');
    const prepared = prepareJson(schema);
    return schema['type'] === 'object' && findShape(schema) !== undefined ? prepared : undefined;
  } catch (error) {
    throw new Error(`responses ${status}: ${messageOf(error)}`, { cause: error });
  }
}
