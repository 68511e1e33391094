import { expect, test } from 'vitest';
import { ERRORS } from '../../src/core/errors.ts';
import { readText } from './project-files.ts';

test('docs/reference/errors.md has one true row for every error code', () => {
  const rows = readText('docs/reference/errors.md').matchAll(
    /^\| `([A-Z_]+)` \| (\d+) \| (-\d+) \| .+ \| .+ \|$/gm,
  );
  const documented = [...rows].map(([, code, status, rpcCode]) => [code, Number(status), Number(rpcCode)]);
  expect(documented).toEqual(
    Object.entries(ERRORS).map(([code, { status, rpcCode }]) => [code, status, rpcCode]),
  );
});
