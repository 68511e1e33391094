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

test('too much is left out', () => {
  expect(write(Array.from({ length: 500 }, (_, index) => `line ${index}`))).toHaveLength(200);
});
