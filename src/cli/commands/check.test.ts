import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../../test/config/fixtures/cli.ts';

describe('[cli/check] gatehouse check', () => {
  test.each(['constructor', '__proto__', 'NO_SUCH'])(
    'a token from env:%s, which is not set',
    async (name) => {
      const argv = ['check', 'http://127.0.0.1:1/mcp', '--token', `env:${name}`];
      const { exitCode, stderr } = await runCli(argv, { cwd: tmpdir(), environment: {} });
      expect(stderr).toBe(`gatehouse: --token: the environment variable ${name} is not set\n`);
      expect(exitCode).toBe(2);
    },
  );
});
