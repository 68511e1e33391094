import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { interpolate } from './interpolation.ts';
import { formatProblem } from './problem.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-interpolation-'));
  await writeFile(join(directory, 'secret'), 'from a file\n');
  await writeFile(join(directory, 'two-newlines'), 'kept\n\n');
  await writeFile(join(directory, 'windows'), 'line\r\n');
  await writeFile(join(directory, 'empty'), '\n');
  await writeFile(join(directory, 'large'), 'x'.repeat(65_537));
  await writeFile(join(directory, 'largest'), 'x'.repeat(65_536));
  await writeFile(join(directory, 'latin1'), Buffer.from([0xe4, 0x62]));
  await writeFile(join(directory, 'nested'), '${env:NAME}');
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const environment = { NAME: 'value', EMPTY: '', NESTED: '${env:NAME}', DOLLAR: '$$' };

async function resolveText(text: string): Promise<unknown> {
  const { value, problems } = await interpolate({ text }, { environment, directory });
  return problems.length > 0 ? problems.map(formatProblem) : (value as { text: string }).text;
}

describe('[config/interpolation]', () => {
  test.each([
    ['${env:NAME}', 'value'],
    ['a ${env:NAME} b ${env:NAME} c', 'a value b value c'],
    ['${file:secret}', 'from a file'],
    ['${file:./two-newlines}', 'kept\n'],
    ['${file:windows}', 'line'],
    ['${file:largest}', 'x'.repeat(65_536)],
    ['no reference: $ {} $x }', 'no reference: $ {} $x }'],
    ['$${env:NAME}', '${env:NAME}'],
    ['$${ and ${env:NAME}', '${ and value'],
    ['$$${env:NAME}', '$${env:NAME}'],
    ['${env:DOLLAR}${env:NAME}', '$$value'],
  ])('%j becomes %j', async (text, expected) => {
    expect(await resolveText(text)).toBe(expected);
  });

  test('what a reference leads to is taken as it is', async () => {
    expect(await resolveText('${env:NESTED}')).toBe('${env:NAME}');
    expect(await resolveText('${file:nested}')).toBe('${env:NAME}');
  });

  test.each([
    ['${env:MISSING}', 'text: the environment variable MISSING is not set'],
    ['${env:EMPTY}', 'text: the environment variable EMPTY is not set'],
    ['${env:__proto__}', 'text: the environment variable __proto__ is not set'],
    ['${env:A-B}', 'text: names no environment variable: write `${env:NAME}`'],
    ['${env:NAME:-x}', 'text: names no environment variable: write `${env:NAME}`'],
    ['${file:missing}', 'text: the file "missing" does not exist'],
    ['${file:}', 'text: names no file: write `${file:PATH}`'],
    ['${file:.}', 'text: the file "." is not a regular file'],
    ['${file:empty}', 'text: the file "empty" is empty'],
    ['${file:large}', 'text: the file "large" is larger than 65536 bytes'],
    ['${file:latin1}', 'text: the file "latin1" is not UTF-8 text'],
    [
      '${NAME}',
      'text: holds a reference that is neither `${env:NAME}` nor `${file:PATH}` (write `$${` for a literal `${`)',
    ],
    ['a ${env:NAME', 'text: holds a reference without its closing brace (write `$${` for a literal `${`)'],
  ])('%j is refused', async (text, problem) => {
    expect(await resolveText(text)).toEqual([problem]);
  });

  test('a key that holds a reference is a problem, not a name', async () => {
    const { problems } = await interpolate(
      { '${env:NAME}': { 'a/$${x}': 1 }, ok: 1 },
      { environment, directory },
    );
    expect(problems.map(formatProblem)).toEqual([
      '["${env:NAME}"]: holds `${` in a key, where nothing is replaced: write the name itself',
      '["${env:NAME}"]["a/$${x}"]: holds `${` in a key, where nothing is replaced: write the name itself',
    ]);
  });

  test('every problem is found, with its place; strings with problems stay as they were', async () => {
    const input = { auth: [{ secret: '${env:A}' }], note: '${env:B} ${env:C}', port: 1, name: '${env:NAME}' };
    const { value, problems } = await interpolate(input, { environment, directory });
    expect(problems.map(formatProblem)).toEqual([
      'auth[0].secret: the environment variable A is not set',
      'note: the environment variable B is not set',
      'note: the environment variable C is not set',
    ]);
    expect(value).toEqual({ ...input, name: 'value' });
  });
});
