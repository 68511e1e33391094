import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../test/config/fixtures/cli.ts';

const cwd = tmpdir();

describe('[cli/exit-codes] gatehouse', () => {
  test('--help names the commands and the exit codes, and succeeds', async () => {
    const { exitCode, stdout } = await runCli(['--help'], { cwd });
    expect(exitCode).toBe(0);
    for (const command of ['serve', 'check', 'token', 'config']) {
      expect(stdout).toContain(`\n  ${command} `);
    }
    expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.');
  });

  test.each(['serve', 'token', 'config'])('%s --help succeeds', async (command) => {
    const { exitCode, stdout } = await runCli([command, '--help'], { cwd });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: gatehouse ${command}`);
  });

  test.each([
    ['no command', []],
    ['an unknown command', ['server']],
    ['an unknown option', ['serve', '--prot', '1']],
    ['a port that is none', ['serve', '--port', '65536']],
    ['a missing option', ['token']],
  ])('%s is wrong usage', async (_name, argv) => {
    const { exitCode, stderr, stdout } = await runCli(argv, { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).not.toBe('');
    expect(stdout).toBe('');
  });
});

describe('[cli/secrets] what was typed wrongly', () => {
  test.each([
    ['an option', ['token', '--subject', 'u', '--secert=hunter2']],
    ['an option with quotes', ['check', 'http://127.0.0.1:1/', "--tokn=hunter2'hunter2\nhunter2"]],
    ['a short option', ['token', '--subject', 'u', '-shunter2']],
    ['a value', ['token', '--subject', 'u', '--expires', "hunter2' is invalid. hunter2"]],
  ])('%s is not repeated', async (_name, argv) => {
    const { exitCode, stderr, stdout } = await runCli(argv, { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/unknown option '-|is invalid/);
    expect(stderr + stdout).not.toContain('hunter2');
  });

  test.each([
    ['a file', ['config', 'print', '--config', 'x\u001b[31m\n\u009b.yaml']],
    ['a command', ['x\u001b[31m\u202e']],
  ])('%s cannot steer the terminal', async (_name, argv) => {
    const { exitCode, stderr } = await runCli(argv, { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('x\\u001b[31m');
    expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});
