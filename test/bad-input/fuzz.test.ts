import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { startNotes } from '../support/notes-gate.ts';
import { MODERN, openPeer, STATEFUL, STATELESS } from '../support/peers.ts';
import { exchangeBytes, toBytes } from '../support/raw-socket.ts';
import { ERAS, type Era, headersOf, messageOf } from '../support/wire.ts';
import {
  goodMessage,
  headerName,
  headerValue,
  isRecord,
  nearMessage,
  oddJson,
  oddText,
  wildLine,
} from './arbitraries.ts';
import { expectBounded, expectSafe, expectServed, SEED } from './survival.ts';

/** Each with an id of its own, mostly: a batch with the same one twice is refused as a whole. */
const batch = fc
  .array(
    fc.oneof(
      { weight: 10, arbitrary: goodMessage(STATELESS.era) },
      { weight: 10, arbitrary: nearMessage(STATELESS.era) },
      { weight: 1, arbitrary: oddJson },
    ),
    { maxLength: 5 },
  )
  .map((list) =>
    list.map((message, id) => (isRecord(message) && message['id'] === 7 ? { ...message, id } : message)),
  );

const RUNS = { numRuns: 300, seed: SEED };
const TIMEOUT = { timeout: 25_000 };
const BRIEF = { streamPatienceMs: 100 };
const LIMITS = { bodyTimeoutMs: 500 };

const CALL = {
  era: '2025-11-25',
  method: 'tools/call',
  params: { name: 'echo', arguments: { text: 'x' } },
} as const;
const BODY = JSON.stringify(messageOf(CALL));
const JSON_LINES = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];

function linesOf(pairs: readonly (readonly [string, string])[]): readonly string[] {
  return pairs.map(([name, value]) => `${name}: ${value}`);
}

describe('heads', TIMEOUT, () => {
  test.each(['without a token', 'with a good token'])('any fields at all, %s', async (who) => {
    const harness = await startNotes({ limits: LIMITS });
    const token = await harness.token();
    const own = who === 'with a good token' ? [`Authorization: Bearer ${token}`] : [];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'TRACE', 'PROPFIND'),
        fc.array(fc.tuple(headerName, headerValue), { maxLength: 12 }),
        async (method, fields) => {
          const lines = [
            `${method} /mcp HTTP/1.1`,
            'Host: 127.0.0.1',
            ...own,
            ...linesOf(fields),
            ...JSON_LINES,
          ];
          const bytes = toBytes([...lines, `Content-Length: ${BODY.length}`], BODY);
          expectSafe(await exchangeBytes(harness.url, bytes, { ...BRIEF, method }));
        },
      ),
      RUNS,
    );
    await expectServed(harness, token);
  });

  test('any target: paths, queries, and what is neither', async () => {
    const harness = await startNotes({ limits: LIMITS, server: { extras: { query: ['q', 'constructor'] } } });
    const token = await harness.token();
    const paths = [
      '/mcp',
      '/mcp/',
      '/mcp/message',
      '/mcp/health',
      '/mcp/progress/stats',
      '/MCP',
      '//mcp',
      '/mcp/../mcp',
    ];
    const wild = [
      ...paths,
      '/%6dcp',
      '/mcp%00',
      '/.well-known/oauth-protected-resource/mcp',
      '*',
      'http://evil.example/mcp',
    ];
    const piece = fc.oneof(
      oddText.map(percentEncoded),
      fc.constantFrom(
        'q=1',
        '&',
        '=',
        '%',
        '%zz',
        '%ff',
        '+',
        '__proto__=1',
        'constructor=2',
        'q=1&q=2',
        '?',
        '#',
        '/',
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...wild),
        fc.array(piece, { maxLength: 8 }),
        fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'),
        async (path, query, method) => {
          const target = query.length === 0 ? path : `${path}?${query.join('')}`;
          const lines = [
            `${method} ${target} HTTP/1.1`,
            'Host: 127.0.0.1',
            `Authorization: Bearer ${token}`,
            ...JSON_LINES,
          ];
          const bytes = toBytes([...lines, `Content-Length: ${BODY.length}`], BODY);
          expectSafe(await exchangeBytes(harness.url, bytes, { ...BRIEF, method }));
        },
      ),
      RUNS,
    );
    await expectServed(harness, token);
  });

  test('lines that HTTP forbids', async () => {
    const harness = await startNotes({ limits: LIMITS });
    const token = await harness.token();
    await fc.assert(
      fc.asyncProperty(
        fc.array(wildLine, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (wild, isFirst) => {
          const good = [
            `POST /mcp HTTP/1.1`,
            'Host: 127.0.0.1',
            `Authorization: Bearer ${token}`,
            ...JSON_LINES,
          ];
          const lines = isFirst ? wild : [...good, ...wild];
          const bytes = toBytes([...lines, `Content-Length: ${BODY.length}`], BODY);
          expectBounded(await exchangeBytes(harness.url, bytes, BRIEF));
        },
      ),
      RUNS,
    );
    await expectServed(harness, token);
  });

  test('no HTTP at all', async () => {
    const harness = await startNotes({ limits: LIMITS });
    const garbage = fc.uint8Array({ minLength: 1, maxLength: 400 });
    await fc.assert(
      fc.asyncProperty(garbage, async (bytes) => {
        expectBounded(
          await exchangeBytes(harness.url, Buffer.concat([bytes, Buffer.from('\r\n\r\nx\r\n\r\n')]), BRIEF),
        );
      }),
      RUNS,
    );
    await expectServed(harness, await harness.token());
  });

  test.each([
    ['a field', (size: number) => [`X-Long: ${'x'.repeat(size)}`], 431],
    ['many fields', (size: number) => Array.from({ length: size / 6 }, () => 'X-A: 123'), 431],
    ['a name', (size: number) => [`${'x'.repeat(size)}: 1`], 431],
  ])('too large: %s', async (_name, linesOfSize, status) => {
    const harness = await startNotes();
    const token = await harness.token();
    const own = ['POST /mcp HTTP/1.1', 'Host: 127.0.0.1', `Authorization: Bearer ${token}`, ...JSON_LINES];
    const send = (size: number) =>
      exchangeBytes(
        harness.url,
        toBytes([...own, ...linesOfSize(size), `Content-Length: ${BODY.length}`], BODY),
      );
    expect(await send(20_000)).toMatchObject({ status: 200 });
    expect(await send(40_000)).toMatchObject({ status });
    await expectServed(harness, token);
  });

  test('a second credential is seen behind however many other fields', async () => {
    const harness = await startNotes();
    const token = await harness.token();
    const own = ['POST /mcp HTTP/1.1', 'Host: 127.0.0.1', `Authorization: Bearer ${token}`, ...JSON_LINES];
    const filler = Array.from({ length: 1200 }, (_, index) => `X-${index}: 1`);
    const lines = [...own, ...filler, 'Authorization: Bearer other', `Content-Length: ${BODY.length}`];
    const answer = await exchangeBytes(harness.url, toBytes(lines, BODY));
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'AMBIGUOUS_CREDENTIALS' });
  });
});

describe('credentials', TIMEOUT, () => {
  test('no garbage is taken for a credential', async () => {
    const harness = await startNotes();
    const scheme = fc.constantFrom(
      'Bearer ',
      'bearer ',
      'BEARER\t',
      'ApiKey ',
      'DPoP ',
      'Basic ',
      'Negotiate ',
      '',
      'Bearer',
    );
    const name = fc.constantFrom(
      'Authorization',
      'X-API-Key',
      'X-Session-Id',
      'Proxy-Authorization',
      'Cookie',
    );
    await fc.assert(
      fc.asyncProperty(name, scheme, fc.oneof(headerValue, jwtLike), async (field, prefix, value) => {
        const lines = ['POST /mcp HTTP/1.1', 'Host: 127.0.0.1', `${field}: ${prefix}${value}`, ...JSON_LINES];
        const answer = await exchangeBytes(
          harness.url,
          toBytes([...lines, `Content-Length: ${BODY.length}`], BODY),
        );
        expectSafe(answer);
        expect([400, 401]).toContain(answer.status);
      }),
      RUNS,
    );
    expect(harness.runs.built).toEqual([]);
    await expectServed(harness, await harness.token());
  });

  test('no change to a good token leaves it good', async () => {
    const harness = await startNotes();
    const token = await harness.token();
    await fc.assert(
      fc.asyncProperty(changed(token), async (changedToken) => {
        fc.pre(!isSameToken(changedToken, token));
        const lines = [
          'POST /mcp HTTP/1.1',
          'Host: 127.0.0.1',
          `Authorization: Bearer ${changedToken}`,
          ...JSON_LINES,
        ];
        const answer = await exchangeBytes(
          harness.url,
          toBytes([...lines, `Content-Length: ${BODY.length}`], BODY),
        );
        expectSafe(answer);
        expect([400, 401]).toContain(answer.status);
      }),
      RUNS,
    );
    expect(harness.runs.built).toEqual([]);
    await expectServed(harness, token);
  });

  test('claims of any shape under a good signature', async () => {
    const harness = await startNotes({
      tenancy: { from: 'claim', required: false, toUserId: 'subject' },
      authorization: { roles: { admin: { scopes: ['x'] } }, tools: { 'notes/write': { scopes: ['x'] } } },
    });
    const names = [
      'sub',
      'scope',
      'scp',
      'roles',
      'groups',
      'permissions',
      'tenant',
      'client_id',
      'jti',
      'act',
      'acr',
      'amr',
    ];
    const claims = fc.dictionary(
      fc.constantFrom(...names, 'aud', 'nbf', 'auth_time', 'iat', '__proto__', 'constructor'),
      oddJson,
    );
    await fc.assert(
      fc.asyncProperty(claims, async (own) => {
        const token = await harness.issuer.sign({ sub: 'alice', aud: harness.resource, ...own });
        const headers = headersOf({ ...CALL, token });
        const lines = [
          'POST /mcp HTTP/1.1',
          'Host: 127.0.0.1',
          ...linesOf(headers),
          `Content-Length: ${BODY.length}`,
        ];
        fc.pre(token.length < 16_000);
        expectSafe(await exchangeBytes(harness.url, toBytes(lines, BODY)));
      }),
      RUNS,
    );
    await expectServed(harness, await harness.token());
  });
});

describe.each(['v2', 'v1'] as const)('bodies, to a server of SDK %s', TIMEOUT, (sdk) => {
  test.each([
    { what: 'any JSON', mode: STATELESS, body: oddJson },
    { what: 'messages that are nearly right', mode: STATELESS, body: nearMessage(STATELESS.era) },
    { what: 'messages that are nearly right', mode: STATEFUL, body: nearMessage(STATEFUL.era) },
    { what: 'messages that are nearly right', mode: MODERN, body: nearMessage(MODERN.era) },
    { what: 'batches', mode: STATELESS, body: batch },
    { what: 'batches', mode: STATEFUL, body: batch },
  ])('$what, $mode.mode', async ({ mode, body }) => {
    const harness = await startNotes({
      sdk,
      mode,
      limits: { timeoutMs: 2000, ...LIMITS },
    });
    const peer = await openPeer(harness, mode, await harness.token());
    const mostly = <T>(usual: T, other: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
    const era = mostly<Era>(mode.era, fc.constantFrom(...ERAS));
    const sessionId = mostly(peer.sessionId, fc.constantFrom(undefined, 'nobody', '', '__proto__', 'a\tb'));
    await fc.assert(
      fc.asyncProperty(body, era, sessionId, async (value, ...from) => {
        expectSafe(await exchangeBytes(harness.url, toPost(value, peer.token, ...from), BRIEF));
      }),
      RUNS,
    );
    await expectServed(harness, peer.token, '2026-07-28');
    // It waits for whatever was admitted and has not ended, for longer than this test may take.
    await harness.gate.close();
  });
});

function toPost(value: unknown, token: string, era: Era, sessionId: string | undefined): Buffer {
  const text = JSON.stringify(value) ?? 'null';
  const headers = headersOf({ era, token, method: methodOf(value), params: paramsOf(value) });
  const lines = linesOf(headers).map((line) => line.replace(/[^\t\x20-\x7e]/g, ''));
  const session = sessionId === undefined ? [] : [`Mcp-Session-Id: ${sessionId}`];
  const length = `Content-Length: ${Buffer.byteLength(text)}`;
  return toBytes(['POST /mcp HTTP/1.1', 'Host: 127.0.0.1', ...lines, ...session, length], text);
}

const segment = fc.oneof(
  oddJson.map((value) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url')),
  fc
    .constantFrom(
      '{"alg":"none"}',
      '{"alg":"HS256","typ":"JWT"}',
      '{"alg":"ES256","crit":["x"]}',
      '{"alg":"ES256","kid":{}}',
    )
    .map((text) => Buffer.from(text).toString('base64url')),
  fc.stringMatching(/^[A-Za-z0-9_-]{0,60}$/),
);
const jwtLike = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('.'));

function changed(token: string): fc.Arbitrary<string> {
  const segments = token.split('.');
  return fc.oneof(
    fc
      .tuple(fc.nat(token.length - 1), fc.constantFrom(...'AZaz09-_.='))
      .map(([at, character]) => token.slice(0, at) + character + token.slice(at + 1)),
    fc
      .tuple(fc.nat(2), segment)
      .map(([at, other]) => segments.map((own, index) => (index === at ? other : own)).join('.')),
    fc.nat(token.length - 1).map((end) => token.slice(0, end)),
    fc.constantFrom(
      `${token}.`,
      `${token}=`,
      `.${token}`,
      `${token}.${segments[2]}`,
      segments.toReversed().join('.'),
    ),
  );
}

// The last characters of base64url may differ in bits that stand for nothing.
function isSameToken(one: string, other: string): boolean {
  const decode = (token: string) =>
    token.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
  return JSON.stringify(decode(one)) === JSON.stringify(decode(other));
}

function percentEncoded(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

function methodOf(value: unknown): string {
  const method = isRecord(value) ? value['method'] : undefined;
  return typeof method === 'string' ? method : 'tools/list';
}

function paramsOf(value: unknown): Record<string, unknown> {
  const params = isRecord(value) ? value['params'] : undefined;
  return isRecord(params) ? params : {};
}
