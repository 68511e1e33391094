import { compilePattern, parseNames } from './json-schema-assertions.ts';
import { type Issue, isJsonObject, type JsonObject } from './json-value.ts';

/** One check of one value, all of whose parts share what is found and how much may still be done. */
export interface Run {
  readonly issues: Issue[];
  readonly steps: { left: number };
}

export type Check = (value: unknown, path: readonly PropertyKey[], run: Run) => void;

/** Where a keyword stands. */
export interface Place {
  readonly schema: JsonObject;
  /** Compiles a schema below this one. */
  compile(schema: unknown, step: string): Check;
}

export type Applicator = (keyword: unknown, place: Place) => Check;

export const MAX_ISSUES = 10;

export function addIssue(run: Run, path: readonly PropertyKey[], message: string): void {
  if (run.issues.length < MAX_ISSUES) run.issues.push({ path, message });
}

/** The keywords that put schemas to use, but `$ref`. Each throws an Error when its own value is malformed. */
export const APPLICATORS: Readonly<Record<string, Applicator>> = {
  allOf: (keyword, place) => {
    const checks = compileList('allOf', keyword, place);
    return (value, path, run) => {
      for (const check of checks) check(value, path, run);
    };
  },
  anyOf: (keyword, place) => {
    const checks = compileList('anyOf', keyword, place);
    return (value, path, run) => {
      if (!checks.some((check) => passes(check, { value, path }, run)))
        addIssue(run, path, 'fits none of its possible forms');
    };
  },
  oneOf: (keyword, place) => {
    const checks = compileList('oneOf', keyword, place);
    return (value, path, run) => {
      const fitting = checks.filter((check) => passes(check, { value, path }, run)).length;
      if (fitting === 0) addIssue(run, path, 'fits none of its possible forms');
      else if (fitting > 1) addIssue(run, path, 'fits more than one of its possible forms');
    };
  },
  not: (keyword, place) => {
    const check = place.compile(keyword, 'not');
    return (value, path, run) => {
      if (passes(check, { value, path }, run)) addIssue(run, path, 'has a form that is excluded');
    };
  },
  if: (keyword, place) => {
    const condition = place.compile(keyword, 'if');
    const { schema } = place;
    const yes = 'then' in schema ? place.compile(schema['then'], 'then') : undefined;
    const no = 'else' in schema ? place.compile(schema['else'], 'else') : undefined;
    return (value, path, run) => (passes(condition, { value, path }, run) ? yes : no)?.(value, path, run);
  },
  dependentSchemas: (keyword, place) => {
    const rules = compileMap('dependentSchemas', keyword, place);
    return (value, path, run) => {
      if (!isJsonObject(value)) return;
      for (const [name, check] of rules) if (Object.hasOwn(value, name)) check(value, path, run);
    };
  },
  properties: (keyword, place) => {
    const rules = compileMap('properties', keyword, place);
    return (value, path, run) => {
      if (!isJsonObject(value)) return;
      for (const [name, check] of rules) {
        if (Object.hasOwn(value, name)) check(value[name], [...path, name], run);
      }
    };
  },
  required: (keyword) => {
    const names = parseNames(keyword);
    return (value, path, run) => {
      if (!isJsonObject(value)) return;
      for (const name of names) if (!Object.hasOwn(value, name)) addIssue(run, [...path, name], 'is missing');
    };
  },
  patternProperties: (keyword, place) => {
    const rules = compileMap('patternProperties', keyword, place).map(
      ([pattern, check]) => [compilePattern(pattern), check] as const,
    );
    return (value, path, run) => {
      if (!isJsonObject(value)) return;
      for (const name of Object.keys(value)) {
        for (const [pattern, check] of rules)
          if (pattern.test(name)) check(value[name], [...path, name], run);
      }
    };
  },
  additionalProperties: (keyword, place) => {
    const { properties, patternProperties } = place.schema;
    const named = new Set(isJsonObject(properties) ? Object.keys(properties) : []);
    const patterns = isJsonObject(patternProperties)
      ? Object.keys(patternProperties).map(compilePattern)
      : [];
    const check = keyword === false ? undefined : place.compile(keyword, 'additionalProperties');
    return (value, path, run) => {
      if (!isJsonObject(value)) return;
      for (const name of Object.keys(value)) {
        if (named.has(name) || patterns.some((pattern) => pattern.test(name))) continue;
        if (check === undefined) addIssue(run, [...path, name], 'is not known');
        else check(value[name], [...path, name], run);
      }
    };
  },
  propertyNames: (keyword, place) => {
    const check = place.compile(keyword, 'propertyNames');
    return (value, path, run) => {
      if (!isJsonObject(value)) return;
      for (const name of Object.keys(value)) {
        if (!passes(check, { value: name, path }, run))
          addIssue(run, [...path, name], 'has a name that is not allowed');
      }
    };
  },
  prefixItems: (keyword, place) => {
    const checks = compileList('prefixItems', keyword, place);
    return (value, path, run) => {
      if (Array.isArray(value)) {
        for (const [index, check] of checks.entries()) {
          if (index < value.length) check(value[index], [...path, index], run);
        }
      }
    };
  },
  items: (keyword, place) => {
    const check = place.compile(keyword, 'items');
    const { prefixItems } = place.schema;
    const from = Array.isArray(prefixItems) ? prefixItems.length : 0;
    return (value, path, run) => {
      if (!Array.isArray(value)) return;
      for (let index = from; index < value.length; index++) check(value[index], [...path, index], run);
    };
  },
  contains: (keyword, place) => {
    const check = place.compile(keyword, 'contains');
    const { minContains = 1, maxContains = Number.POSITIVE_INFINITY } = place.schema;
    if (typeof minContains !== 'number' || typeof maxContains !== 'number') {
      throw new Error('minContains and maxContains must be numbers');
    }
    return (value, path, run) => {
      if (!Array.isArray(value)) return;
      const found = value.filter((entry) => passes(check, { value: entry, path }, run)).length;
      if (found < minContains || found > maxContains)
        addIssue(run, path, 'holds too few or too many of its kind');
    };
  },
};

/** One value at its place. */
interface Tried {
  readonly value: unknown;
  readonly path: readonly PropertyKey[];
}

/** Whether a value fits, without a word about what does not. */
function passes(check: Check, { value, path }: Tried, { steps }: Run): boolean {
  const run: Run = { issues: [], steps };
  check(value, path, run);
  return run.issues.length === 0;
}

function compileList(name: string, keyword: unknown, place: Place): readonly Check[] {
  if (!Array.isArray(keyword) || keyword.length === 0) throw new Error('must be a list of schemas');
  return keyword.map((schema, index) => place.compile(schema, `${name}/${index}`));
}

function compileMap(name: string, keyword: unknown, place: Place): readonly (readonly [string, Check])[] {
  if (!isJsonObject(keyword)) throw new Error('must be an object of schemas');
  return Object.entries(keyword).map(
    ([key, schema]) => [key, place.compile(schema, `${name}/${key}`)] as const,
  );
}
