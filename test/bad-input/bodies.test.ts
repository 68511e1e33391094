import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { startNotes } from '../support/notes-gate.ts';
import { exchangeBytes } from '../support/raw-socket.ts';
import { sendSlowly } from '../support/slow-sender.ts';
import { type HeaderPairs, headersOf, messageOf, raw } from '../support/wire.ts';
import { expectServed } from './survival.ts';

const ERA = '2025-11-25';
const ACCEPT = 'application/json, text/event-stream';
const LIMITS = { bodyBytes: 4096, bodyDepth: 16, bodyTimeoutMs: 800 };
const CALL = {
  era: ERA,
  method: 'tools/call',
  params: { name: 'echo', arguments: { text: 'still here' } },
} as const;

async function startSmall() {
  const harness = await startNotes({ limits: LIMITS });
  const bearer = await harness.token();
  const post = (body: string | Uint8Array, headers: HeaderPairs = headersOf({ ...CALL, token: bearer })) =>
    raw(harness.url, { method: 'POST', headers, body });
  return { ...harness, bearer, post };
}

function rpcErrorOf(code: string) {
  return {
    jsonrpc: '2.0',
    id: null,
    error: { code: expect.any(Number), message: expect.any(String), data: { code } },
  };
}

function headOf(lines: readonly string[]): string {
  const fixed = [
    'POST /mcp HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Accept: ${ACCEPT}`,
  ];
  return [...fixed, ...lines, '', ''].join('\r\n');
}

function chunkOf(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function nested(depth: number): string {
  return `${'['.repeat(depth)}${']'.repeat(depth)}`;
}

describe('a body that is too large', () => {
  test('is refused by its declared length, before any of it comes', async () => {
    const { url, bearer, runs } = await startSmall();
    const head = headOf([`Authorization: Bearer ${bearer}`, 'Content-Length: 4097']);
    const answer = await exchangeBytes(url, head);
    expect(answer).toMatchObject({ status: 413, complete: true });
    expect(JSON.parse(answer.body)).toEqual(rpcErrorOf('PAYLOAD_TOO_LARGE'));
    expect(runs.built).toEqual([]);
    await expectServed({ url }, bearer);
  });

  test('is refused as it comes when no length is declared', async () => {
    const { url, bearer, runs } = await startSmall();
    const head = headOf([`Authorization: Bearer ${bearer}`, 'Transfer-Encoding: chunked']);
    // The last chunk never comes: the answer must not wait for it.
    const answer = await exchangeBytes(url, head + chunkOf('x'.repeat(3000)) + chunkOf('x'.repeat(3000)));
    expect(answer).toMatchObject({ status: 413, complete: true });
    expect(JSON.parse(answer.body)).toEqual(rpcErrorOf('PAYLOAD_TOO_LARGE'));
    expect(runs.built).toEqual([]);
    await expectServed({ url }, bearer);
  });

  test.each([
    ['of a known length', (body: string) => body],
    ['of unknown length', (body: string) => new Blob([body]).stream()],
  ])('%s gets its answer through to a client that is still sending', async (_name, toBody) => {
    const { url, bearer } = await startSmall();
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: toBody('x'.repeat(3_000_000)), duplex: 'half' };
    const response = await fetch(url, init as RequestInit);
    expect(response.status).toBe(413);
    expect(await response.json()).toEqual(rpcErrorOf('PAYLOAD_TOO_LARGE'));
    await expectServed({ url }, bearer);
  });

  test('of exactly the bound is read', async () => {
    const { post } = await startSmall();
    const message = (padding: string) =>
      JSON.stringify(messageOf({ ...CALL, params: { ...CALL.params, padding } }));
    const padding = 'x'.repeat(LIMITS.bodyBytes - message('').length);
    expect(await post(message(padding))).toMatchObject({ status: 200 });
    expect(await post(message(`${padding}x`))).toMatchObject({ status: 413 });
  });

  test('counts bytes, not characters', async () => {
    const { post } = await startSmall();
    expect(await post(JSON.stringify({ text: 'é'.repeat(2050) }))).toMatchObject({ status: 413 });
  });
});

describe('a body that is too deep', () => {
  test.each([
    ['lists', nested(17)],
    ['more lists than a parser could descend', nested(2000)],
    ['objects', `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`],
    ['lists that are never closed', '['.repeat(4000)],
    [
      'in the arguments of a call',
      JSON.stringify(messageOf({ ...CALL, params: { a: JSON.parse(nested(15)) } })),
    ],
  ])('is refused: %s', async (_name, body) => {
    const { post, url, bearer } = await startSmall();
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual(rpcErrorOf('VALIDATION_ERROR'));
    expect(answer.text).toContain('deeper than 16');
    await expectServed({ url }, bearer);
  });

  test('brackets in strings do not count', async () => {
    const { post } = await startSmall();
    const params = { name: 'echo', arguments: { text: '[[[[{{{{"'.repeat(20) } };
    expect(await post(JSON.stringify(messageOf({ ...CALL, params })))).toMatchObject({ status: 200 });
  });
});

describe('a body that comes slowly', () => {
  test.each([
    ['with a declared length', 'Content-Length: 1000', (): string => ' '],
    ['in chunks', 'Transfer-Encoding: chunked', (): string => chunkOf(' ')],
  ])('is refused when its time is up, however often a byte comes: %s', async (_name, framing, nextPiece) => {
    const { url, bearer, runs } = await startSmall();
    const head = headOf([`Authorization: Bearer ${bearer}`, framing]);
    const answer = await sendSlowly(url, { head, nextPiece, everyMs: 40 });
    expect(answer).toMatchObject({ status: 408, complete: true });
    expect(JSON.parse(answer.body)).toEqual(rpcErrorOf('REQUEST_TIMEOUT'));
    expect(runs.built).toEqual([]);
    await expectServed({ url }, bearer);
  });

  test('is refused when nothing comes at all', async () => {
    const { url, bearer } = await startSmall();
    const answer = await exchangeBytes(
      url,
      headOf([`Authorization: Bearer ${bearer}`, 'Content-Length: 10']),
    );
    expect(answer).toMatchObject({ status: 408, complete: true });
  });

  test('is served when it is slow but in time', async () => {
    const { url, bearer } = await startSmall();
    const pieces = JSON.stringify(messageOf(CALL)).match(/.{1,30}/gs) ?? [];
    const head = headOf([`Authorization: Bearer ${bearer}`, `Content-Length: ${pieces.join('').length}`]);
    const answer = await sendSlowly(url, { head, nextPiece: () => pieces.shift(), everyMs: 10 });
    expect(answer).toMatchObject({ status: 200 });
  });

  test('ends with its connection once the refused sender goes on sending', async () => {
    const { url, bearer } = await startSmall();
    const head = headOf([`Authorization: Bearer ${bearer}`, 'Content-Length: 1000000']);
    const { closed } = await sendSlowly(url, { head, nextPiece: () => ' ', everyMs: 40, untilClosed: true });
    expect(closed).toBe(true);
    await expectServed({ url }, bearer);
  });
});

describe('a head that comes slowly', () => {
  test('is cut off', { timeout: 30_000 }, async () => {
    const { url, bearer } = await startSmall();
    const head = 'POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n';
    const answer = await sendSlowly(url, {
      head,
      nextPiece: () => 'X-Slow: 1\r\n',
      everyMs: 500,
      untilClosed: true,
    });
    expect(answer).toMatchObject({ status: 408, closed: true });
    await expectServed({ url }, bearer);
  });
});

describe('a body of another kind', () => {
  const json = JSON.stringify(messageOf(CALL));
  const withType = (token: string, ...types: readonly string[]): [string, string][] => [
    ...headersOf({ ...CALL, token }).filter(([name]) => name !== 'content-type'),
    ...types.map((type): [string, string] => ['content-type', type]),
  ];

  test.each([
    ['none', []],
    ['text', ['text/plain']],
    ['a form, which any web page may send', ['application/x-www-form-urlencoded']],
    ['a form in parts', ['multipart/form-data; boundary=x']],
    ['text that mentions JSON', ['text/plain; application/json']],
    ['something like JSON', ['application/jsonp']],
    ['two', ['application/json', 'application/json']],
  ])('is refused by its type: %s', async (_name, types) => {
    const { post, bearer, runs } = await startSmall();
    const answer = await post(json, withType(bearer, ...types));
    expect(answer.status).toBe(415);
    expect(answer.json).toEqual(rpcErrorOf('UNSUPPORTED_MEDIA_TYPE'));
    expect(runs.built).toEqual([]);
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON ;charset="UTF-8"'])(
    'is read: %s',
    async (type) => {
      const { post, bearer } = await startSmall();
      expect(await post(json, withType(bearer, type))).toMatchObject({ status: 200 });
    },
  );

  test.each(['gzip', 'GZIP', 'deflate', 'br', 'gzip, identity', ''])(
    'is refused unread when compressed: %j',
    async (encoding) => {
      const { post, bearer, runs, url } = await startSmall();
      const bomb = gzipSync('['.repeat(3_000_000));
      expect(bomb.byteLength).toBeLessThan(LIMITS.bodyBytes);
      const answer = await post(bomb, [
        ...headersOf({ ...CALL, token: bearer }),
        ['content-encoding', encoding],
      ]);
      expect(answer.status).toBe(415);
      expect(answer.json).toEqual(rpcErrorOf('UNSUPPORTED_MEDIA_TYPE'));
      expect(runs.built).toEqual([]);
      await expectServed({ url }, bearer);
    },
  );

  test('is read when its encoding is none', async () => {
    const { post, bearer } = await startSmall();
    const headers = [...headersOf({ ...CALL, token: bearer }), ['content-encoding', 'identity']] as const;
    expect(await post(json, headers)).toMatchObject({ status: 200 });
  });

  test.each<[string, string | Uint8Array, number]>([
    ['nothing', '', -32700],
    ['half a message', json.slice(0, -5), -32700],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), -32700],
    ['UTF-16', Buffer.from(json, 'utf16le'), -32700],
    ['two messages in a row', json + json, -32700],
    ['JSON that is no message', '"hello"', -32600],
    ['no messages', '[]', -32600],
    ['more messages than a batch may hold', `[${Array.from({ length: 51 }, () => '1').join()}]`, -32600],
  ])('that cannot be read is refused: %s', async (_name, body, rpcCode) => {
    const { post, url, bearer } = await startSmall();
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({
      id: null,
      error: { code: rpcCode, data: { code: 'VALIDATION_ERROR' } },
    });
    await expectServed({ url }, bearer);
  });
});

describe('a body of someone who is not known', () => {
  const refusals = ['MISSING_CREDENTIALS', 'INVALID_TOKEN'] as const;

  test.each([
    ['too large', 'Content-Length: 999999', 'x'.repeat(5000)],
    ['that never comes', 'Content-Length: 1000', ''],
    ['without an end', 'Transfer-Encoding: chunked', chunkOf('x'.repeat(5000))],
    ['that is no JSON', 'Content-Length: 3', '{"a'],
    ['too deep', 'Content-Length: 2000', nested(1000)],
    ['compressed', 'Content-Length: 2\r\nContent-Encoding: gzip', '{}'],
  ])('does not matter: %s', async (_name, framing, body) => {
    const { url, runs, bearer } = await startSmall();
    for (const code of refusals) {
      const credential = code === 'INVALID_TOKEN' ? ['Authorization: Bearer nobody'] : [];
      const answer = await exchangeBytes(url, headOf([...credential, framing]) + body);
      expect(answer).toMatchObject({ status: 401, complete: true });
      expect(JSON.parse(answer.body)).toMatchObject({ code });
    }
    expect(runs.built).toEqual([]);
    await expectServed({ url }, bearer);
  });
});
