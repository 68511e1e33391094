import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('flood-program.ts', import.meta.url));
const CALLS = 50_000;

interface Report {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly grownBytes: number;
  readonly timersLeft: number;
  readonly resources: { readonly before: readonly string[]; readonly after: readonly string[] };
}

describe('fifty thousand calls', () => {
  test.each(['express', 'express4'])(
    'of %s leave no timer, nothing that runs and no memory behind',
    { timeout: 120_000 },
    async (name) => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--expose-gc',
        '--import',
        'tsx',
        PROGRAM,
        name,
        String(CALLS),
      ]);
      const { outcomes, grownBytes, timersLeft, resources } = JSON.parse(stdout) as Report;
      const tenth = CALLS / 10;
      expect(outcomes).toEqual({
        200: tenth * 6,
        201: tenth * 2,
        AbortError: tenth,
        TransportError: tenth,
      });
      // Node has one of its own, for the second that Date fields say.
      expect(timersLeft).toBeLessThanOrEqual(1);
      expect(resources.after).toEqual(resources.before);
      expect(grownBytes).toBeLessThan(2_000_000);
    },
  );
});
