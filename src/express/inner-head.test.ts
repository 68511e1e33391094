import { maxHeaderSize } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ValidationError } from '../core/errors.ts';
import { encodeHead } from './inner-head.ts';
import type { InnerRequest } from './inner-request.ts';

const request = (parts: Partial<InnerRequest> = {}): InnerRequest => ({
  method: 'GET',
  target: '/',
  headers: {},
  connection: { encrypted: false },
  ...parts,
});

const encode = (parts: Partial<InnerRequest> = {}): string =>
  encodeHead(request(parts), '127.0.0.1').toString('latin1');

describe('encodeHead', () => {
  test('says what a client says', () => {
    expect(encode({ target: '/a%20b?c=d', headers: { accept: '*/*', 'x-empty': '' } })).toBe(
      'GET /a%20b?c=d HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\nx-empty: \r\n\r\n',
    );
  });

  test('keeps the host that is given', () => {
    expect(encode({ headers: { host: 'app.test' } })).toBe('GET / HTTP/1.1\r\nhost: app.test\r\n\r\n');
  });

  test.each([
    ['POST', undefined, '0'],
    ['PUT', undefined, '0'],
    ['POST', Buffer.from('four'), '4'],
    ['GET', Buffer.from('ü'), '2'],
    ['DELETE', new Uint8Array(), '0'],
  ])('%s with %o has a Content-Length of %s', (method, body, length) => {
    expect(encode({ method, body })).toContain(`\r\ncontent-length: ${length}\r\n`);
  });

  test('GET without a body has no length', () => {
    expect(encode()).not.toContain('content-length');
  });

  test('frames the message itself, whatever it is told', () => {
    const headers = {
      'content-length': '7',
      'Content-Length': '8',
      'transfer-encoding': 'chunked',
      connection: 'close, x-a',
      'keep-alive': 'timeout=5',
      'proxy-connection': 'close',
      upgrade: 'h2c',
      trailer: 'x-b',
      'x-kept': 'yes',
    };
    expect(encode({ method: 'POST', headers, body: Buffer.from('four') })).toBe(
      'POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-kept: yes\r\ncontent-length: 4\r\n\r\n',
    );
  });

  test.each([
    '',
    'users',
    'http://elsewhere.test/',
    '*',
    '/a b',
    '/a\r\nx-forged: 1',
    '/a\tb',
    '/a#fragment',
    '/\u00fc',
    '/\u0000',
    '/\u0100\u010d',
  ])('refuses the target %j', (target) => {
    expect(() => encode({ target })).toThrow(ValidationError);
  });

  test('an asterisk is for OPTIONS', () => {
    expect(encode({ method: 'OPTIONS', target: '*' })).toContain('OPTIONS * HTTP/1.1');
  });

  test.each(['', 'get', 'CONNECT', 'PRI', 'GET /x HTTP/1.1\r\n', 'NOSUCH'])(
    'refuses the method %j',
    (method) => {
      expect(() => encode({ method })).toThrow(ValidationError);
    },
  );

  test.each([
    ['x-a', 'line\r\nx-forged: 1'],
    ['x-a', 'zero\u0000'],
    ['x-a', 'wide \u{1f600}'],
    ['x a', 'space'],
    ['x-a: b\r\nx-c', 'colon'],
    ['', 'nameless'],
  ])('refuses the field %j with the value %j, which it does not repeat', (name, value) => {
    const encoding = () => encode({ headers: { [name]: value } });
    expect(encoding).toThrow(ValidationError);
    expect(encoding).not.toThrow(value);
  });

  test('refuses a head that a server of Node would not read', () => {
    expect(() => encode({ headers: { 'x-long': 'x'.repeat(maxHeaderSize) } })).toThrow(ValidationError);
    expect(() => encode({ headers: { 'x-long': 'x'.repeat(maxHeaderSize - 100) } })).not.toThrow();
  });
});
