import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileJsonSchema } from './json-schema.ts';

describe('compileJsonSchema', () => {
  it('agrees with the validator of the SDK on schemas and values of every kind', () => {
    const ajv = new AjvJsonSchemaValidator();
    let fitting = 0;
    fc.assert(
      fc.property(schemas(), values(), (schema, value) => {
        const theirs = ajv.getValidator(schema as never)(value).valid;
        if (theirs) fitting++;
        expect(compileJsonSchema(schema)(value).length === 0).toBe(theirs);
      }),
      { numRuns: 1500 },
    );
    expect(fitting).toBeGreaterThan(100);
  });

  it('says where and what', () => {
    const check = compileJsonSchema({
      type: 'object',
      properties: { tags: { type: 'array', items: { type: 'string', minLength: 2 } }, n: { enum: [1, 2] } },
      required: ['id'],
      additionalProperties: false,
    });
    expect(check({ tags: ['ab', 'c', 3], n: 3, other: 1 })).toEqual([
      { path: ['tags', 1], message: 'must have at least 2 characters' },
      { path: ['tags', 2], message: 'must be a string' },
      { path: ['n'], message: 'must be one of 1, 2' },
      { path: ['id'], message: 'is missing' },
      { path: ['other'], message: 'is not known' },
    ]);
  });

  it('follows references, also in cycles', () => {
    const check = compileJsonSchema({
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { next: { $ref: '#/$defs/node' }, 'a/b': { $ref: '#/$defs/x~1y' } },
          additionalProperties: false,
        },
        'x/y': { type: 'string' },
      },
    });
    expect(check({ next: { next: { 'a/b': 'x' } } })).toEqual([]);
    expect(check({ next: { next: { 'a/b': 1 } } })).toEqual([
      { path: ['next', 'next', 'a/b'], message: 'must be a string' },
    ]);
  });

  it.each<[string, unknown]>([
    ['a keyword that it does not know', { type: 'string', minLenght: 3 }],
    ['unevaluatedProperties', { type: 'object', unevaluatedProperties: false }],
    ['$dynamicRef', { $dynamicRef: '#x' }],
    ['$id', { $id: 'https://example.com/x', type: 'string' }],
    ['a tuple of draft-07', { type: 'array', items: [{ type: 'string' }] }],
    ['draft-04', { $schema: 'http://json-schema.org/draft-04/schema#', type: 'string' }],
    ['a type that is none', { type: 'file' }],
    ['a reference out of the document', { $ref: 'https://example.com/x' }],
    ['a reference to nothing', { $ref: '#/$defs/x' }],
    ['a reference to what objects inherit', { $ref: '#/constructor' }],
    ['a reference to itself', { $ref: '#' }],
    [
      'a cycle without a step',
      { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/a' }] } } },
    ],
    ['an expression that is none', { type: 'string', pattern: '(' }],
    ['what is no schema', { properties: { x: 'string' } }],
    ['required of OpenAPI 2', { type: 'string', required: true }],
  ])('refuses %s', (_name, schema) => {
    expect(() => compileJsonSchema(schema)).toThrow(/^#/);
  });

  it('names the place of a keyword that is not supported', () => {
    const schema = { type: 'object', properties: { a: { items: { nullable: true } } } };
    expect(() => compileJsonSchema(schema)).toThrow('#/properties/a/items/nullable: is not supported');
  });

  it('stops at bounds, and what stopped does not fit, inside "not" either', () => {
    const twice = { anyOf: [{ $ref: '#/$defs/n' }, { $ref: '#/$defs/m' }] };
    const schema = {
      $ref: '#/$defs/n',
      $defs: {
        n: { type: ['object', 'number'], properties: { a: twice }, required: ['b'] },
        m: { type: ['object', 'number'], properties: { a: twice }, required: ['c'] },
      },
    };
    let value: unknown = 'end';
    for (let depth = 0; depth < 30; depth++) value = { a: value };
    expect(compileJsonSchema(schema)(value)).not.toEqual([]);
    expect(compileJsonSchema({ not: { ...schema }, $defs: schema.$defs })(value)).not.toEqual([]);
    let deep: unknown = 1;
    for (let depth = 0; depth < 5000; depth++) deep = [deep];
    expect(compileJsonSchema({ items: { $ref: '#' } })(deep)).toMatchObject([
      { message: 'is too large to be checked' },
    ]);
  });

  it('takes names that every object has for what they are', () => {
    const check = compileJsonSchema({ type: 'object', required: ['toString'], additionalProperties: false });
    expect(check({})).toEqual([{ path: ['toString'], message: 'is missing' }]);
    expect(check(JSON.parse('{"__proto__":1,"toString":2}'))).toHaveLength(2);
  });
});

function values(): fc.Arbitrary<unknown> {
  const leaf = fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    1,
    -1,
    2,
    1.5,
    3,
    '',
    'a',
    'ab',
    'abc',
    '\u{1F600}',
  );
  return fc.oneof(
    leaf,
    fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 2 })), { maxLength: 4 }),
    fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.oneof(leaf, fc.dictionary(fc.constantFrom('a', 'b'), leaf)),
      { maxKeys: 3 },
    ),
  );
}

/** Schemas that ajv accepts: its strict mode is off in the SDK's validator. */
function schemas(): fc.Arbitrary<Record<string, unknown>> {
  const small = fc.integer({ min: 0, max: 3 });
  const name = fc.constantFrom('a', 'b', 'c');
  const names = fc.uniqueArray(name, { maxLength: 2 });
  const { schema } = fc.letrec<{ schema: Record<string, unknown> }>((tie) => {
    const inner = tie('schema');
    const list = fc.array(inner, { minLength: 1, maxLength: 2 });
    const types = fc.constantFrom('null', 'boolean', 'string', 'number', 'integer', 'array', 'object');
    const keywords: Record<string, fc.Arbitrary<unknown>> = {
      type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })),
      enum: fc.uniqueArray(fc.constantFrom<unknown>(null, 1, 'a', 'ab'), { minLength: 1 }),
      const: fc.constantFrom<unknown>(1, 'a', true),
      minimum: small,
      maximum: small,
      exclusiveMinimum: small,
      exclusiveMaximum: small,
      multipleOf: fc.constantFrom(1, 2, 0.5),
      minLength: small,
      maxLength: small,
      pattern: fc.constantFrom('^a', 'b$', '^$'),
      minItems: small,
      maxItems: small,
      uniqueItems: fc.boolean(),
      minProperties: small,
      maxProperties: small,
      required: names,
      properties: fc.dictionary(name, inner, { maxKeys: 2 }),
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b|c'), inner, { maxKeys: 1 }),
      additionalProperties: fc.oneof(fc.boolean(), inner),
      propertyNames: fc.constantFrom<unknown>({ pattern: '^[ab]' }, { maxLength: 1 }),
      dependentRequired: fc.dictionary(name, names, { maxKeys: 1 }),
      dependentSchemas: fc.dictionary(name, inner, { maxKeys: 1 }),
      prefixItems: list,
      items: fc.oneof(fc.boolean(), inner),
      contains: inner,
      allOf: list,
      anyOf: list,
      oneOf: list,
      not: inner,
      if: inner,
    };
    for (const branch of ['then', 'else']) keywords[branch] = inner;
    const chosen = fc
      .uniqueArray(fc.constantFrom(...Object.keys(keywords)), { maxLength: 3 })
      .chain((picked) => {
        const named = picked.flatMap((key) =>
          keywords[key] === undefined ? [] : [[key, keywords[key]] as const],
        );
        return fc.record(Object.fromEntries(named));
      });
    return { schema: fc.oneof({ depthSize: 'small', maxDepth: 3 }, fc.constant({}), chosen) };
  });
  return schema;
}
