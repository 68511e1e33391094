import { describe, expect, test } from 'vitest';
import { TransportError } from '../core/errors.ts';
import { createAnswerReader } from './inner-answer.ts';

interface Read {
  readonly heads: object[];
  readonly text: string;
  readonly isWhole: boolean;
}

/** Reads an answer that comes in such pieces. */
function read(pieces: readonly string[], method = 'GET', isClosed = false): Read {
  const heads: object[] = [];
  const chunks: Uint8Array[] = [];
  let ends = 0;
  const reader = createAnswerReader(method, {
    head: ({ status, headers }) => void heads.push({ status, headers: { ...headers } }),
    data: (bytes) => void chunks.push(bytes),
    end: () => void (ends += 1),
  });
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    reader.read(bytes);
    // Whoever wrote it may use the buffer for something else.
    bytes.fill(0);
  }
  if (isClosed) reader.close();
  expect(ends).toBeLessThan(2);
  return { heads, text: Buffer.concat(chunks).toString('latin1'), isWhole: ends === 1 };
}

const CHUNKED =
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' +
  'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nX-Empty:\r\n\r\n' +
  '5\r\nhello\r\nB\r\n, \r\n\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n';
const SIZED =
  'HTTP/1.1 404 Not Found: here\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\n\r\nhello and more';

describe('an answer', () => {
  test('in chunks comes in two pieces, wherever it is cut', () => {
    for (let at = 1; at < CHUNKED.length; at++) {
      expect(read([CHUNKED.slice(0, at), CHUNKED.slice(at)])).toEqual({
        heads: [{ status: 200, headers: { 'x-a': ['1', '2'], 'x-empty': '' } }],
        text: 'hello, \r\n\r\nworld',
        isWhole: true,
      });
    }
  });

  test('that comes byte by byte', () => {
    expect(read([...CHUNKED]).text).toBe('hello, \r\n\r\nworld');
    expect(read([...SIZED])).toEqual({
      heads: [{ status: 404, headers: { 'content-length': '5' } }],
      text: 'hello',
      isWhole: true,
    });
  });

  test('is not whole before its last byte', () => {
    for (let length = 1; length < CHUNKED.length; length++) {
      expect(read([CHUNKED.slice(0, length)], 'GET', true).isWhole).toBe(false);
    }
  });

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with %i has no body, whatever it says', (method, status) => {
    const answer = `HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\nhello`;
    expect(read([answer], method)).toMatchObject({ text: '', isWhole: true });
  });

  test('without a length lasts until the connection ends', () => {
    const answer = ['HTTP/1.1 200 OK\r\n\r\n', 'hello ', 'there'];
    expect(read(answer)).toMatchObject({ text: 'hello there', isWhole: false });
    expect(read(answer, 'GET', true)).toMatchObject({ text: 'hello there', isWhole: true });
  });

  test('keeps field names of every kind apart', () => {
    const { heads } = read([
      'HTTP/1.1 200 OK\r\n__proto__: a\r\nconstructor: b\r\nContent-Length: 0\r\n\r\n',
    ]);
    expect(Object.entries((heads[0] as { headers: object }).headers)).toContainEqual(['constructor', 'b']);
  });

  test.each([
    'nonsense\r\n\r\n',
    'HTTP/1.1 abc\r\n\r\n',
    'HTTP/1.0 200 OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno field\r\n\r\n',
    'HTTP/1.1 200 OK\r\n: nameless\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n',
    `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(2_000_000)}`,
  ])('that is none is refused (%#)', (answer) => {
    expect(() => read([answer])).toThrow(TransportError);
  });
});
