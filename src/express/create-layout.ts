import {
  type ArgumentLayout,
  type LayoutFacts,
  pick,
  type RouteInput,
  TEXT,
  WILDCARD,
} from './argument-layout.ts';
import { isJsonObject, type JsonObject, setOwn } from './json-value.ts';
import { flatLayout, nestedLayout, type Part } from './part-layout.ts';
import type { PathTemplate } from './route-path.ts';
import { findShape, type ObjectShape, type PreparedSchema, prepareJson } from './tool-schema.ts';
import { wholeLayout } from './whole-layout.ts';

/**
 * Lays the arguments of a tool out: in one flat object where all names differ, else as `{ params, query, body }`.
 *
 * @throws Error that says which part of the input cannot be used.
 */
export function createLayout(input: RouteInput, facts: LayoutFacts): ArgumentLayout {
  if (input.kind === 'whole') return wholeLayout(input.schema, facts);
  if (input.body !== undefined && (facts.method === 'GET' || facts.method === 'HEAD')) {
    throw new Error(`a ${facts.method} request has no body; describe query arguments instead`);
  }
  const params = completeParams(input.params, facts.template);
  const parts: readonly Part[] = [
    { name: 'params', schema: params, isRequired: facts.template.required.size > 0 },
    { name: 'query', schema: input.query, isRequired: false },
    { name: 'body', schema: input.body, isRequired: input.isBodyRequired ?? true },
  ].flatMap(({ schema, ...part }) => (schema === undefined ? [] : [{ ...part, schema } as Part]));
  return flatLayout(parts) ?? nestedLayout(parts);
}

/** The schema of the path parameters: what is described of them, and text for the rest. */
function completeParams(
  given: PreparedSchema | undefined,
  template: PathTemplate,
): PreparedSchema | undefined {
  if (template.captures.length === 0) {
    if (given !== undefined) throw new Error('describes path parameters, and the path has none');
    return undefined;
  }
  const shape = given === undefined ? { properties: {}, required: [], isOpen: false } : findShape(given.json);
  if (shape === undefined || shape.isOpen)
    throw new Error('params must be an object that names each parameter');
  const names = new Set(template.captures.map(({ name }) => name));
  const strange = Object.keys(shape.properties).find((name) => !names.has(name));
  if (strange !== undefined)
    throw new Error(`describes the path parameter "${strange}", which the path does not have`);
  const properties: Record<string, unknown> = { ...shape.properties };
  for (const { name, kind } of template.captures) {
    if (!Object.hasOwn(properties, name)) setOwn(properties, name, kind === 'wildcard' ? WILDCARD : TEXT);
  }
  const required = new Set([...shape.required, ...template.required]);
  const json = {
    ...given?.json,
    type: 'object',
    properties,
    required: [...required],
    additionalProperties: false,
  };
  const own = prepareJson(undescribed(template, shape));
  return {
    json,
    check: async (value) => {
      const issues = own.check(value);
      const theirs =
        given === undefined || !isJsonObject(value)
          ? []
          : given.check(pick(value, Object.keys(shape.properties)));
      return [...(await issues), ...(await theirs)];
    },
  };
}

/** What must hold of parameters, whatever the given schema says of them. */
function undescribed(template: PathTemplate, shape: ObjectShape): JsonObject {
  const missing = template.captures.filter(({ name }) => !Object.hasOwn(shape.properties, name));
  const required = template.captures
    .map(({ name }) => name)
    .filter((name) => isNeeded(name, template, shape));
  return {
    type: 'object',
    properties: Object.fromEntries(missing.map(({ name }) => [name, TEXT])),
    required,
  };
}

// What the given schema requires it says itself.
function isNeeded(name: string, template: PathTemplate, shape: ObjectShape): boolean {
  return template.required.has(name) && !shape.required.includes(name);
}
