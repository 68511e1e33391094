import {
  type ArgumentLayout,
  type LayoutFacts,
  pick,
  TEXT,
  unknownNames,
  WILDCARD,
  without,
} from './argument-layout.ts';
import { isJsonObject, type JsonObject, setOwn } from './json-value.ts';
import type { PathTemplate } from './route-path.ts';
import { type PreparedSchema, prepareJson } from './tool-schema.ts';

/** Methods whose content means nothing, or nothing in general. RFC 9110 §9.3 */
export const WITHOUT_BODY: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
]);

/**
 * One schema over everything: parameters of the path by their names, the rest to the body or the query.
 *
 * @throws Error when it does not say which arguments there are.
 */
export function wholeLayout(schema: PreparedSchema, { method, template }: LayoutFacts): ArgumentLayout {
  const { type, properties, additionalProperties } = schema.json;
  if (type !== 'object' || !isJsonObject(properties)) {
    throw new Error('is not an object with properties; describe { params, query, body } one by one');
  }
  const described = Object.keys(properties);
  const added = template.captures.filter(({ name }) => !described.includes(name));
  const params = new Set(template.captures.map(({ name }) => name));
  const isOpen = additionalProperties !== undefined && additionalProperties !== false;
  const hasBody = !WITHOUT_BODY.has(method);
  const published = publishWhole(schema.json, template);
  const own = prepareJson({
    type: 'object',
    properties: Object.fromEntries(added.map(({ name }) => [name, TEXT])),
    required: [...template.required].filter((name) => !isListed(schema.json['required'], name)),
  });
  return {
    inputSchema: published,
    checks: [
      { schema: own, take: (args) => args },
      { schema, take: (args) => without(args, new Set(added.map(({ name }) => name))) },
    ],
    sort: (args) => {
      const rest = without(args, params);
      const taken = pick(args, params);
      return hasBody
        ? { params: taken, query: {}, body: rest }
        : { params: taken, query: rest, body: undefined };
    },
    findUnknown: (args) => (isOpen ? [] : unknownNames(args, [...new Set([...params, ...described])])),
  };
}

function isListed(names: unknown, name: string): boolean {
  return Array.isArray(names) && names.includes(name);
}

function publishWhole(json: JsonObject, template: PathTemplate): JsonObject {
  const properties: Record<string, unknown> = isJsonObject(json['properties'])
    ? { ...json['properties'] }
    : {};
  for (const { name, kind } of template.captures) {
    if (!Object.hasOwn(properties, name)) setOwn(properties, name, kind === 'wildcard' ? WILDCARD : TEXT);
  }
  const required = Array.isArray(json['required']) ? (json['required'] as readonly unknown[]) : [];
  return {
    ...json,
    properties,
    required: [...new Set([...template.required, ...required])],
    additionalProperties: json['additionalProperties'] ?? false,
  };
}
