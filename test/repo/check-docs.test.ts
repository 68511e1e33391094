import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from './project-files.ts';

const run = promisify(execFile);

async function checkDocs(...documents: readonly string[]): Promise<{ code: number; output: string }> {
  try {
    const { stdout } = await run(process.execPath, ['scripts/check-docs.mjs', ...documents], { cwd: ROOT });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string };
    return { code, output: stderr };
  }
}

test('the TypeScript blocks of README.md and the guides type-check', async () => {
  expect(await checkDocs()).toEqual({ code: 0, output: expect.stringContaining(' 0 problems') as string });
}, 60_000);

test('a mistake in a block is reported at its line of the document', async () => {
  const { code, output } = await checkDocs('test/repo/fixtures/broken-blocks.md');
  expect(code).toBe(1);
  expect(output.trim().split('\n')).toEqual([
    "test/repo/fixtures/broken-blocks.md:11: Type 'number' is not assignable to type 'string'.",
  ]);
}, 60_000);
