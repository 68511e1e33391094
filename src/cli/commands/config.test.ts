import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../../test/config/fixtures/cli.ts';
import { configJsonSchema } from '../../config/json-schema.ts';
import { parseGateOptions } from '../../config/schema.ts';

const environment = {
  JWT_SECRET: 'hunter2 hunter2 hunter2 hunter2 hunter2',
  SERVICE_TOKEN: 'hunter2-service',
};
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'gatehouse-cli-config-'));
  await writeFile(
    join(cwd, 'gatehouse.config.yaml'),
    `
version: 1
servers: { notes: { module: ./notes.js } }
auth: [{ type: jwt, secret: "\${env:JWT_SECRET}" }]
tenancy:
  credentials:
    notes:
      type: api
      tenantManagerUrl: https://tenants.example
      serviceToken: "\${env:SERVICE_TOKEN}"
      customHeaders: { x-extra: "hunter2-header" }
`,
  );
  await writeFile(join(cwd, 'wrong.yaml'), 'version: 1\nservers: {}\nauth: []\n');
});

afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
});

describe('[cli/config-print]', () => {
  test('prints the configuration with defaults and without secrets', async () => {
    const { exitCode, stdout, stderr } = await runCli(['config', 'print'], { cwd, environment });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).not.toContain('hunter2');
    expect(parse(stdout)).toMatchObject({
      version: 1,
      publicUrl: 'http://127.0.0.1:3000',
      servers: {
        notes: { module: join(cwd, 'notes.js'), resourceType: 'notes', instances: { mode: 'fresh' } },
      },
      auth: [{ type: 'jwt', secret: '[redacted]', profile: 'any' }],
      tenancy: {
        credentials: {
          notes: { serviceToken: '[redacted]', customHeaders: { 'x-extra': '[redacted]' }, timeoutMs: 5000 },
        },
      },
      limits: { bodyBytes: 4_194_304, failures: { max: 20, windowSeconds: 60 } },
      audit: [],
    });
  });

  test('[cli/json] prints the same as JSON, before or after the name', async () => {
    const after = await runCli(['config', 'print', '--json'], { cwd, environment });
    const before = await runCli(['--json', 'config', 'print'], { cwd, environment });
    expect(JSON.parse(after.stdout)).toMatchObject({ auth: [{ secret: '[redacted]' }] });
    expect(before).toEqual(after);
  });

  test('what it prints is a configuration again, once the secrets are filled in', async () => {
    const { stdout } = await runCli(['config', 'print', '--json'], { cwd, environment });
    const filled: unknown = JSON.parse(stdout.replaceAll('[redacted]', 'x'.repeat(32)));
    expect(parseGateOptions(filled, { allowInstances: false }).servers[0]?.resource).toBe(
      'http://127.0.0.1:3000/mcp',
    );
  });

  test('tells what is wrong, one problem to a line, and exits with 2', async () => {
    const argv = ['config', 'print', '--config', 'wrong.yaml'];
    const plain = await runCli(argv, { cwd });
    expect(plain).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'gatehouse: servers: needs at least one server\ngatehouse: auth: needs at least 1 entry\n',
    });
    const json = await runCli([...argv, '--json'], { cwd });
    expect(json.exitCode).toBe(2);
    expect(JSON.parse(json.stdout)).toEqual({
      ok: false,
      code: 'CONFIGURATION_ERROR',
      problems: ['servers: needs at least one server', 'auth: needs at least 1 entry'],
    });
  });
});

describe('[cli/config-schema]', () => {
  test('prints the JSON Schema', async () => {
    const { exitCode, stdout } = await runCli(['config', 'schema'], { cwd });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(configJsonSchema());
  });
});

describe('[cli/config-print] what came from a reference', () => {
  test('is shown as the reference, wherever it stands', async () => {
    await writeFile(
      join(cwd, 'references.yaml'),
      `
version: 1
publicUrl: "https://\${env:HOST}"
servers: { notes: { module: ./notes.js, extras: { query: ["\${env:QUERY}"] } } }
auth: [{ type: jwt, issuer: https://a.example, jwksUri: "https://a.example/\${env:QUERY}" }]
tenancy:
  credentials:
    notes:
      type: api
      tenantManagerUrl: https://tenants.example
      serviceToken: "\${env:SERVICE_TOKEN}"
      endpointPath: "/\${env:QUERY}/:userId"
`,
    );
    const variables = { ...environment, HOST: 'mcp.example', QUERY: 'hunter2-query' };
    const argv = ['config', 'print', '--config', 'references.yaml'];
    const { exitCode, stdout, stderr } = await runCli(argv, { cwd, environment: variables });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).not.toContain('hunter2');
    expect(parse(stdout)).toMatchObject({
      publicUrl: 'https://${env:HOST}',
      servers: { notes: { extras: { query: ['${env:QUERY}'] } } },
      auth: [{ jwksUri: 'https://a.example/${env:QUERY}' }],
      tenancy: {
        credentials: { notes: { endpointPath: '/${env:QUERY}/:userId', serviceToken: '[redacted]' } },
      },
    });
  });
});
