import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenge.ts';

function parsed(...fields: readonly string[]): unknown {
  const result = parseChallenges(fields);
  if (!result.ok) return result.reason;
  return result.challenges.map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);
}

describe('the strict reading of WWW-Authenticate', () => {
  it.each([
    ['Basic', [['basic', {}]]],
    ['bEaReR scope="a b"', [['bearer', { scope: 'a b' }]]],
    ['Bearer a=1 , B = "2"', [['bearer', { a: '1', b: '2' }]]],
    [
      'Bearer a="1", DPoP algs="ES256"',
      [
        ['bearer', { a: '1' }],
        ['dpop', { algs: 'ES256' }],
      ],
    ],
    [
      'Negotiate YWJj==, Bearer a=1',
      [
        ['negotiate', {}],
        ['bearer', { a: '1' }],
      ],
    ],
    ['Bearer realm="say \\"hi\\", x=1"', [['bearer', { realm: 'say "hi", x=1' }]]],
    [', ,Bearer a=1,', [['bearer', { a: '1' }]]],
    ['', []],
  ])('reads %s', (field, expected) => {
    expect(parsed(field)).toEqual(expected);
  });

  it('reads several fields', () => {
    expect(parsed('Bearer a=1', 'Basic realm="x"')).toEqual([
      ['bearer', { a: '1' }],
      ['basic', { realm: 'x' }],
    ]);
  });

  it.each([
    ['Bearer a="1', 'the value of a is neither a token nor a string'],
    ['Bearer a=', 'a challenge of this scheme has no parameter'],
    ['Bearer', 'a challenge of this scheme has no parameter'],
    ['Bearer a=1, b=', 'the value of b is neither a token nor a string'],
    ['Bearer a="1"b="2"', 'something other than a comma follows the parameter a'],
    ['Bearer a="x"y"', 'something other than a comma follows the parameter a'],
    ['Bearer a=1 b=2', 'something other than a comma follows the parameter a'],
    ['Bearer a=1, A=2', 'the parameter a occurs twice'],
    ['Bearer a=1, "b"', 'a parameter has no name'],
    ['Bearer a="\x01"', 'the value of a is neither a token nor a string'],
    ['"Bearer"', 'a challenge does not start with a scheme name'],
    ['Bearer"x"', 'a scheme name is not followed by a space'],
    ['Bearer scope="a  b"', 'scope is not a list of scope tokens'],
    ['Bearer scope=""', 'scope is not a list of scope tokens'],
    ['Bearer scope="a\\"b"', 'scope is not a list of scope tokens'],
    ['Bearer error="in\\"valid"', 'error holds characters not allowed in it'],
    ['Bearer error_description="caf\xe9"', 'error_description holds characters not allowed in it'],
  ])('refuses %s', (field, reason) => {
    expect(parsed(field)).toBe(reason);
  });

  it('comes to an end, whatever it reads', () => {
    const alphabet = fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'a', '\t', 'x=', '="', '\xff');
    const fields = fc.array(
      fc.array(alphabet).map((parts) => parts.join('')),
      { maxLength: 3 },
    );
    const isRead = (values: readonly string[]): boolean => typeof parseChallenges(values).ok === 'boolean';
    fc.assert(fc.property(fields, isRead));
  });
});
