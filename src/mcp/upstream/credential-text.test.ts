import { expect, test } from 'vitest';
import { fillCredential } from './credential-text.ts';
import { inheritedEnvironment } from './inherited-environment.ts';

test('the token stands where it is named, as it is', () => {
  const values = {
    a: '${credential}',
    b: 'Bearer ${credential}/${credential}',
    c: '$credential',
    d: '${Credential}',
  };
  expect(fillCredential(values, "$& $1 $$ '")).toEqual({
    a: "$& $1 $$ '",
    b: "Bearer $& $1 $$ '/$& $1 $$ '",
    c: '$credential',
    d: '${Credential}',
  });
});

test('what needs a token is left out without one', () => {
  expect(fillCredential({ a: '${credential}', b: 'Bearer ${credential}', c: 'x' }, '')).toEqual({ c: 'x' });
});

test('an environment is inherited by name, and never code', () => {
  const env = {
    PATH: '/bin',
    HOME: undefined,
    AWS_SECRET_ACCESS_KEY: 'x',
    NODE_OPTIONS: '-r x',
    LANG: '() { :; }',
  };
  expect(inheritedEnvironment(env)).toEqual({ PATH: '/bin' });
});
