import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../../test/config/fixtures/cli.ts';

const SECRET = 'hunter2 hunter2 hunter2 hunter2 hunter2';
const key = new TextEncoder().encode(SECRET);
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'gatehouse-cli-token-'));
  const write = (name: string, config: object) =>
    writeFile(
      join(cwd, name),
      JSON.stringify({ version: 1, servers: { notes: { module: './n.js' } }, ...config }),
    );
  await writeFile(join(cwd, 'secret'), `${SECRET}\n`);
  await writeFile(join(cwd, 'short'), 'hunter2');
  await write('gatehouse.config.json', { auth: [{ type: 'jwt', secret: SECRET }] });
  await write('issuer.json', { auth: [{ type: 'jwt', issuer: 'https://issuer.example' }] });
  await write('several.json', {
    servers: { a: { module: './a.js' }, b: { module: './b.js' } },
    auth: [{ type: 'jwt', secret: SECRET }],
  });
  await write('rich.json', {
    auth: [
      {
        type: 'jwt',
        secret: SECRET,
        issuer: 'https://issuer.example',
        audience: 'urn:notes',
        algorithms: ['HS512'],
        profile: 'at+jwt',
        claims: {
          user: 'https://example.com/user',
          tenant: 'org.id',
          scopes: 'org.scopes',
          roles: 'realm.roles',
        },
      },
    ],
    tenancy: { from: 'claim', toUserId: 'key' },
  });
  await write('by-header.json', {
    auth: [{ type: 'jwt', secret: SECRET }],
    tenancy: { from: 'header', toUserId: 'key' },
  });
});

afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
});

async function sign(...argv: readonly string[]): Promise<JWTPayload> {
  const { exitCode, stdout, stderr } = await runCli(['token', ...argv], { cwd, environment: { S: SECRET } });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return (await jwtVerify(stdout.trim(), key)).payload;
}

describe('[cli/token]', () => {
  test('signs for the configured secret and the resource of the server, for 15 minutes', async () => {
    const before = Math.floor(Date.now() / 1000);
    const payload = await sign('--subject', 'alice', '--scope', 'a b', '--role', 'x', '--role', 'y');
    expect(payload).toEqual({
      sub: 'alice',
      aud: 'http://127.0.0.1:3000/mcp',
      scope: 'a b',
      roles: ['x', 'y'],
      iat: expect.any(Number),
      exp: (payload.iat ?? 0) + 900,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(payload.iat).toBeGreaterThanOrEqual(before);
  });

  test('puts what the configuration reads where it reads it', async () => {
    const { stdout } = await runCli(
      ['token', '--subject', 'alice', '--tenant', 't1', '--scope', 'a', '--role', 'r', '-c', 'rich.json'],
      { cwd },
    );
    expect(decodeProtectedHeader(stdout)).toEqual({ alg: 'HS512', typ: 'at+jwt' });
    expect(decodeJwt(stdout)).toMatchObject({
      iss: 'https://issuer.example',
      aud: 'urn:notes',
      'https://example.com/user': 'alice',
      org: { id: 't1', scopes: 'a' },
      realm: { roles: ['r'] },
    });
  });

  test('makes a member where requests name the tenant', async () => {
    expect(await sign('--subject', 'alice', '--tenant', 't1', '-c', 'by-header.json')).toMatchObject({
      tenants: ['t1'],
    });
  });

  test('takes issuer, audience and lifetime from the command line', async () => {
    const payload = await sign('--subject', 'a', '--issuer', 'i', '--audience', 'urn:x', '--expires', '24h');
    expect(payload).toMatchObject({ iss: 'i', aud: 'urn:x', exp: (payload.iat ?? 0) + 86_400 });
  });

  test.each(['@secret', 'env:S'])('signs with a secret from %s, without a configuration', async (source) => {
    const payload = await sign('--subject', 'alice', '--secret', source, '--tenant', 't1');
    expect(payload).toMatchObject({ sub: 'alice', tenant: 't1' });
    expect(payload).not.toHaveProperty('aud');
  });

  test('[cli/json] writes one JSON document with --json', async () => {
    const { stdout } = await runCli(['token', '--subject', 'alice', '--json'], { cwd });
    const result = JSON.parse(stdout) as { token: string; expiresAt: number };
    expect(result).toEqual({
      token: expect.any(String),
      subject: 'alice',
      audience: 'http://127.0.0.1:3000/mcp',
      expiresAt: decodeJwt(result.token).exp,
    });
  });

  test.each<[string, readonly string[], RegExp]>([
    [
      'a configuration without a secret',
      ['--config', 'issuer.json'],
      /no auth entry has a `secret`: tokens for this configuration come from its issuer/,
    ],
    [
      'several servers',
      ['--config', 'several.json'],
      /--audience is required, as there are several: http.*mcp\/a, /,
    ],
    ['a tenant where there are none', ['--tenant', 't1'], /--tenant: this configuration has no tenants/],
    ['a secret in the open', ['--secret', SECRET], /write @<file> or env:<NAME>/],
    ['a short secret', ['--secret', '@short'], /must be at least 32 bytes long/],
    ['a secret that is not there', ['--secret', '@absent'], /the file does not exist/],
    ['a variable that is not set', ['--secret', 'env:NOPE'], /the environment variable NOPE is not set/],
    ['two sources', ['--secret', '@secret', '--config', 'rich.json'], /give --secret or --config, not both/],
    ['a lifetime of more than a day', ['--expires', '25h'], /24h at most/],
    ['a lifetime that is none', ['--expires', 'soon'], /24h at most/],
    ['no lifetime', ['--expires', '0s'], /24h at most/],
    ['nobody', ['--subject', ''], /--subject must not be empty/],
  ])('refuses %s, with exit code 2 and without the secret', async (_name, argv, problem) => {
    const { exitCode, stdout, stderr } = await runCli(['token', '--subject', 'alice', ...argv], { cwd });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(problem);
    expect(stderr).not.toContain('hunter2');
  });
});
