import { describe, expect, test } from 'vitest';
import {
  canonicalBaseUrl,
  findBaseUrlProblem,
  findHeaderNameProblem,
  findHeaderValueProblem,
  findHostNameProblem,
  findListenHostProblem,
  findOriginProblem,
  findPathProblem,
  findRangeProblem,
  findRate,
  findRateProblem,
  findScopeProblem,
  isLoopbackHost,
} from './values.ts';

describe('isLoopbackHost', () => {
  test.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])('%s is', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  test.each([
    '0.0.0.0',
    '::',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '127.example.com',
    '10.0.0.1',
  ])('%s is not', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});

type Find = (value: string) => string | undefined;

const CASES: readonly [find: Find, good: readonly string[], bad: readonly string[]][] = [
  [
    findBaseUrlProblem,
    ['https://a.example', 'https://a.example:8443/base/', 'http://localhost:3000', 'http://[::1]:1'],
    [
      'a.example',
      '/mcp',
      'ftp://a.example',
      'http://a.example',
      'http://127.0.0.1.evil.example',
      'https://u:p@a.example',
      'https://a.example?x=1',
      'https://a.example/?',
      'https://a.example#f',
      'https://a.example/#',
      'https://a.exam ple',
      'https:\\\\a.example',
      'javascript:alert(1)',
    ],
  ],
  [
    findOriginProblem,
    ['https://app.example.com', 'http://localhost:5173'],
    [
      '*',
      'null',
      'https://app.example.com/',
      'https://APP.example.com',
      'https://a.example:443',
      'app.example',
    ],
  ],
  [
    findHostNameProblem,
    ['mcp.example.com', 'localhost', '10.0.0.1', '[::1]'],
    ['*', '*.example.com', 'mcp.example.com:3000', 'https://mcp.example.com', '::1', '[::x]', '', '-a'],
  ],
  [
    findListenHostProblem,
    ['127.0.0.1', '0.0.0.0', '::', 'localhost'],
    ['localhost:3000', 'http://x', '[::1]'],
  ],
  [
    findPathProblem,
    ['/', '/mcp', '/a/b.c/d~e'],
    ['mcp', '/mcp/', '//', '/a//b', '/a/../b', '/.', '/a?b', '/a#b', '/%2e', '/.well-known/x', '/ä'],
  ],
  [
    findRangeProblem,
    ['10.0.0.0/8', '192.168.1.1', '::1', 'fd00::/8', '2001::/16', '1.2.3.4/32', '::ffff:10.0.0.0/104'],
    [
      '10.0.0.0/33',
      'fd00::/129',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      'example.com',
      '10.0.0/8',
      '0.0.0.0/0',
      '::/0',
      '0.0.0.0/1',
      '128.0.0.0/7',
      '2000::/3',
      '2000::/15',
      'f000::/4',
      '::ffff:0:0/96',
      '::ffff:0:0/97',
      '::ffff:10.0.0.0/103',
      '::/80',
      '0:0:0:0:0:ffff:1:2/90',
      '',
    ],
  ],
  [
    findScopeProblem,
    ['files:read', 'a*', 'https://a.example/scope'],
    ['', 'a b', 'a"b', 'a\\b', 'a\nb', 'ä', 'offline_access'],
  ],
  [
    findHeaderNameProblem,
    ['x-tenant-id', 'X_A'],
    [
      '',
      'a b',
      'a:b',
      'a\r\nb',
      'Authorization',
      'Cookie',
      'X-API-Key',
      'x-session-id',
      'DPoP',
      'x'.repeat(129),
    ],
  ],
  [findHeaderValueProblem, ['', 'a b'], ['a\r\nb', 'a\0', '\x7f', 'ä']],
  [
    findRateProblem,
    ['100/min', '1/s', '5000/day'],
    ['100', '0/min', '-1/min', '1.5/min', '1/fortnight', '1/min/2', ' 1/min'],
  ],
];

describe.each(CASES.map(([find, good, bad]) => ({ find, good, bad })))(
  '$find.name',
  ({ find, good, bad }) => {
    test.each(good)('takes %j', (value) => {
      expect(find(value)).toBeUndefined();
    });

    test.each(bad)('refuses %j', (value) => {
      expect(find(value)).toEqual(expect.any(String));
    });
  },
);

test('findRate reads count and window', () => {
  expect(findRate('100/min')).toEqual({ limit: 100, windowSeconds: 60 });
  expect(findRate('5/h')).toEqual({ limit: 5, windowSeconds: 3600 });
});

test('canonicalBaseUrl spells a URL in one way', () => {
  expect(canonicalBaseUrl('HTTPS://Mcp.Example.com:443/')).toBe('https://mcp.example.com');
  expect(canonicalBaseUrl('https://mcp.example.com/base//')).toBe('https://mcp.example.com/base');
});
