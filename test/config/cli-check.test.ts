import { tmpdir } from 'node:os';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLocalIssuer } from '../../src/testing/local-issuer.ts';
import type { CheckReport } from '../../src/testing/resource-server-check/report.ts';
import { serveFetch } from '../fixtures/mcp-servers/loopback.ts';
import { freePort, startGate } from '../support/gate-harness.ts';
import { NOTES_RULES } from '../support/notes.ts';
import { notesFactory } from '../support/notes-server.ts';
import { notesFactoryV1 } from '../support/notes-server-v1.ts';
import { type Ran, runCli } from './fixtures/cli.ts';

const PATIENT = { timeout: 120_000 };

/** What an operator gives to the judge: tokens through the environment, names in the open. */
interface Given {
  readonly url: string;
  readonly tokens: Readonly<Record<string, string>>;
  readonly names?: readonly string[];
}

function check({ url, tokens, names = [] }: Given): Promise<Ran> {
  const flags = Object.keys(tokens).flatMap((name) => [`--${name}`, `env:${name}`]);
  return runCli(['check', url, ...flags, ...names], { cwd: tmpdir(), environment: tokens });
}

/** A gate in front of two servers, with everything that the judge can be given. */
async function startSound(): Promise<Given> {
  const { gate, origin, token } = await startGate({
    servers: { notes: { factory: notesFactory() }, reports: { factory: notesFactoryV1() } },
    authorization: { endpoint: { scopes: ['mcp'] }, ...NOTES_RULES },
  });
  const stranger = await createLocalIssuer();
  onTestFinished(() => stranger.close());
  const scopes = ['mcp'];
  const revoked = await token({ scopes, claims: { jti: 'revoked' } });
  gate.revoke({ token: revoked });
  return {
    url: `${origin}/mcp/notes`,
    tokens: {
      token: await token({ scopes }),
      'other-token': await token({ subject: 'bob', scopes }),
      'limited-token': await token({ subject: 'carol', scopes }),
      'foreign-audience-token': await token({ scopes, audience: `${origin}/mcp/reports` }),
      'id-token': await token({ scopes, claims: { nonce: 'n', at_hash: 'h' }, typ: 'JWT' }),
      'expired-token': await token({ scopes, expiresInSeconds: -60 }),
      'revoked-token': revoked,
      'foreign-issuer-token': await stranger.token({
        subject: 'alice',
        audience: `${origin}/mcp/notes`,
        scopes,
      }),
      'bound-token': await token({ scopes, claims: { cnf: { jkt: 'x' } } }),
    },
    names: [
      ...['--tool', 'whoami', '--scoped-tool', 'write', '--hidden-tool', 'purge'],
      ...['--hidden-prompt', 'confidential', '--hidden-resource', 'notes://secret/1'],
    ],
  };
}

/** The same notes, served to anybody. */
async function startNaive(): Promise<string> {
  const build = notesFactory();
  const handler = createMcpHandler(() => build('', 'anybody', { query: {}, headers: {} } as never));
  const { url, close } = await serveFetch((request) => handler.fetch(request));
  onTestFinished(async () => {
    await close();
    await handler.close();
  });
  return url.href;
}

const failedOf = ({ items }: CheckReport) =>
  items.flatMap(({ id, checks }) =>
    checks
      .filter(({ verdict }) => verdict === 'failed')
      .map(({ name, evidence }) => `${id} ${name}: ${evidence}`),
  );

describe('[cli/check]', PATIENT, () => {
  test('finds nothing wrong with a gate, and leaves with 0', async () => {
    const given = await startSound();
    const { exitCode, stdout, stderr } = await check({ ...given, names: [...(given.names ?? []), '--json'] });
    const report = JSON.parse(stdout) as CheckReport;
    expect({ failed: failedOf(report), problems: report.problems }).toEqual({ failed: [], problems: [] });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const left = report.items
      .filter(({ verdict }) => verdict !== 'passed')
      .map(({ id, verdict }) => [id, verdict]);
    // A token that expires meanwhile would have to be waited for.
    expect(left).toEqual([[16, 'not-applicable']]);
    for (const token of Object.values(given.tokens)) expect(stdout).not.toContain(token.slice(-40));
  });

  test('finds what a naive server lets through, and leaves with 1', async () => {
    const url = await startNaive();
    const { exitCode, stdout, stderr } = await check({ url, tokens: {} });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    for (const id of [1, 2, 3]) expect(stdout).toMatch(new RegExp(`^FAIL +${id} `, 'm'));
    expect(stdout).toMatch(/[1-9]\d* failed/);
  });

  test('cannot judge a server that does not answer, and leaves with 2', async () => {
    const run = await check({ url: `http://127.0.0.1:${await freePort()}/mcp`, tokens: {} });
    expect(run).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('ECONNREFUSED') });
    const json = await check({
      url: `http://127.0.0.1:${await freePort()}/mcp`,
      tokens: {},
      names: ['--json'],
    });
    expect([json.exitCode, JSON.parse(json.stdout)]).toMatchObject([2, { ok: false, code: 'USAGE' }]);
  });
});
