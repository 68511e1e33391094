import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ROOT } from './project-files.ts';

const run = promisify(execFile);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'summarize-tests-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A report as vitest writes it: one file with these test states. */
function report(...states: readonly string[]): object {
  const failed = states.includes('failed');
  return {
    success: !failed,
    testResults: [
      {
        name: 'file.test.ts',
        status: failed ? 'failed' : 'passed',
        assertionResults: states.map((status) => ({ status, fullName: `a test that ${status}` })),
      },
    ],
  };
}

async function summarize(...reports: readonly object[]): Promise<{ code: number; last: string }> {
  const paths = reports.map((_, index) => join(directory, `${index}.json`));
  for (const [index, content] of reports.entries()) {
    await writeFile(paths[index] ?? '', JSON.stringify(content));
  }
  return summarizeFiles(...paths);
}

async function summarizeFiles(...paths: readonly string[]): Promise<{ code: number; last: string }> {
  const outcome = await run(process.execPath, ['scripts/summarize-tests.mjs', ...paths], { cwd: ROOT }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code: outcome.code, last: outcome.stdout.trimEnd().split('\n').at(-1) ?? '' };
}

describe('the sum of test runs', () => {
  test('adds what passed', async () => {
    expect(await summarize(report('passed', 'passed'), report('passed'))).toEqual({
      code: 0,
      last: '3 passed, 0 failed',
    });
  });

  test('adds what failed', async () => {
    expect(await summarize(report('passed', 'failed'), report('failed'))).toEqual({
      code: 1,
      last: '1 passed, 2 failed',
    });
  });

  test.each([
    ['a test that was skipped', report('passed', 'skipped')],
    [
      'a file that did not load',
      { success: false, testResults: [{ ...fileOf(report()), status: 'failed' }] },
    ],
    ['a run that failed outside its tests', { ...report('passed'), success: false }],
  ])('counts %s as a failure', async (_, content) => {
    expect(await summarize(content)).toMatchObject({
      code: 1,
      last: expect.stringMatching(/, 1 failed$/) as string,
    });
  });

  test('counts a missing report as a failure', async () => {
    expect(await summarizeFiles(join(directory, 'none.json'))).toEqual({
      code: 1,
      last: '0 passed, 1 failed',
    });
  });

  test('does not call nothing a success', async () => {
    expect(await summarize(report())).toEqual({ code: 1, last: '0 passed, 0 failed' });
  });
});

function fileOf(content: object): object {
  return { name: 'file.test.ts', assertionResults: [], ...content };
}
