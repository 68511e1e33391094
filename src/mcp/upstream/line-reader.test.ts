import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLineReader } from './line-reader.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function read(chunks: readonly Uint8Array[], maxBytes: number, cuts: boolean) {
  const lines: string[] = [];
  let failures = 0;
  const onTooLong = cuts ? ('cut' as const) : () => void (failures += 1);
  const reader = createLineReader({ maxBytes, onTooLong, onLine: (line) => lines.push(line) });
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return { lines, failures };
}

describe('lines', () => {
  test('come out whole, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''))),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (texts, sizes) => {
          const all = bytes(texts.map((text) => `${text}\n`).join(''));
          const chunks: Uint8Array[] = [];
          for (let at = 0, turn = 0; at < all.length; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1;
            chunks.push(all.subarray(at, at + size));
            at += size;
          }
          // A mark of byte order at the start of a line is not text.
          const expected = texts.map((text) => text.replace(/^\uFEFF/, ''));
          expect(read(chunks, 10_000, false)).toEqual({ lines: expected, failures: 0 });
        },
      ),
    );
  });

  test('that are too long are cut, and the next one is whole', () => {
    expect(read([bytes('123'), bytes('456789\nab\n')], 4, true).lines).toEqual(['1234', 'ab']);
  });

  test('that are too long end the reading, once', () => {
    expect(read([bytes('ok\n123'), bytes('45\nab\n'), bytes('cd\n')], 4, false)).toEqual({
      lines: ['ok'],
      failures: 1,
    });
    expect(read([bytes('1234\n')], 4, false)).toEqual({ lines: ['1234'], failures: 0 });
  });

  test('without an end come at the end', () => {
    expect(read([bytes('a\nb')], 4, false).lines).toEqual(['a', 'b']);
  });
});
