import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CheckReport } from '../../src/testing/resource-server-check/report.ts';
import { type Ran, runCli } from '../config/fixtures/cli.ts';
import type { DefectName } from './broken-servers.ts';
import { startToyServer, type ToyServer } from './toy-server.ts';

const WAIT = { timeout: 60_000 };

const cwd = tmpdir();

function runCheck(...args: readonly string[]): Promise<Ran> {
  return runCli(['check', ...args], { cwd });
}

async function startToy(defect?: DefectName): Promise<ToyServer & { readonly url: string }> {
  const toy = await startToyServer(defect);
  onTestFinished(toy.close);
  return { ...toy, url: String(toy.options.url) };
}

describe('gatehouse check', () => {
  it('prints one line for each item and leaves with 0 when nothing failed', WAIT, async () => {
    const { url, options } = await startToy();
    const { token = '', otherToken = '', limitedToken = '' } = options;
    const given = ['--token', token, '--other-token', otherToken, '--limited-token', limitedToken];
    const { stdout: out, stderr, exitCode } = await runCheck(url, ...given, '--scoped-tool', 'write');
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(out.split('\n').filter((line) => /^(?:pass|FAIL|n\/a ) +\d+ /.test(line))).toHaveLength(17);
    expect(out).toContain('Protocol revisions: 2025-11-25, 2026-07-28');
    expect(out).toMatch(/^pass +1 A request without a credential .* \[MUST; MCP basic\/authorization/m);
    expect(out).toMatch(/^n\/a +17 /m);
    expect(out).toContain('Needs the option boundToken.');
    expect(out).toMatch(/\d+ passed, 0 failed, \d+ not applicable\n$/);
    for (const secret of [token, otherToken, limitedToken]) expect(out).not.toContain(secret.slice(-40));
  });

  it('prints the evidence of a failure below its item and leaves with 1', WAIT, async () => {
    const { url, options } = await startToy('lenient-expiry');
    const { token = '', expiredToken = '' } = options;
    const run = await runCheck(url, '--token', token, '--expired-token', expiredToken, '--only', '3, 6');
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toMatch(
      /^FAIL +3 .*\n {9}an expired token in 2025-11-25 \(MUST\): Sent an expired token; got 200/m,
    );
    expect(run.stdout).toContain('1 passed, 1 failed, 0 not applicable');
  });

  it('prints the whole report as JSON', WAIT, async () => {
    const { url, options } = await startToy('no-scope');
    const run = await runCheck(url, '--token', options.token ?? '', '--only', '1,9', '--json');
    const report = JSON.parse(run.stdout) as CheckReport;
    expect(run.stdout.trimEnd()).not.toContain('\n');
    expect(run.exitCode).toBe(1);
    expect(report).toMatchObject({ url, eras: ['2025-11-25', '2026-07-28'], problems: [] });
    expect(report.items.map(({ id, verdict }) => [id, verdict])).toEqual([
      [1, 'failed'],
      [9, 'passed'],
    ]);
  });

  it('takes tokens from files and from the environment', WAIT, async () => {
    const { url, options } = await startToy();
    const folder = await mkdtemp(join(cwd, 'check-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'limited'), `${options.limitedToken ?? ''}\n`);
    const setting = { cwd: folder, environment: { CHECK_TOKEN: options.token } as const };
    const given = ['--token', 'env:CHECK_TOKEN', '--limited-token', '@limited', '--scoped-tool', 'write'];
    const { stdout, exitCode } = await runCli(['check', url, ...given, '--only', '6,7'], setting);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\n2 passed, 0 failed, 0 not applicable\n$/);
  });

  it('takes repeated foreign audiences, and arguments of tools as JSON', WAIT, async () => {
    const { url, options } = await startToy('audience-by-prefix');
    const foreign = [options.foreignAudienceToken ?? []].flat();
    const given = foreign.flatMap((token) => ['--foreign-audience-token', token]);
    const tool = ['--token', options.token ?? '', '--tool', 'echo', '--tool-arguments', '{"text":"x"}'];
    const run = await runCheck(url, ...given, ...tool, '--only', '4,12');
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain('Sent token 2 for another resource; got 200 with a JSON-RPC result');
    expect(run.stdout).toMatch(/^pass +12 /m);
  });

  it('leaves with 2 when a credential given was of no use', WAIT, async () => {
    const { url } = await startToy();
    const run = await runCheck(url, '--token', 'no-token-of-this-server', '--only', '6');
    expect(run.exitCode).toBe(2);
    expect(run.stdout).toContain('Problem: The token given was not let in');
  });

  it('leaves with 2 when the server cannot be reached', WAIT, async () => {
    const toy = await startToyServer();
    await toy.close();
    const run = await runCheck(String(toy.options.url));
    const stderr = 'gatehouse: the connection failed: ECONNREFUSED\n';
    expect(run).toEqual({ stdout: '', stderr, exitCode: 2 });
  });

  it.each([
    [
      'an empty variable',
      ['--token', 'env:CHECK_TOKEN'],
      '--token: the environment variable CHECK_TOKEN is not set',
    ],
    ['no such file', ['--id-token', '@none/such'], '--id-token: the file none/such does not exist'],
    ['a list for arguments', ['--tool-arguments', '[]'], 'Expected a JSON object.'],
    ['a word for a number', ['--timeout', 'soon'], 'Expected a whole number.'],
    [
      'a token of two words',
      ['--token', 'secret words'],
      'token must be 1 to 16384 visible ASCII characters',
    ],
    ['an item that is none', ['--only', '18'], 'only must list item numbers from 1 to 17'],
  ])('leaves with 2 on %s, and repeats no token', async (_, args, message) => {
    const run = await runCheck('http://127.0.0.1:1/', ...args);
    expect(run).toMatchObject({ stdout: '', exitCode: 2, stderr: expect.stringContaining(message) });
    expect(run.stderr).not.toContain('secret words');
  });
});
