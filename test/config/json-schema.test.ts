import { readFile } from 'node:fs/promises';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import { describe, expect, test } from 'vitest';
import { CONFIG_SCHEMA_ID, configJsonSchema } from '../../src/config/json-schema.ts';
import { MINIMAL, problemsOf, SECRET, withAuth, withParts } from './fixtures/options.ts';

const published = new URL('../../schema/gatehouse.config.schema.json', import.meta.url);
const validate = new AjvJsonSchemaValidator().getValidator(configJsonSchema());

describe('[config/schema] as JSON Schema', () => {
  test('the published file is up to date (node scripts/generate-config-schema.mjs)', async () => {
    expect(JSON.parse(await readFile(published, 'utf8'))).toEqual(configJsonSchema());
  });

  test('has an id, a title and a description of every part', () => {
    const { properties, ...schema } = configJsonSchema() as {
      properties: Record<string, { description?: string }>;
    };
    expect(schema).toMatchObject({
      $id: CONFIG_SCHEMA_ID,
      title: expect.any(String),
      required: ['version', 'servers', 'auth'],
    });
    for (const [name, part] of Object.entries(properties)) {
      expect([name, part.description]).toEqual([name, expect.any(String)]);
    }
  });

  test.each<[string, unknown]>([
    ['the least', MINIMAL],
    ['its own reference', { $schema: CONFIG_SCHEMA_ID, ...MINIMAL }],
    [
      'every part',
      withParts({
        publicUrl: 'https://mcp.example.com',
        listen: { host: '0.0.0.0', port: 8080, path: '/m', trustedProxies: ['10.0.0.0/8'] },
        servers: {
          notes: {
            module: './notes.js',
            instances: { mode: 'pooled', max: 5 },
            sessions: { mode: 'stateful' },
            timeoutMs: 1000,
            resourceType: 'drive',
            extras: { query: ['a'], headers: ['x-a'] },
          },
        },
        auth: [
          {
            type: 'jwt',
            issuer: 'https://a.example',
            audience: ['x'],
            claims: { tenant: 'org' },
            extractTokens: true,
          },
        ],
        tenancy: {
          from: 'host',
          pattern: '{tenant}.example.com',
          toUserId: 'key',
          credentials: { drive: { type: 'api', tenantManagerUrl: 'https://t.example', serviceToken: 't' } },
        },
        authorization: {
          endpoint: { scopes: ['mcp'] },
          hierarchy: { 'files:*': ['files:read'] },
          roles: { admin: { scopes: ['files:*'] } },
          tools: {
            'notes/delete_*': { scopes: { allOf: ['files:write'] }, roles: ['admin'], access: 'required' },
          },
        },
        limits: { calls: [{ per: 'tool', rate: '1/s', burst: 2 }], failures: { max: 5 } },
        audit: [{ type: 'console' }, { type: 'file', path: 'a.log', durability: 'before-answer' }],
      }),
    ],
  ])('takes what the parser takes: %s', (_name, config) => {
    expect(validate(config)).toMatchObject({ valid: true });
    expect(problemsOf(config)).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['no version', { ...MINIMAL, version: undefined }],
    ['another version', withParts({ version: 2 })],
    ['no servers', withParts({ servers: {} })],
    ['a name of a server', withParts({ servers: { 'My Notes': { module: 'm' } } })],
    ['a server without a module', withParts({ servers: { notes: {} } })],
    ['a factory', withParts({ servers: { notes: { module: 'm', factory: 'f' } } })],
    ['no auth', withParts({ auth: [] })],
    ['an unknown kind of auth', withAuth({ type: 'api-key' })],
    ['an unknown key', withAuth({ type: 'jwt', secret: SECRET, isuer: 'x' })],
    ['an unknown algorithm', withAuth({ type: 'jwt', secret: SECRET, algorithms: ['none'] })],
    ['a port as text', withParts({ listen: { port: '3000' } })],
    ['a port out of range', withParts({ listen: { port: 70_000 } })],
    ['an unknown mode', withParts({ servers: { notes: { module: 'm', instances: { mode: 'shared' } } } })],
    ['a demand of nothing', withParts({ authorization: { tools: { 'notes/*': { scopes: {} } } } })],
    ['a rule without a server', withParts({ authorization: { tools: { delete: {} } } })],
    ['what a later version knows', withParts({ store: { type: 'memory' } })],
    ['credentials without a kind', withParts({ tenancy: { credentials: { notes: {} } } })],
    ['a list in place of an object', []],
  ])('refuses what the parser refuses: %s', (_name, config) => {
    expect(validate(JSON.parse(JSON.stringify(config)))).toMatchObject({ valid: false });
    expect(problemsOf(config)).not.toEqual([]);
  });

  test('takes references where the parser sees what they lead to', () => {
    const config = withParts({
      publicUrl: '${env:PUBLIC_URL}',
      listen: { host: '${env:HOST}', allowedOrigins: ['${env:ORIGIN}'] },
      auth: [{ type: 'jwt', secret: '${file:jwt-secret}' }],
    });
    expect(validate(config)).toMatchObject({ valid: true });
  });
});
