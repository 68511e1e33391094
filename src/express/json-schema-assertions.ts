import { isJsonObject } from './json-value.ts';

/** What a keyword says against a value; undefined when nothing. */
export type Assertion = (value: unknown) => string | undefined;

/**
 * The keywords that look at one value and at no schema within. Each takes what stands beside it.
 *
 * Each throws an Error when its own value is malformed.
 */
export const ASSERTIONS: Readonly<Record<string, (keyword: unknown) => Assertion>> = {
  type: (keyword) => {
    const types = (Array.isArray(keyword) ? keyword : [keyword]).map(toType);
    if (types.length === 0) throw new Error('names no type');
    return (value) => (types.some((type) => TYPES[type](value)) ? undefined : `must be ${listOf(types)}`);
  },
  enum: (keyword) => {
    if (!Array.isArray(keyword)) throw new Error('must be a list');
    const allowed = new Set(keyword.map(canonical));
    const shown = keyword.map((entry) => JSON.stringify(entry)).join(', ');
    return (value) => (allowed.has(canonical(value)) ? undefined : `must be one of ${shorten(shown)}`);
  },
  const: (keyword) => {
    const only = canonical(keyword);
    return (value) => (canonical(value) === only ? undefined : `must be ${shorten(JSON.stringify(keyword))}`);
  },
  minimum: (keyword) => number(keyword, (value, bound) => value >= bound, 'must be at least'),
  maximum: (keyword) => number(keyword, (value, bound) => value <= bound, 'must be at most'),
  exclusiveMinimum: (keyword) => number(keyword, (value, bound) => value > bound, 'must be more than'),
  exclusiveMaximum: (keyword) => number(keyword, (value, bound) => value < bound, 'must be less than'),
  multipleOf: (keyword) => {
    if (typeof keyword !== 'number' || keyword <= 0) throw new Error('must be a number above 0');
    return number(keyword, isMultiple, 'must be a multiple of');
  },
  minLength: (keyword) => atLeast(keyword, lengthOf, 'characters'),
  maxLength: (keyword) => atMost(keyword, lengthOf, 'characters'),
  minItems: (keyword) => atLeast(keyword, itemsOf, 'entries'),
  maxItems: (keyword) => atMost(keyword, itemsOf, 'entries'),
  minProperties: (keyword) => atLeast(keyword, fieldsOf, 'fields'),
  maxProperties: (keyword) => atMost(keyword, fieldsOf, 'fields'),
  pattern: (keyword) => {
    const expression = compilePattern(keyword);
    return (value) =>
      typeof value !== 'string' || expression.test(value)
        ? undefined
        : `must match ${shorten(expression.source)}`;
  },
  uniqueItems: (keyword) => {
    if (typeof keyword !== 'boolean') throw new Error('must be true or false');
    return (value) => {
      if (!keyword || !Array.isArray(value)) return undefined;
      return new Set(value.map(canonical)).size === value.length ? undefined : 'must not hold an entry twice';
    };
  },
  dependentRequired: (keyword) => {
    if (!isJsonObject(keyword)) throw new Error('must be an object of lists of names');
    const rules = Object.entries(keyword).map(([name, needed]) => [name, parseNames(needed)] as const);
    return (value) => {
      if (!isJsonObject(value)) return undefined;
      for (const [name, needed] of rules) {
        const missing = Object.hasOwn(value, name)
          ? needed.find((key) => !Object.hasOwn(value, key))
          : undefined;
        if (missing !== undefined) return `must hold "${missing}" as well, because it holds "${name}"`;
      }
      return undefined;
    };
  },
};

/** An expression of the app's own schema. @throws Error */
export function compilePattern(keyword: unknown): RegExp {
  if (typeof keyword !== 'string') throw new Error('must be a regular expression');
  return new RegExp(keyword, 'u');
}

export function parseNames(keyword: unknown): readonly string[] {
  if (!Array.isArray(keyword) || !keyword.every((name) => typeof name === 'string')) {
    throw new Error('must be a list of names');
  }
  return keyword;
}

type TypeName = keyof typeof TYPES;

const TYPES = {
  null: (value: unknown) => value === null,
  boolean: (value: unknown) => typeof value === 'boolean',
  string: (value: unknown) => typeof value === 'string',
  number: (value: unknown) => typeof value === 'number',
  integer: (value: unknown) => Number.isInteger(value),
  array: (value: unknown) => Array.isArray(value),
  object: (value: unknown) => isJsonObject(value),
} as const;

const TYPE_WORDS: Readonly<Record<TypeName, string>> = {
  null: 'null',
  boolean: 'true or false',
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  array: 'a list',
  object: 'an object',
};

function toType(name: unknown): TypeName {
  if (typeof name !== 'string' || !Object.hasOwn(TYPES, name)) throw new Error(`is no type: ${String(name)}`);
  return name as TypeName;
}

function listOf(types: readonly TypeName[]): string {
  return types.map((type) => TYPE_WORDS[type]).join(' or ');
}

function number(
  keyword: unknown,
  holds: (value: number, bound: number) => boolean,
  words: string,
): Assertion {
  if (typeof keyword !== 'number' || !Number.isFinite(keyword)) throw new Error('must be a number');
  return (value) => (typeof value !== 'number' || holds(value, keyword) ? undefined : `${words} ${keyword}`);
}

// Quotients of decimals are seldom whole in binary: 0.3 / 0.1 is not.
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) <= Number.EPSILON * Math.max(1, Math.abs(quotient));
}

/** Undefined for what the keyword does not concern. */
type SizeOf = (value: unknown) => number | undefined;

function atLeast(keyword: unknown, sizeOf: SizeOf, of: string): Assertion {
  const bound = parseSize(keyword);
  return (value) => ((sizeOf(value) ?? bound) >= bound ? undefined : `must have at least ${bound} ${of}`);
}

function atMost(keyword: unknown, sizeOf: SizeOf, of: string): Assertion {
  const bound = parseSize(keyword);
  return (value) => ((sizeOf(value) ?? bound) <= bound ? undefined : `must have at most ${bound} ${of}`);
}

function parseSize(keyword: unknown): number {
  if (typeof keyword !== 'number' || !Number.isInteger(keyword) || keyword < 0) {
    throw new Error('must be a whole number from 0 on');
  }
  return keyword;
}

// JSON Schema counts code points.
function lengthOf(value: unknown): number | undefined {
  return typeof value === 'string' ? [...value].length : undefined;
}

function itemsOf(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined;
}

function fieldsOf(value: unknown): number | undefined {
  return isJsonObject(value) ? Object.keys(value).length : undefined;
}

/** The same text for equal values, whatever the order of their fields. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'undefined';
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${fields.join(',')}}`;
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}
