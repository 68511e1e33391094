import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeName, redactEvent, redactTarget, redactText } from './redact.ts';

const JWT = `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"sub":"ann"}').toString('base64url')}.${'c2lnbmF0dXJl'.repeat(4)}`;
const KEY = 'mcp_0123456789abcdef_Zm9vYmFyYmF6cXV4';

describe('redactText', () => {
  it.each([
    ['a JWT', `token was ${JWT} today`, 'token was [redacted] today'],
    ['part of a JWT', `got ${JWT.slice(0, 24)}`, 'got [redacted]'],
    ['a key of ours', `no such key ${KEY}`, 'no such key [redacted]'],
    ['part of a key of ours', 'key mcp_0123456789ab', 'key [redacted]'],
    ['a bearer token', 'sent Bearer abc-def', 'sent Bearer [redacted]'],
    ['a bearer token in any case', 'sent bEaReR   abc/def==, then', 'sent bEaReR   [redacted], then'],
    ['a DPoP token', 'DPoP Kz~8mXK1', 'DPoP [redacted]'],
    ['basic credentials', 'Basic dXNlcjpwdw==', 'Basic [redacted]'],
    ['an API key header', 'ApiKey k1', 'ApiKey [redacted]'],
    ['a token in a query', 'GET /x?access_token=abc&y=1', 'GET /x?access_token=[redacted]&y=1'],
    [
      'a code in a query',
      'GET /cb?code=abc&state=xyz#key=1',
      'GET /cb?code=[redacted]&state=[redacted]#key=[redacted]',
    ],
    ['a password', 'password=hunter2 was wrong', 'password=[redacted] was wrong'],
    ['a name with a prefix', 'DB_PASSWORD=hunter2', 'DB_PASSWORD=[redacted]'],
    ['a spaced assignment', 'client_secret = "two words" x', 'client_secret = "[redacted]" x'],
    ['a member of JSON', '{"refresh_token":"abc","a":1}', '{"refresh_token":"[redacted]","a":1}'],
    ['JSON in a string', '"{\\"token\\": \\"abc\\"}"', '"{\\"token\\": \\"[redacted]\\"}"'],
    ['a header', 'Authorization: Bearer abc\nHost: x', 'Authorization: [redacted]\\u000aHost: x'],
    [
      'a header of a service',
      'X-Service-Token: svc prod\nHost: x',
      'X-Service-Token: [redacted]\\u000aHost: x',
    ],
    ['a header with a key', 'x-goog-key: abc def', 'x-goog-key: [redacted]'],
    ['a cookie', 'cookie: a=1; b=2', 'cookie: [redacted]'],
    ['a scheme as a value', 'token=Bearer abc', 'token=[redacted]'],
    ['user information', 'to https://ann:pw@example.com/x', 'to https://[redacted]@example.com/x'],
    ['random hexadecimal', `id ${createHash('sha1').update('x').digest('hex')} is`, 'id [redacted] is'],
    ['a long unbroken run', `x ${'abcdefgh'.repeat(8)}`, 'x [redacted]'],
  ])('[config/audit] takes out %s', (_, text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  it.each([
    'The token is not valid',
    'Bearer token expired',
    'basic auth is not offered',
    'DPoP proof replayed',
    'unexpected code=ECONNREFUSED after 3 tries',
    'key: value, state: open',
    'token: not a JWT',
    'files:read files:write',
    'https://issuer.example.com/.well-known/openid-configuration',
    'file:///home/ann/projects/2024-05-12/report-v2.final.txt',
    'https://example.com/a@b',
    'mcp_list_files',
    'notes_getUserByIdAndNameOrEmail',
    'listAllMyS3BucketsV2',
    'very-long-tool-name-with-many-words-and-version-v2-of-2024',
    '550e8400-e29b-41d4-a716-446655440000',
    'io.modelcontextprotocol/related-task',
    'monkeyJournalEntriesList',
    'naïve café 日本語 🎉',
    '',
  ])('[config/audit] leaves alone: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('[config/audit] keeps what it writes on one line, and shows what would hide or reorder text', () => {
    expect(redactText('a\r\nb\tc\u0000\u001b[31m\u007f\u0085\u2028\u202e\u200b\ufeff')).toBe(
      'a\\u000d\\u000ab\\u0009c\\u0000\\u001b[31m\\u007f\\u0085\\u2028\\u202e\\u200b\\ufeff',
    );
    expect(redactText('\u{e0041}')).toBe('\\udb40\\udc41');
  });

  it('[config/audit] is bounded, and never keeps the first half of a secret', () => {
    for (let length = 0; length < 60; length += 1) {
      const text = `${'word '.repeat(8)}${'x'.repeat(length % 7)} Bearer ${KEY} and ${JWT} and more`;
      const kept = redactText(text, 40 + length);
      expect(kept.length).toBeLessThanOrEqual(40 + length);
      expect(kept).not.toMatch(/mcp_0|eyJ/);
    }
    expect(redactText('x'.repeat(5000))).toBe('…');
    expect(redactText('\n'.repeat(900)).length).toBeLessThanOrEqual(1024);
  });

  it('[config/audit] takes out random tokens of every usual alphabet', () => {
    const alphabets: Record<string, (bytes: Buffer) => string> = {
      hex: (bytes) => bytes.toString('hex'),
      base64url: (bytes) => bytes.toString('base64url'),
      base62: (bytes) => [...bytes, ...bytes].map((byte) => BASE62[byte % 62]).join(''),
      base32: (bytes) =>
        [...bytes, ...bytes].map((byte) => BASE62.slice(26, 52).concat('234567')[byte % 32]).join(''),
    };
    for (const [name, encode] of Object.entries(alphabets)) {
      const missed = Array.from({ length: 500 }, () => encode(randomBytes(32))).filter(
        (token) => redactText(`got ${token} back`) !== 'got [redacted] back',
      );
      expect(missed.length, `${name}: ${missed[0]}`).toBeLessThan(25);
    }
  });

  it('never lets a known secret through, wherever it stands', () => {
    const around = fc.string({ maxLength: 30, unit: fc.constantFrom(...'ab=:"\' &?#/.@\n\\%') });
    fc.assert(
      fc.property(around, fc.constantFrom(JWT, KEY), around, (before, secret, after) => {
        expect(redactText(`${before} ${secret}${after}`)).not.toContain(secret.slice(-12));
      }),
      { numRuns: 2000 },
    );
  });

  it('is total, bounded, and on one line for any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.integer({ min: 1, max: 200 }),
        (text, max) => {
          const kept = redactText(text, max);
          expect(kept.length).toBeLessThanOrEqual(max);
          expect(kept).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        },
      ),
    );
  });
});

const BASE62 = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

describe('redactTarget', () => {
  it.each([
    ['read_file', 'read_file'],
    ['files/read', 'files/read'],
    ['file:///a/b.txt?token=x', 'file:///a/b.txt'],
    ['db://t#part', 'db://t'],
    ['https://ann:pw@example.com/x?y', 'https://example.com/x'],
    ['https://ann@b:pw@example.com', 'https://example.com'],
    ['http:\\\\ann:pw@example.com\\x', 'http:\\\\example.com\\x'],
    ['mailto:ann@example.com', 'mailto:ann@example.com'],
    ['https://example.com/~ann@home', 'https://example.com/~ann@home'],
    [`notes://${KEY}/x`, 'notes://[redacted]/x'],
    ['/rel?token=abc', '/rel?token=[redacted]'],
    ['read\r\n{"type":"call"}', 'read\\u000d\\u000a{"type":"call"}'],
    [`file:///secret/${'x'.repeat(2000)}`, 'file:///secret/…'],
  ])('[config/audit] %s becomes %s', (target, expected) => {
    expect(redactTarget(target)).toBe(expected);
  });
});

describe('escapeName and redactEvent', () => {
  it('[config/audit] keeps a subject, on one line and bounded', () => {
    expect(escapeName('auth0|5f7c8ec7c33c6c004bbafe82')).toBe('auth0|5f7c8ec7c33c6c004bbafe82');
    expect(escapeName('ann\n{"outcome":"allow"}')).toBe('ann\\u000a{"outcome":"allow"}');
    expect(escapeName('x'.repeat(10_000))).toHaveLength(256);
  });

  it('[config/audit] cleans every field of an event and keeps no other', () => {
    const event = {
      time: '2026-01-01T00:00:00.000Z',
      type: 'refused',
      outcome: 'deny',
      code: 'INVALID_TOKEN',
      detail: `Bearer ${JWT}`,
      requestId: 'r\n1',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      server: 'files',
      method: 'tools/call\n',
      target: 'file:///x?key=1',
      issuer: 'https://issuer.example.com\n',
      subject: 'ann\n',
      tenantId: 'acme\n',
      clientId: 'https://client.example.com/id\n',
      remoteAddress: '203.0.113.7\n',
      transport: 'http',
      durationMs: 3,
      token: JWT,
    } as const;
    expect(redactEvent(event)).toEqual({
      time: event.time,
      type: 'refused',
      outcome: 'deny',
      code: 'INVALID_TOKEN',
      detail: 'Bearer [redacted]',
      requestId: 'r\\u000a1',
      traceId: event.traceId,
      server: 'files',
      method: 'tools/call\\u000a',
      target: 'file:///x',
      issuer: 'https://issuer.example.com\\u000a',
      subject: 'ann\\u000a',
      tenantId: 'acme\\u000a',
      clientId: 'https://client.example.com/id\\u000a',
      remoteAddress: '203.0.113.7\\u000a',
      transport: 'http',
      durationMs: 3,
    });
  });

  it('leaves out what is no text where text belongs', () => {
    const odd = { time: 't', type: 'call', outcome: 'allow', detail: { token: JWT }, subject: 7 } as never;
    expect(JSON.parse(JSON.stringify(redactEvent(odd)))).toEqual({
      time: 't',
      type: 'call',
      outcome: 'allow',
    });
  });
});
