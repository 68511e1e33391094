import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { toLogValue } from './log-value.ts';

const TOKEN = 'upstream-value-0123456789';

describe('toLogValue', () => {
  it.each([
    'password',
    'Passphrase',
    'client_secret',
    'accessToken',
    'X-API-Key',
    'api_key',
    'Authorization',
    'set-cookie',
    'sessionId',
    'privateKey',
    'otp',
    'user_pin',
    'basicAuth',
    'x-auth-value',
  ])('leaves out the value of %s', (name) => {
    expect(toLogValue({ [name]: 'value', deep: [{ [name]: { any: 'value' } }] }, '')).toEqual({
      [name]: '[redacted]',
      deep: [{ [name]: '[redacted]' }],
    });
  });

  it.each(['author', 'footprint', 'spinning', 'passage', 'monkey'])('keeps the value of %s', (name) => {
    expect(toLogValue({ [name]: 'value' }, '')).toEqual({ [name]: 'value' });
  });

  it('leaves out the upstream token wherever it stands, also in names', () => {
    const logged = toLogValue({ text: `a ${TOKEN} b ${TOKEN}`, list: [TOKEN], [TOKEN]: 1 }, TOKEN);
    expect(logged).toEqual({ text: 'a [redacted] b [redacted]', list: ['[redacted]'], '[redacted]': 1 });
  });

  it('keeps short tokens from blotting out ordinary words', () => {
    expect(toLogValue('a cat', 'a')).toBe('a cat');
    expect(toLogValue('a cat', '')).toBe('a cat');
  });

  it('copies plain values and describes the others', () => {
    const when = new Date(0);
    expect(toLogValue({ a: 1, b: true, c: null, d: undefined, e: 'text', f: [1, [2]] }, '')).toEqual({
      a: 1,
      b: true,
      c: null,
      d: undefined,
      e: 'text',
      f: [1, [2]],
    });
    expect(toLogValue([1n, () => 1, Symbol('s'), when, new Uint8Array(3), new Error('boom')], '')).toEqual([
      '[bigint]',
      '[function]',
      '[symbol]',
      when.toISOString(),
      '[3 bytes]',
      { error: 'boom' },
    ]);
    expect(toLogValue({ held: new Secret('value') }, '')).toEqual({ held: '[redacted]' });
  });

  it('is bounded in depth, width and length', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(JSON.stringify(toLogValue(cycle, ''))).toContain('…');
    const wide = toLogValue(
      Array.from({ length: 1000 }, () => 1),
      '',
    );
    expect(wide).toHaveLength(51);
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`n${index}`, index]));
    expect(Object.keys(toLogValue(many, '') as object)).toHaveLength(51);
    expect(String(toLogValue('word '.repeat(100_000), '')).length).toBeLessThanOrEqual(500);
    const bushy = Array.from({ length: 40 }, () => Array.from({ length: 40 }, () => 'word'));
    expect(JSON.stringify(toLogValue(bushy, '')).length).toBeLessThan(10_000);
  });

  it('survives whatever it is given', () => {
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no keys');
        },
      },
    );
    expect(toLogValue({ hostile }, '')).toEqual({ hostile: '[unreadable]' });
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true }),
        (value) => {
          JSON.stringify(toLogValue(value, TOKEN));
        },
      ),
    );
  });
});
