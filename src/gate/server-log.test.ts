import { expect, test } from 'vitest';
import { createServerLog } from './server-log.ts';

function write(lines: readonly string[], token = ''): readonly string[] {
  const written: string[] = [];
  const log = createServerLog('notes', token, (line) => written.push(line));
  for (const line of lines) log(line);
  return written;
}

test('a line names its server and stays one line', () => {
  expect(write(['ready', '', 'a\u001b[31m\rb'])).toEqual(['[notes] ready', '[notes] a\\u001b[31m\\u000db']);
});

test('the token of the user is not in it, and nothing that looks like one', () => {
  const lines = write(
    ['got horse battery, twice: horse battery', 'Authorization: Bearer abc.def'],
    'horse battery',
  );
  expect(lines).toEqual(['[notes] got [redacted], twice: [redacted]', '[notes] Authorization: [redacted]']);
});

test('nor is any line of it, or the beginning of one where a long line was cut', () => {
  const key = '-----BEGIN KEY-----\ncorrect horse\nbattery staple\n}\n';
  expect(write(['correct horse', ' battery staple!', JSON.stringify({ key }), '}'], key)).toEqual([
    '[notes] [redacted]',
    '[notes]  [redacted]!',
    '[notes] {"key":"[redacted]"}',
    '[notes] }',
  ]);
  const token = 'pass phrase '.repeat(30);
  const [line] = write([token.repeat(20).slice(0, 4096)], token);
  expect(line).toBe(`[notes] ${'[redacted]'.repeat(11)}`);
});

test('too much is left out', () => {
  expect(write(Array.from({ length: 500 }, (_, index) => `line ${index}`))).toHaveLength(200);
});
