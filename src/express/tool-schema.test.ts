import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { prepareSchema } from './tool-schema.ts';

/** A Standard Schema of a library that knows no JSON Schema. */
const foreign = {
  '~standard': {
    version: 1,
    vendor: 'foreign',
    validate: (value: unknown) =>
      Promise.resolve(
        value === 'yes' ? { value } : { issues: [{ message: 'must be yes', path: [{ key: 'a' }, 0] }] },
      ),
  },
};

describe('prepareSchema', () => {
  it('describes what a Zod schema is given, and checks without changing', async () => {
    const schema = prepareSchema(z.object({ n: z.string().transform(Number), m: z.number().default(3) }));
    expect(schema.json).toEqual({
      type: 'object',
      properties: { n: { type: 'string' }, m: { type: 'number', default: 3 } },
      required: ['n'],
    });
    expect(await schema.check({ n: '1' })).toEqual([]);
    expect(await schema.check({ n: 1 })).toMatchObject([{ path: ['n'] }]);
  });

  it('takes a raw shape, and recursive Zod schemas', async () => {
    expect(prepareSchema({ id: z.string() }).json).toMatchObject({ properties: { id: { type: 'string' } } });
    const Node = z.object({
      get next() {
        return Node.optional();
      },
    });
    const schema = prepareSchema(Node);
    expect(JSON.stringify(schema.json)).toContain('$ref');
    expect(await schema.check({ next: { next: {} } })).toEqual([]);
  });

  it('takes a schema that cannot convert itself with its description beside it', async () => {
    expect(() => prepareSchema(foreign)).toThrow('foreign does not convert');
    const schema = prepareSchema({ schema: foreign, jsonSchema: { type: 'string' } });
    expect(schema.json).toEqual({ type: 'string' });
    expect(await schema.check('yes')).toEqual([]);
    expect(await schema.check('no')).toEqual([{ path: ['a', 0], message: 'must be yes' }]);
  });

  it('keeps its own copy of plain JSON Schema', async () => {
    const given = { type: 'object', properties: { a: { type: 'string' } } };
    const schema = prepareSchema(given);
    given.properties.a.type = 'number';
    expect(schema.json).toMatchObject({ properties: { a: { type: 'string' } } });
    expect(await schema.check({ a: 'x' })).toEqual([]);
  });

  it('describes files as what a caller can give, and checks them as files', async () => {
    const schema = prepareSchema(
      z.object({ doc: z.file().mime('text/plain'), many: z.array(z.file()).optional() }),
    );
    expect(schema.json).toMatchObject({
      properties: {
        doc: { type: 'object', required: ['filename', 'data'] },
        many: { type: 'array', items: { type: 'object' } },
      },
    });
    const file = { filename: 'a.txt', contentType: 'text/plain', data: 'aGk=' };
    expect(await schema.check({ doc: file, many: [file] })).toEqual([]);
    expect(await schema.check({ doc: { ...file, contentType: 'image/png' } })).toMatchObject([
      { path: ['doc'] },
    ]);
    expect(await schema.check({ doc: { ...file, data: '!' } })).toMatchObject([{ path: ['doc'] }]);
  });

  it.each<[string, unknown, string]>([
    ['an empty object', {}, 'empty schema'],
    ['null', null, 'not a schema'],
    ['a mixture', { a: z.string(), b: 'x' }, 'mixes'],
    ['what JSON Schema cannot say', z.object({ at: z.date() }), 'JSON Schema'],
    ['a cycle of objects', cycle(), 'not JSON'],
    ['a dialect that is not known', { $schema: 'https://example.com/dialect', type: 'object' }, 'dialect'],
    ['a description that does not compile', { schema: foreign, jsonSchema: { type: 'x' } }, 'no type'],
  ])('refuses %s', (_name, schema, reason) => {
    expect(() => prepareSchema(schema)).toThrow(reason);
  });
});

function cycle(): object {
  const schema: Record<string, unknown> = { type: 'object' };
  schema['properties'] = { self: schema };
  return schema;
}
